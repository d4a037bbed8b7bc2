// Who computes the products of a Dense layer: one line of columns.cpp each.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace products {

/// A product of two matrices of float32; the result is a new one.
using Product = at::Tensor (*)(const at::Tensor& a, const at::Tensor& b);

/// x: (m, k), the input; w: (n, k), the weight; g: (m, n), the gradient of the output.
struct Column {
  std::string name;
  Product forward;          // x, w -> x w', (m, n)
  Product input_gradient;   // g, w -> g w, (m, k)
  Product weight_gradient;  // g, x -> g' x, (n, k)
  /// Why it cannot run with this LibTorch, or "".
  std::string (*missing)() = [] { return std::string(); };
};

/// All of them, in the order of the table.
const std::vector<Column>& columns();

}  // namespace products
