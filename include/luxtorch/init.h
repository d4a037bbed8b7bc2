// Initializers: the first values of parameters. Each is a value that is called with (rng, shape).
// Its fields are the options of Lux's WeightInitializers, so one with other options is written in
// place:
//
//     Tensor w = init::glorot_uniform(rng, {8, 2});
//     Dense(2, 8, lux::relu, {.init_weight = init::KaimingUniform{.gain = 2}});
//     auto small = [](Rng rng, ShapeView shape) { return random::normal(rng, shape, 0, 0.01); };
//     Dense(2, 8, {.init_weight = small});
//
// All give float32 on the CPU. Fans: (n) counts as (1 in, n out), (out, in) as a matrix, (out, in,
// k...) as a convolution, whose fans are both multiplied by the number of taps. Initializers that
// need fans refuse a shape without dimensions (ShapeError).
#pragma once

#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/rng.h"

namespace luxtorch {

/// What gives a parameter its first values: a tensor of `shape`, drawn with rng. Layers with
/// such an option refuse a result of another shape (ShapeError).
using Initializer = std::function<Tensor(Rng rng, ShapeView shape)>;

namespace init {

/// One value everywhere.
struct LUXTORCH_API Constant {
  double value = 0;  ///< The value.
  /// A tensor of any shape. Nothing is drawn.
  Tensor operator()(Rng, ShapeView shape) const;
};
/// The uniform distribution on [low, high).
struct LUXTORCH_API Uniform {
  double low = 0,  ///< The least value.
      high = 1;    ///< The upper bound, which is not drawn (but for rounding).
  /// A tensor of any shape.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// The normal distribution.
struct LUXTORCH_API Normal {
  double mean = 0,  ///< The mean.
      std = 1;      ///< The standard deviation.
  /// A tensor of any shape.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
struct LUXTORCH_API GlorotUniform {
  double gain = 1;  ///< A factor of b.
  /// A tensor of one dimension or more, else a ShapeError.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// N(0, s), s = gain sqrt(2 / (fan_in + fan_out)) being the standard deviation (Glorot and Bengio
/// 2010).
struct LUXTORCH_API GlorotNormal {
  double gain = 1;  ///< A factor of s.
  /// A tensor of one dimension or more, else a ShapeError.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// U(-b, b), b = gain sqrt(3 / fan_in) (He et al. 2015).
struct LUXTORCH_API KaimingUniform {
  double gain = 1.4142135623730951;  ///< A factor of b; the default, sqrt(2), is that for relu.
  /// A tensor of one dimension or more, else a ShapeError.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// N(0, s), s = gain / sqrt(fan_in) being the standard deviation (He et al. 2015).
struct LUXTORCH_API KaimingNormal {
  double gain = 1.4142135623730951;  ///< A factor of s; the default, sqrt(2), is that for relu.
  /// A tensor of one dimension or more, else a ShapeError.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// The normal distribution cut to [low, high].
struct LUXTORCH_API TruncatedNormal {
  double mean = 0,  ///< The mean before the cut.
      std = 1,      ///< The standard deviation before the cut.
      low = -2,     ///< The least value: not a multiple of std.
      high = 2;     ///< The greatest value, above low.
  /// A tensor of any shape. ArgumentError: low >= high.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// A random matrix with orthogonal rows or columns, whichever are fewer (Saxe et al. 2014). A shape
/// (rows, ...) is a matrix with all dimensions after the first as one.
struct LUXTORCH_API Orthogonal {
  double gain = 1;  ///< The length of those rows or columns.
  /// A tensor of two dimensions or more, else a ShapeError.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// A normal matrix with zeros in each column (Martens 2010).
struct LUXTORCH_API Sparse {
  double sparsity = 0.1,  ///< The share of zeros in each column, 0 to 1, rounded up.
      std = 0.01;         ///< The standard deviation of the others.
  /// A matrix (out, in). ShapeError: another rank. ArgumentError: a sparsity outside 0 to 1.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// A multiple of the identity matrix (Le et al. 2015).
struct LUXTORCH_API Identity {
  double gain = 1;    ///< The value on the diagonal.
  int64_t shift = 0;  ///< Rows that the diagonal moves down; rows that leave come back at the top.
  /// (n): zeros, for a bias. (out, in): the matrix. (out, in, k...): the matrix at the middle tap,
  /// moved down and to the right. ShapeError: a shape without dimensions. Nothing is drawn.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// U(-b, b), b = 1 / sqrt(fan_in), as the weight of torch.nn.Linear. It is the default of Dense's
/// weight; Dense's bias takes the b of the weight.
struct LUXTORCH_API TorchDefault {
  /// A tensor of one dimension or more, else a ShapeError.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// U(-b, b), b = sqrt(3 / fan_in): the default of Lux's Dense without an activation.
struct LUXTORCH_API LuxDefault {
  /// A tensor of one dimension or more, else a ShapeError.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// What Lux 1.x draws for RNNCell and LSTMCell: normal with mean -b and standard deviation 2b, b =
/// 1 / sqrt(hidden).
struct LUXTORCH_API Lux1xNormal {
  int64_t hidden = 1;  ///< The cell's out_dims.
  /// A tensor of any shape.
  Tensor operator()(Rng rng, ShapeView shape) const;
};

inline constexpr Constant zeros{0}, ones{1};          ///< 0 or 1 everywhere
inline constexpr Uniform rand{};                      ///< U(0, 1)
inline constexpr Normal randn{};                      ///< N(0, 1)
inline constexpr GlorotUniform glorot_uniform{};      ///< GlorotUniform with gain 1
inline constexpr GlorotNormal glorot_normal{};        ///< GlorotNormal with gain 1
inline constexpr KaimingUniform kaiming_uniform{};    ///< KaimingUniform with gain sqrt(2)
inline constexpr KaimingNormal kaiming_normal{};      ///< KaimingNormal with gain sqrt(2)
inline constexpr TruncatedNormal truncated_normal{};  ///< N(0, 1) cut to [-2, 2]
inline constexpr Orthogonal orthogonal{};             ///< Orthogonal with gain 1
inline constexpr Sparse sparse_init{};                ///< a tenth of zeros, the rest N(0, 0.01)
inline constexpr Identity identity_init{};            ///< the identity matrix
inline constexpr TorchDefault torch_default{};        ///< TorchDefault as a value
inline constexpr LuxDefault lux_default{};            ///< LuxDefault as a value

}  // namespace init

/// One initializer for all gates of a recurrent cell, or one for each in the cell's order of gates:
/// `.init_weight = f` or `.init_weight = {f, g, h, k}`. The cell refuses another number
/// (ArgumentError).
class GateInitializers {
 public:
  GateInitializers() = default;  ///< None: the cell's default.
  /// One or several, each a function of (Rng, ShapeView) that gives a Tensor.
  template <class... F>
    requires(sizeof...(F) > 0 && (std::is_invocable_r_v<Tensor, const F&, Rng, ShapeView> && ...))
  GateInitializers(F... f) : each_{Initializer(std::move(f))...} {}

  /// True for none: the cell's default.
  bool empty() const { return each_.empty(); }
  /// The number of initializers, not of gates.
  size_t size() const { return each_.size(); }
  /// The initializer of a gate, from 0; of one for all gates, that one. Not checked.
  const Initializer& operator[](size_t gate) const { return each_[each_.size() == 1 ? 0 : gate]; }

 private:
  std::vector<Initializer> each_;
};

}  // namespace luxtorch
