// Short words for tensors and trees, for errors and printing: "a tuple of 2", "(32, 50, 7)",
// "float32".
#pragma once

#include <string>

#include "luxtorch/tree.h"

namespace luxtorch {

/// "(32, 50, 7)"
std::string shape_text(ShapeView shape);
/// torch's Python name: "float32", "int64", "bool".
std::string dtype_text(Dtype dtype);
/// "a float32 tensor of shape (2, 3)", "a tuple of 2", "a named tree with the keys a, b",
/// "nothing", "the int64 3".
std::string describe_kind(const Tree& t);
/// The shortest text that reads back as x, and not as an integer: "1.0", "0.1", "1e-05", "nan".
std::string number_text(double x);
/// Where `key` lies below `path`: "layer_1.weight"; below "" it is the key.
std::string path_below(const std::string& path, const std::string& key);
/// "1_234_567", as Julia prints counts.
std::string grouped(int64_t n);

}  // namespace luxtorch
