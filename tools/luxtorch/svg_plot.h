// Curves as SVG within an HTML page.
#pragma once

#include <string>

#include "run_facts.h"

/// A figure of HTML with the panel's title, its series' names if `legend`, and the curves, whose
/// colours are the classes s0 to s7 of the page's style. A dotted line and a dot mark the best
/// epoch. A loss whose values span more than a factor of 50 has a logarithmic axis.
std::string svg_figure(const Panel& panel, bool legend);

/// The names with the colours of their series, and, if `best`, what the dotted lines are.
std::string svg_legend(const std::vector<std::string>& names, bool best);
