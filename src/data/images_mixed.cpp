// Other numbers at the same places: erased rectangles, channels of one scale, mixed samples.
#include <algorithm>
#include <cmath>
#include <utility>

#include "data/draws.h"
#include "data/images_check.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/data/images.h"

namespace luxtorch::data {

namespace {

constexpr auto kErase = "data::random_erase";
constexpr auto kNormaliseChannels = "data::normalise_channels";
constexpr auto kMixup = "data::mixup";

void check_erase(const RandomEraseOptions& o) {
  check_fraction(kErase, ".p", o.p);
  check_fraction(kErase, ".min_area", o.min_area);
  check_fraction(kErase, ".max_area", o.max_area);
  if (o.min_area > o.max_area) {
    throw ArgumentError(kErase, fmt::format("expected .min_area <= .max_area, got {} and {}.",
                                            o.min_area, o.max_area));
  }
  if (!(o.min_aspect > 0 && o.min_aspect <= o.max_aspect && std::isfinite(o.max_aspect))) {
    throw ArgumentError(
        kErase, fmt::format("expected 0 < .min_aspect <= .max_aspect, got {} and {}.", o.min_aspect,
                            o.max_aspect));
  }
}

int64_t side(double length, int64_t most) {
  return std::clamp(static_cast<int64_t>(std::lround(length)), std::min<int64_t>(1, most), most);
}

// One number for each channel, in the shape (1, channels, 1, ...) that meets x.
Tensor for_channels(const std::vector<double>& numbers, const Tensor& x) {
  Shape shape(std::vector<int64_t>(static_cast<size_t>(x.dim()), 1));
  shape[1] = x.size(1);
  return tensor(numbers, {.dtype = kFloat64}).to(x.options()).reshape(shape);
}

std::vector<double> doubles(const Tensor& x) {
  const Tensor here = x.detach().to(kFloat64).cpu().contiguous();
  const double* p = here.const_data_ptr<double>();
  return {p, p + here.numel()};
}

}  // namespace

Tensor random_erase(Rng rng, const Tensor& x, RandomEraseOptions options) {
  check_image(kErase, x);
  check_erase(options);
  const int64_t height = x.size(-2), width = x.size(-1);
  const auto area = static_cast<double>(height * width);
  Tensor y = x.clone();
  for (int64_t i = 0; i < x.size(0); ++i) {
    Draws draws(rng.fold_in(static_cast<uint64_t>(i)));
    if (draws.uniform() >= options.p) continue;
    const double part = area * draws.uniform(options.min_area, options.max_area);
    const double aspect =
        std::exp(draws.uniform(std::log(options.min_aspect), std::log(options.max_aspect)));
    const int64_t rows = side(std::sqrt(part * aspect), height),
                  columns = side(std::sqrt(part / aspect), width);
    const int64_t top = draws.below(height - rows + 1), left = draws.below(width - columns + 1);
    y.select(0, i).narrow(-2, top, rows).narrow(-1, left, columns).fill_(options.value);
  }
  return y;
}

ChannelStatistics channel_statistics(const Tensor& x) {
  constexpr auto kWho = "data::channel_statistics";
  check_channels(kWho, x);
  if (x.numel() == 0)
    throw ShapeError(kWho, fmt::format("expected x with elements, got {}.", image_text(x)));
  const Tensor channels = x.to(kFloat64).transpose(0, 1).flatten(1);
  return {doubles(channels.mean(1)), doubles(channels.std(1, /*unbiased=*/false))};
}

Tensor normalise_channels(const Tensor& x, const ChannelStatistics& statistics) {
  check_channels(kNormaliseChannels, x);
  const auto& [mean, std] = statistics;
  const auto channels = static_cast<size_t>(x.size(1));
  if (mean.size() != channels || std.size() != channels) {
    throw ArgumentError(kNormaliseChannels,
                        fmt::format("expected {} numbers in .mean and .std, one for each channel, "
                                    "got {} and {}.",
                                    channels, mean.size(), std.size()));
  }
  for (size_t i = 0; i < channels; ++i) {
    if (std[i] > 0) continue;
    throw ArgumentError(kNormaliseChannels, fmt::format("expected .std above 0, got {} for channel "
                                                        "{}. Is the channel constant?",
                                                        std[i], i));
  }
  return (x - for_channels(mean, x)) / for_channels(std, x);
}

std::pair<Tensor, Tensor> mixup(Rng rng, const Tensor& x, const Tensor& y, double alpha) {
  if (!(alpha > 0 && std::isfinite(alpha)))
    throw ArgumentError(kMixup, fmt::format("expected alpha above 0 and finite, got {}.", alpha));
  for (const auto& [name, t] : {std::pair("x", x), std::pair("y", y)}) {
    if (t.defined() && t.dim() >= 1 && t.is_floating_point()) continue;
    throw ShapeError(kMixup, fmt::format("expected {} (batch, ...) of floating point, got {}. Of "
                                         "labels, use onehotbatch.",
                                         name, image_text(t)));
  }
  if (x.size(0) != y.size(0)) {
    throw ShapeError(kMixup, fmt::format("expected as many samples in x as in y, got {} and {}.",
                                         x.size(0), y.size(0)));
  }
  std::vector<double> weights;
  for (int64_t i = 0; i < x.size(0); ++i)
    weights.push_back(Draws(rng.fold_in(static_cast<uint64_t>(i))).beta(alpha));
  const Tensor weight = tensor(weights, {.dtype = kFloat64});
  const Tensor partners = random::permutation(rng.fold_in("partners"), x.size(0));
  auto mixed = [&](const Tensor& t) {
    Shape shape(std::vector<int64_t>(static_cast<size_t>(t.dim()), 1));
    shape[0] = t.size(0);
    const Tensor w = weight.to(t.options()).reshape(shape);
    return t * w + t.index_select(0, partners.to(t.device())) * (1 - w);
  };
  return {mixed(x), mixed(y)};
}

}  // namespace luxtorch::data
