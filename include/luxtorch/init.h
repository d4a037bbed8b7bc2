// Initialisers: how a parameter gets its first numbers. Each is a value, called with (rng, shape);
// its fields are the knobs that Lux's WeightInitializers have, so an adapted one is written in
// place:
//
//     Tensor w = init::glorot_uniform(rng, {8, 2});
//     Dense(2, 8, lux::relu, {.init_weight = init::KaimingUniform{.gain = 2}});
//     auto small = [](Rng rng, ShapeView shape) { return random::normal(rng, shape, 0, 0.01); };
//     Dense(2, 8, {.init_weight = small});
//
// Level 2. All give float32 on the CPU. Fans: (n) counts as (1 in, n out), (out, in) as a matrix,
// (out, in, k...) as a convolution, whose fans are both multiplied by the number of taps.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/rng.h"

namespace luxtorch {

using Initializer = std::function<Tensor(Rng rng, ShapeView shape)>;

namespace init {

struct LUXTORCH_API Constant {
  double value = 0;
  Tensor operator()(Rng, ShapeView shape) const;
};
struct LUXTORCH_API Uniform {  // [low, high)
  double low = 0, high = 1;
  Tensor operator()(Rng rng, ShapeView shape) const;
};
struct LUXTORCH_API Normal {
  double mean = 0, std = 1;
  Tensor operator()(Rng rng, ShapeView shape) const;
};
struct LUXTORCH_API
    GlorotUniform {  // U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)); Glorot and Bengio 2010
  double gain = 1;
  Tensor operator()(Rng rng, ShapeView shape) const;
};
struct LUXTORCH_API GlorotNormal {  // std = gain sqrt(2 / (fan_in + fan_out))
  double gain = 1;
  Tensor operator()(Rng rng, ShapeView shape) const;
};
struct LUXTORCH_API KaimingUniform {  // U(-b, b), b = gain sqrt(3 / fan_in); He et al. 2015
  double gain = 1.4142135623730951;
  Tensor operator()(Rng rng, ShapeView shape) const;
};
struct LUXTORCH_API KaimingNormal {  // std = gain / sqrt(fan_in)
  double gain = 1.4142135623730951;
  Tensor operator()(Rng rng, ShapeView shape) const;
};
struct LUXTORCH_API TruncatedNormal {  // the normal distribution cut to [low, high]
  double mean = 0, std = 1, low = -2, high = 2;
  Tensor operator()(Rng rng, ShapeView shape) const;
};
struct LUXTORCH_API Orthogonal {  // Saxe et al. 2014; shape (rows, ...), the rest flattened
  double gain = 1;
  Tensor operator()(Rng rng, ShapeView shape) const;
};
struct LUXTORCH_API Sparse {  // (out, in): a share `sparsity` of each column is zero; Martens 2010
  double sparsity = 0.1, std = 0.01;
  Tensor operator()(Rng rng, ShapeView shape) const;
};
struct LUXTORCH_API
    Identity {  // gain on the diagonal, each row moved down by `shift`; Le et al. 2015
  double gain = 1;
  int64_t shift = 0;
  // (n): zeros, for a bias; (out, in); (out, in, k...): at the middle tap, shifted both ways.
  Tensor operator()(Rng rng, ShapeView shape) const;
};
struct LUXTORCH_API
    TorchDefault {  // U(-b, b), b = 1 / sqrt(fan_in), as torch.nn.Linear; the default of Dense
  Tensor operator()(Rng rng, ShapeView shape) const;
};
struct LUXTORCH_API
    LuxDefault {  // U(-b, b), b = sqrt(3 / fan_in): Lux's Dense without an activation
  Tensor operator()(Rng rng, ShapeView shape) const;
};
/// What Lux 1.x really draws for RNNCell and LSTMCell: mean -b, deviation 2b, b = 1 / sqrt(hidden).
struct LUXTORCH_API Lux1xNormal {
  int64_t hidden = 1;
  Tensor operator()(Rng rng, ShapeView shape) const;
};

inline constexpr Constant zeros{0}, ones{1};
inline constexpr Uniform rand{};
inline constexpr Normal randn{};
inline constexpr GlorotUniform glorot_uniform{};
inline constexpr GlorotNormal glorot_normal{};
inline constexpr KaimingUniform kaiming_uniform{};
inline constexpr KaimingNormal kaiming_normal{};
inline constexpr TruncatedNormal truncated_normal{};
inline constexpr Orthogonal orthogonal{};
inline constexpr Sparse sparse_init{};
inline constexpr Identity identity_init{};
inline constexpr TorchDefault torch_default{};
inline constexpr LuxDefault lux_default{};

}  // namespace init

/// One initialiser for all gates of a recurrent cell, or one for each in the cell's gate order:
/// `.init_weight = f` or `.init_weight = {f, g, h, k}`. The cell refuses another number.
class GateInitializers {
 public:
  GateInitializers() = default;  // the cell's default
  template <class... F>
    requires(sizeof...(F) > 0 && (std::is_invocable_r_v<Tensor, const F&, Rng, ShapeView> && ...))
  GateInitializers(F... f) : each_{Initializer(std::move(f))...} {}

  bool empty() const { return each_.empty(); }
  size_t size() const { return each_.size(); }
  const Initializer& operator[](size_t gate) const { return each_[each_.size() == 1 ? 0 : gate]; }

 private:
  std::vector<Initializer> each_;
};

}  // namespace luxtorch
