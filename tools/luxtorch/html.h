// Pieces of HTML pages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

/// The text for HTML and SVG, within elements and quoted attributes: & < > " ' as entities; what is
/// no character of a text (controls, what is not UTF-8) as '?'. Line ends and tabs stay.
std::string html_text(std::string_view text);

/// A count with narrow spaces between groups of three digits.
std::string html_count(int64_t count);

struct HtmlCell {
  std::string html;  // escaped by who made it
  bool number = false;
};

/// A table that scrolls within itself where the page is narrower. head: texts.
std::string html_table(const std::vector<std::string>& head,
                       const std::vector<std::vector<HtmlCell>>& rows,
                       const std::vector<HtmlCell>& foot = {});

/// Names and values side by side. The values are HTML.
std::string html_pairs(const std::vector<std::pair<std::string, std::string>>& pairs);

/// A part that a reader opens. title: a text.
std::string html_details(std::string_view title, const std::string& html, bool open);
