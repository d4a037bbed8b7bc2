// The second page of the tutorial: a model that reads sequences of words.
#pragma once

#include <luxtorch/layer.h>

#include "options.h"

/// Trains the model around `reader`, which takes (batch, time, 50) with lengths and gives (batch, 64), with and without lengths.
/// Prints how that goes and draws it into options.plots. An ArgumentError: the loss is not finite.
void which_word_came_first(const Options& options, const luxtorch::Layer& reader);
