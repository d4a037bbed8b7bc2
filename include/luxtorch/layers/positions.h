// Layers that tell a model where its inputs stand: learned, sinusoidal and rotary positions.
//
//     PositionalEmbedding(512, 64)               // x (batch, time, 64) plus a learned row per position
//     SinusoidalPositionalEmbedding(64)          // positions or times (...) to (..., 64)
//     RotaryPositionalEmbedding(16)              // of queries and keys (batch, time, heads, 16)
//
// Positions are integers from 0. ALiBi is a bias of attention: ops::alibi_bias.
#pragma once

#include <optional>

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// The options of PositionalEmbedding.
struct PositionalEmbeddingOptions {
  Initializer init_weight = {};  ///< Default: N(0, 1), as torch.nn.Embedding.
};

/// y = x + weight[position]: learned positions (Gehring et al. 2017). x: (batch, time, dims), or
/// (time, dims), of the parameters' dtype and device. Calls: x, whose positions are 0 to time - 1; or
/// (x, positions), positions (time) or (batch, time). Parameters: weight (max_length, dims).
class LUXTORCH_API PositionalEmbedding {
 public:
  /// ArgumentError: max_length or dims is below 1.
  PositionalEmbedding(int64_t max_length, int64_t dims, PositionalEmbeddingOptions options = {});

  /// weight.
  std::vector<ParameterSpec> parameters() const;
  /// ShapeError: x has another shape, dtype or device, or more than max_length time steps.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// ShapeError: also of positions of another shape, dtype or device, or outside 0 to max_length - 1.
  Out<Tensor> operator()(const Tensor& x, const Tensor& positions, const Tree& ps,
                         const Tree& st) const;
  /// The text in a printed model: "PositionalEmbedding(512 => 64)".
  std::string label() const;

 private:
  int64_t max_length_, dims_;
  PositionalEmbeddingOptions options_;
};

/// Frequencies and order of SinusoidalPositionalEmbedding's features.
enum class SinusoidalLayout {
  /// Lux's: all sines, then all cosines; frequencies from max_freq down to min_freq, geometric.
  Halves,
  /// Vaswani et al. 2017: sine and cosine in turn, frequencies 10000^(-2k/dims), k = 0 to dims/2 - 1.
  Vaswani,
};

/// The options of SinusoidalPositionalEmbedding.
struct SinusoidalPositionalEmbeddingOptions {
  double min_freq = 1e-4;  ///< The lowest frequency of Halves. Above 0.
  double max_freq = 1;     ///< The highest one. Above 0.
  /// What the features are multiplied with. Default: sqrt(2 / dims), with Vaswani 1.
  std::optional<double> scale = {};
  bool full_turns = false;                             ///< Frequencies times 2 pi.
  SinusoidalLayout layout = SinusoidalLayout::Halves;  ///< Of the features.
};

/// y = scale [sin(x sigma), cos(x sigma)]: Lux's SinusoidalPositionalEmbedding. x: positions or times of
/// any shape (...) and real dtype; y: (..., dims), of x's dtype if it is floating, else of the states'.
/// States: sigmas (dims/2), float32.
class LUXTORCH_API SinusoidalPositionalEmbedding {
 public:
  /// ArgumentError: dims is odd or below 4, or a frequency not above 0.
  explicit SinusoidalPositionalEmbedding(int64_t dims,
                                         SinusoidalPositionalEmbeddingOptions options = {});

  /// sigmas.
  std::vector<StateSpec> states() const;
  /// ShapeError: x is complex or on another device than the states.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "SinusoidalPositionalEmbedding(64)".
  std::string label() const;

 private:
  int64_t dims_;
  SinusoidalPositionalEmbeddingOptions options_;
};

/// The options of RotaryPositionalEmbedding.
struct RotaryPositionalEmbeddingOptions {
  int64_t max_sequence_length = 4096;  ///< How many positions the caches have.
  double base = 10000;                 ///< Angles per position are base^(-2i/dim).
  bool low_memory_variant = true;      ///< False: caches (length, dim), each number twice.
  bool interleaved = false;            ///< Rotates features (2i, 2i+1) instead of (i, i + dim/2).
};

/// Rotates pairs of features by angles that grow with the position: Lux's RotaryPositionalEmbedding,
/// ops::apply_rotary_embedding. x: (batch, time, heads, features) or (time, heads, features) of floating
/// dtype; the first dim features are rotated, others pass; y: the same. Calls: x, whose positions are 0
/// to time - 1; or (x, positions), positions (time) or (batch, time). States: cos_cache and sin_cache
/// (max_sequence_length, dim/2), float32.
class LUXTORCH_API RotaryPositionalEmbedding {
 public:
  /// ArgumentError: dim is odd or below 2, .max_sequence_length below 1, or .base not above 0.
  explicit RotaryPositionalEmbedding(int64_t dim, RotaryPositionalEmbeddingOptions options = {});

  /// cos_cache and sin_cache.
  std::vector<StateSpec> states() const;
  /// ShapeError: x has another rank, fewer features than dim, no floating dtype, another device than
  /// the states, or more time steps than the caches.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// ShapeError: also of positions of another shape, dtype or device, or past the caches.
  Out<Tensor> operator()(const Tensor& x, const Tensor& positions, const Tree& ps,
                         const Tree& st) const;
  /// The text in a printed model: "RotaryPositionalEmbedding(16)".
  std::string label() const;

 private:
  Tensor rotated(const Tensor& x, const Tensor* positions, const Tree& st) const;

  int64_t dim_;
  RotaryPositionalEmbeddingOptions options_;
};

}  // namespace luxtorch
