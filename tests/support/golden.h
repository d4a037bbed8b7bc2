// Golden values: tests/golden/NAME.json, written by tools/golden/NAME.py with Python PyTorch or
// NumPy.
//
//     Tree cases = load_golden("losses");
//     Tree mse = cases["float64"]["mse"];           // {y_hat = ..., y = ..., loss = ..., grad =
//     ...}
//
// Dicts are named trees in the file's order, lists tuples, arrays tensors of their own dtype, bit
// for bit.
#pragma once

#include <string>

#include "luxtorch/tree.h"

namespace luxtorch::testing {

/// Throws std::runtime_error with the file's name when there is no such file or it is not one of
/// ours.
Tree load_golden(const std::string& name);

}  // namespace luxtorch::testing
