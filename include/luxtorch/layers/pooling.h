// Pools as layers: MaxPool, MeanPool, LPPool, and their adaptive and global forms.
//
//     MaxPool({2, 2})                                     // x: (batch, channels, height, width)
//     MeanPool({3}, {.stride = 2, .pad = 1})              // x: (batch, channels, time)
//     Chain(AdaptiveMeanPool({4, 4}), FlattenLayer())     // 16 features for each channel, of any image
//     GlobalMeanPool()
//
// They have no parameters and states, and call the functions of ops/pooling.h, which has the formulas,
// shapes and options. The length of the window, or of the size, says
// how many spatial dimensions there are, 1 to 3. x may be one sample without the batch, except for the
// global pools, whose first two dimensions are always batch and channels.
#pragma once

#include <string>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/pooling.h"

namespace luxtorch {

/// The maximum of each window: ops::maxpool, torch.nn.MaxPool2d, Lux's MaxPool.
class LUXTORCH_API MaxPool {
 public:
  /// ArgumentError: not 1 to 3 numbers of at least 1; options of another number of dimensions, a stride or
  /// dilation below 1, a negative pad.
  explicit MaxPool(std::vector<int64_t> window, MaxPoolOptions options = {});

  /// y, and st unchanged. ShapeError: another rank, integers, a window longer than x with its padding.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "MaxPool((2, 2), pad=1, stride=1)".
  std::string label() const;

 private:
  Shape window_;
  MaxPoolOptions options_;  // with a number for each dimension
};

/// The mean of each window: ops::meanpool, torch.nn.AvgPool2d, Lux's MeanPool.
class LUXTORCH_API MeanPool {
 public:
  /// ArgumentError: as of MaxPool.
  explicit MeanPool(std::vector<int64_t> window, MeanPoolOptions options = {});

  /// y, and st unchanged. ShapeError: as of MaxPool.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "MeanPool((2, 2), pad=1)".
  std::string label() const;

 private:
  Shape window_;
  MeanPoolOptions options_;  // with a number for each dimension
};

/// (sum of |x|^p)^(1/p) of each window: ops::lppool, torch.nn.LPPool2d, Lux's LPPool.
class LUXTORCH_API LPPool {
 public:
  /// ArgumentError: as of MaxPool; p is not above 0 and finite.
  explicit LPPool(std::vector<int64_t> window, LPPoolOptions options = {});

  /// y, and st unchanged. ShapeError: as of MaxPool.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "LPPool((2, 2), p=3)".
  std::string label() const;

 private:
  Shape window_;
  LPPoolOptions options_;  // with a number for each dimension
};

/// The maximum of each of the windows that give y the sizes `size`: ops::adaptive_maxpool,
/// torch.nn.AdaptiveMaxPool2d, Lux's AdaptiveMaxPool.
class LUXTORCH_API AdaptiveMaxPool {
 public:
  /// ArgumentError: not 1 to 3 numbers of at least 1.
  explicit AdaptiveMaxPool(std::vector<int64_t> size, AdaptivePoolOptions options = {});

  /// y, and st unchanged. ShapeError: another rank, integers, uniform windows for sizes above x's.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "AdaptiveMaxPool((2, 2))".
  std::string label() const;

 private:
  Shape size_;
  AdaptivePoolOptions options_;
};

/// The mean of each of the windows that give y the sizes `size`: ops::adaptive_meanpool,
/// torch.nn.AdaptiveAvgPool2d, Lux's AdaptiveMeanPool.
class LUXTORCH_API AdaptiveMeanPool {
 public:
  /// ArgumentError: not 1 to 3 numbers of at least 1.
  explicit AdaptiveMeanPool(std::vector<int64_t> size, AdaptivePoolOptions options = {});

  /// y, and st unchanged. ShapeError: as of AdaptiveMaxPool.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "AdaptiveMeanPool((2, 2))".
  std::string label() const;

 private:
  Shape size_;
  AdaptivePoolOptions options_;
};

/// (sum of |x|^p)^(1/p) of each of the windows that give y the sizes `size`: ops::adaptive_lppool, Lux's
/// AdaptiveLPPool.
class LUXTORCH_API AdaptiveLPPool {
 public:
  /// ArgumentError: not 1 to 3 numbers of at least 1; p is not above 0 and finite.
  explicit AdaptiveLPPool(std::vector<int64_t> size, AdaptiveLPPoolOptions options = {});

  /// y, and st unchanged. ShapeError: as of AdaptiveMaxPool.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "AdaptiveLPPool((2, 2), p=3)".
  std::string label() const;

 private:
  Shape size_;
  AdaptiveLPPoolOptions options_;
};

/// The maximum of each channel: ops::global_maxpool, Lux's GlobalMaxPool. x: (batch, channels, size, ...);
/// y: (batch, channels, 1, ...).
class LUXTORCH_API GlobalMaxPool {
 public:
  /// y, and st unchanged. ShapeError: a rank below 3, a size of 0, integers.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "GlobalMaxPool()".
  std::string label() const;
};

/// The mean of each channel: ops::global_meanpool, Lux's GlobalMeanPool. Shapes: as of GlobalMaxPool.
class LUXTORCH_API GlobalMeanPool {
 public:
  /// y, and st unchanged. ShapeError: as of GlobalMaxPool.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "GlobalMeanPool()".
  std::string label() const;
};

/// (sum of |x|^p)^(1/p) of each channel: ops::global_lppool, Lux's GlobalLPPool. Shapes: as of
/// GlobalMaxPool.
class LUXTORCH_API GlobalLPPool {
 public:
  /// ArgumentError: p is not above 0 and finite.
  explicit GlobalLPPool(double p = 2);

  /// y, and st unchanged. ShapeError: as of GlobalMaxPool.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "GlobalLPPool(p=3)".
  std::string label() const;

 private:
  double p_;
};

}  // namespace luxtorch
