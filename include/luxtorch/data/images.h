// Transforms of images, for augmentation and preparation.
//
//     data::Figures all = data::make_figures(rng, 100);
//     data::Figures flipped = data::random_flip(rng.fold_in("flip"), all);       // masks and boxes too
//     Tensor x = data::random_crop(rng.fold_in("crop"), all.images, {.padding = 4});
//     x = data::random_erase(rng.fold_in("erase"), x);
//     x = data::normalise_channels(x, data::channel_statistics(all.images));
//     auto [mixed, targets] = data::mixup(rng.fold_in("mixup"), x, data::onehotbatch(all.labels, 5));
//
// x: (batch, ..., height, width) of any dtype, so images (batch, channels, height, width) and masks
// (batch, height, width) alike, on any device. Sample i draws from rng.fold_in(i), whatever the size of
// the batch, and draws do not depend on what lies between batch and height: with the same key, masks
// move as their images do. The functions of Figures do that for images, masks and boxes; a tensor of them
// that is undefined stays so, and boxes are (batch, ..., 4). All results are new tensors, and
// differentiable by x. ShapeError: x, or figures, of another shape.
#pragma once

#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/data/figures.h"
#include "luxtorch/ops/upsample.h"
#include "luxtorch/ops/window.h"
#include "luxtorch/rng.h"

namespace luxtorch::data {

/// How often random_flip mirrors a sample; probabilities in [0, 1].
struct RandomFlipOptions {
  double horizontal = 0.5;  ///< Left becomes right.
  double vertical = 0;      ///< Top becomes bottom.
};

/// Mirrors some of the samples. torchvision's RandomHorizontalFlip and RandomVerticalFlip, for each sample.
/// ArgumentError: a probability outside [0, 1].
LUXTORCH_API Tensor random_flip(Rng rng, const Tensor& x, RandomFlipOptions options = {});
/// The same for images, masks and boxes.
LUXTORCH_API Figures random_flip(Rng rng, const Figures& figures, RandomFlipOptions options = {});

/// What random_crop cuts out.
struct RandomCropOptions {
  Sizes size = {};      ///< Height and width of the result; as x if not given.
  int64_t padding = 0;  ///< So many pixels are added on each side first.
  double value = 0;     ///< What these pixels are; 0 in masks.
};

/// A window of each sample, at a random place, each equally likely: torchvision's RandomCrop, for each
/// sample. ArgumentError: a negative padding; neither one nor two sizes, or a size below 1. ShapeError: x
/// with its padding is smaller than the window.
LUXTORCH_API Tensor random_crop(Rng rng, const Tensor& x, const RandomCropOptions& options);
/// The same for images, masks and boxes. Boxes are cut at the edges of the window; one outside of it has
/// no area.
LUXTORCH_API Figures random_crop(Rng rng, const Figures& figures, const RandomCropOptions& options);

/// The window in the middle, which begins at ((height - size) / 2, (width - size) / 2), rounded down.
/// Errors as of random_crop.
LUXTORCH_API Tensor center_crop(const Tensor& x, const Sizes& size);
/// The same for images, masks and boxes.
LUXTORCH_API Figures center_crop(const Figures& figures, const Sizes& size);

/// How resize finds the new pixels.
struct ResizeOptions {
  UpsampleMode mode = UpsampleMode::Bilinear;  ///< Not Trilinear.
  /// Where the result is smaller, each of its pixels is a mean over all that it covers. Of the modes Linear,
  /// Bilinear and Bicubic; the nearest modes take single pixels.
  bool antialias = true;
};

/// x with another height and width: torch.nn.functional.interpolate with size and antialias, without
/// aligned corners. Integers and booleans (exact up to 2^53) are resized by the nearest modes alone.
/// ArgumentError: neither one nor two sizes, or a size below 1; a mode that does not fit.
LUXTORCH_API Tensor resize(const Tensor& x, const Sizes& size, ResizeOptions options = {});
/// The same for images, masks (NearestExact) and boxes.
LUXTORCH_API Figures resize(const Figures& figures, const Sizes& size, ResizeOptions options = {});

/// The rectangles of random_erase.
struct RandomEraseOptions {
  double p = 0.5;           ///< The probability that a sample has one.
  double min_area = 0.02;   ///< Its least area, as a fraction of the sample.
  double max_area = 0.33;   ///< Its largest area.
  double min_aspect = 0.3;  ///< Its least height / width.
  double max_aspect = 3.3;  ///< Its largest height / width.
  double value = 0;         ///< What its pixels are.
};

/// A rectangle of some samples becomes `value` (Zhong et al. 2020, "Random erasing data augmentation"). The
/// area is uniform, the aspect log-uniform, and each place equally likely; a side is cut to the sample's.
/// ArgumentError: p or an area outside [0, 1], an aspect that is not above 0, a least above the largest.
LUXTORCH_API Tensor random_erase(Rng rng, const Tensor& x, RandomEraseOptions options = {});

/// A mean and a standard deviation for each channel.
struct ChannelStatistics {
  std::vector<double> mean;  ///< One number for each channel.
  std::vector<double> std;   ///< One number for each channel, above 0.
};

/// Those of all pixels of x (batch, channels, ...), floating; the standard deviation is the biased one.
/// ShapeError: another x, or one without elements.
LUXTORCH_API ChannelStatistics channel_statistics(const Tensor& x);

/// (x - mean) / std for each channel of x (batch, channels, ...), floating: torchvision's Normalize.
/// ArgumentError: not one mean and one std for each channel, a std that is not above 0.
LUXTORCH_API Tensor normalise_channels(const Tensor& x, const ChannelStatistics& statistics);

/// Each sample mixed with another of the batch, and its targets likewise (Zhang et al. 2018, "mixup: beyond
/// empirical risk minimization"): l x_i + (1 - l) x_j with l from Beta(alpha, alpha), for each sample its
/// own, and j from a random permutation of the batch.
///
/// x: (batch, ...) and y: (batch, ...), floating; labels become floating by onehotbatch. Returns both.
/// ArgumentError: an alpha that is not above 0 and finite. ShapeError: others, or of two batch sizes.
LUXTORCH_API std::pair<Tensor, Tensor> mixup(Rng rng, const Tensor& x, const Tensor& y,
                                             double alpha = 0.2);

}  // namespace luxtorch::data
