// A pickle's values as a tree.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "io/torch/pickle.h"
#include "luxtorch/io/report.h"
#include "luxtorch/tree.h"

namespace luxtorch::io {

/// What the visitor made, by its number, and what a format calls it where a tree has no kind for it.
using MadeValue = std::function<std::pair<Tree, std::string>(size_t number)>;

/// The root: dicts as named trees, nested on their keys' dots, sequences as tuples. Keys are texts or
/// become what Python prints of them: 3, True, None, 0.5, (1, 'a'). {".rng": key} is an Rng, {".tensor":
/// None} an undefined tensor.
///
/// report: what objects are, those with attributes named trees of them; names as values; keys that are
/// objects; attributes of tensors. Without one the first such value throws an unsupported Fault, but for a
/// tensor's kind and attributes. Throws one where the tree would have more than kDeepest
/// levels, 10 million values or 256 MiB of texts: values that a pickle repeats by number count each
/// time.
Tree tree_of(const Pickle& pickle, const MadeValue& made, Report* report);

}  // namespace luxtorch::io
