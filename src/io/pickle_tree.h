// A pickle's values as a tree.
#pragma once

#include <functional>

#include "io/pickle.h"
#include "luxtorch/tree.h"

namespace luxtorch::io {

/// The root: dicts as named trees, nested on their keys' dots, sequences as tuples. made: the tensor of
/// a value that the visitor made. {".rng": key} is an Rng, {".tensor": None} an undefined tensor.
///
/// Throws FileUnsupported for keys that are no paths, for names as values, and where the tree would
/// have more than kDeepest levels, 10 million values or 256 MiB of texts: values that a pickle
/// repeats by number count each time.
Tree tree_of(const Pickle& pickle, const std::function<Tensor(size_t made)>& made);

}  // namespace luxtorch::io
