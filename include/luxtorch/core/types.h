// Names for torch's types: the words that the rest of the library uses for tensors.
//
// Level 0. Includes one torch header, <ATen/core/Tensor.h>; everything above builds on it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <vector>

#include "luxtorch/core/api.h"

namespace luxtorch {

using Tensor = at::Tensor;
using Dtype = c10::ScalarType;
using Device = c10::Device;

/// Sizes that somebody else owns: for parameters of functions. x.sizes() gives one, which lives as long as x. A variable
/// is a Shape.
using ShapeView = at::IntArrayRef;

/// The sizes of a tensor, row-major: the last dimension varies fastest.
///
///     Shape s{n, 3};
///     Tensor x = zeros(s);
///     Shape of_x = x.sizes();         // stays when x goes
///
/// A value that owns its numbers; up to five dimensions are stored inside. Converts from and to torch's at::IntArrayRef and
/// from std::vector<int64_t>, so that it goes wherever torch takes sizes.
class Shape {
 public:
  using value_type = int64_t;
  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) : sizes_(sizes) {}
  Shape(ShapeView sizes) : sizes_(sizes.begin(), sizes.end()) {}
  Shape(const std::vector<int64_t>& sizes) : sizes_(sizes.begin(), sizes.end()) {}

  size_t size() const { return sizes_.size(); }  // how many dimensions
  bool empty() const { return sizes_.empty(); }
  const int64_t* data() const { return sizes_.data(); }
  int64_t* begin() { return sizes_.begin(); }
  int64_t* end() { return sizes_.end(); }
  const int64_t* begin() const { return sizes_.begin(); }
  const int64_t* end() const { return sizes_.end(); }
  int64_t& operator[](size_t dim) { return sizes_[dim]; }
  int64_t operator[](size_t dim) const { return sizes_[dim]; }
  int64_t& back() { return sizes_.back(); }
  int64_t back() const { return sizes_.back(); }
  void push_back(int64_t size) { sizes_.push_back(size); }
  std::vector<int64_t> vec() const { return {begin(), end()}; }

  friend bool operator==(const Shape& a, const Shape& b) { return a.sizes_ == b.sizes_; }
  friend bool operator==(const Shape& a, ShapeView b) { return ShapeView(a) == b; }
  friend bool operator==(const Shape& a, const std::vector<int64_t>& b) {
    return ShapeView(a) == ShapeView(b);
  }

 private:
  c10::SmallVector<int64_t, 5> sizes_;
};
/// As torch prints sizes: [2, 3].
LUXTORCH_API std::ostream& operator<<(std::ostream& out, const Shape& shape);

inline constexpr Dtype kFloat32 = Dtype::Float;
inline constexpr Dtype kFloat64 = Dtype::Double;
inline constexpr Dtype kInt64 = Dtype::Long;
inline constexpr Dtype kBool = Dtype::Bool;

}  // namespace luxtorch
