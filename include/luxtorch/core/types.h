// Names for torch's types: the words that the rest of the library uses for tensors.
//
// Includes one torch header, <ATen/core/Tensor.h>, on which the rest of the library builds.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <vector>

#include "luxtorch/core/api.h"

namespace luxtorch {

/// torch's tensor: copies share the memory.
using Tensor = at::Tensor;
/// The type of a tensor's elements.
using Dtype = c10::ScalarType;
/// The CPU or an accelerator: see core/device.h.
using Device = c10::Device;

/// A view of sizes that are stored elsewhere, for the parameters of functions. x.sizes() gives one,
/// which is valid as long as x is. Use a Shape for a variable.
using ShapeView = at::IntArrayRef;

/// The sizes of a tensor, row-major: the last dimension varies fastest.
///
///     Shape s{n, 3};
///     Tensor x = zeros(s);
///     Shape of_x = x.sizes();         // stays when x goes
///
/// It owns its numbers and stores up to five of them without allocating. It converts from and to
/// torch's at::IntArrayRef and from std::vector<int64_t>, so torch takes it wherever it takes
/// sizes.
class LUXTORCH_API Shape {
 public:
  /// The type of a size, as standard containers name it.
  using value_type = int64_t;
  /// No dimensions: the shape of a scalar.
  Shape() = default;
  /// One size for each dimension: Shape{2, 3}.
  Shape(std::initializer_list<int64_t> sizes) : sizes_(sizes) {}
  /// A copy of sizes that are stored elsewhere: Shape(x.sizes()).
  Shape(ShapeView sizes);
  /// A copy of the vector.
  Shape(const std::vector<int64_t>& sizes) : Shape(ShapeView(sizes)) {}

  /// The number of dimensions, not of elements.
  size_t size() const { return sizes_.size(); }
  /// True without dimensions.
  bool empty() const { return sizes_.empty(); }
  /// The first of size() numbers in a row.
  const int64_t* data() const { return sizes_.data(); }
  /// The first size.
  int64_t* begin() { return sizes_.begin(); }
  /// Behind the last size.
  int64_t* end() { return sizes_.end(); }
  /// The first size.
  const int64_t* begin() const { return sizes_.begin(); }
  /// Behind the last size.
  const int64_t* end() const { return sizes_.end(); }
  /// The size of a dimension, 0 <= dim < size(): not checked.
  int64_t& operator[](size_t dim) { return sizes_[dim]; }
  /// The size of a dimension, 0 <= dim < size(): not checked.
  int64_t operator[](size_t dim) const { return sizes_[dim]; }
  /// The size of the last dimension, which must be there: not checked.
  int64_t& back() { return sizes_.back(); }
  /// The size of the last dimension, which must be there: not checked.
  int64_t back() const { return sizes_.back(); }
  /// Adds a last dimension.
  void push_back(int64_t size) { sizes_.push_back(size); }
  /// A copy of the sizes.
  std::vector<int64_t> vec() const { return {begin(), end()}; }

  /// The same number of dimensions, of the same sizes.
  friend bool operator==(const Shape& a, const Shape& b) { return a.sizes_ == b.sizes_; }
  /// The same with the sizes of a tensor: s == x.sizes().
  friend bool operator==(const Shape& a, ShapeView b) { return ShapeView(a) == b; }
  /// The same with a vector.
  friend bool operator==(const Shape& a, const std::vector<int64_t>& b) {
    return ShapeView(a) == ShapeView(b);
  }

 private:
  c10::SmallVector<int64_t, 5> sizes_;
};
/// Prints as torch prints sizes: [2, 3].
LUXTORCH_API std::ostream& operator<<(std::ostream& out, const Shape& shape);

inline constexpr Dtype kFloat16 = Dtype::Half;       ///< c10::Half, torch.float16
inline constexpr Dtype kBFloat16 = Dtype::BFloat16;  ///< c10::BFloat16, torch.bfloat16
inline constexpr Dtype kFloat32 = Dtype::Float;      ///< float, torch.float32
inline constexpr Dtype kFloat64 = Dtype::Double;     ///< double, torch.float64
inline constexpr Dtype kInt64 = Dtype::Long;         ///< int64_t, torch.int64
inline constexpr Dtype kBool = Dtype::Bool;          ///< bool, torch.bool

}  // namespace luxtorch
