#include "cut_figures.h"

#include <luxtorch/luxtorch.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace lux = luxtorch;
using lux::Tensor;

CutFigures cut_figures(lux::Rng rng, int64_t n, int64_t size) {
  constexpr int64_t kPixels = 64;
  constexpr int64_t kMargin = 12;  // around a picture, so that no cut leaves it
  auto figures = lux::data::make_figures(rng, n, {.size = kPixels});
  auto wide = lux::ops::pad_zeros(figures.images, kMargin);
  std::vector<Tensor> cuts;
  for (int64_t i = 0; i < n; ++i) {
    auto box = lux::to_vector<float>(figures.boxes[i]);
    const float side = std::max(box[2] - box[0], box[3] - box[1]) + 6;
    auto low = [&](float from, float to) { return kMargin + std::lround((from + to - side) / 2); };
    const auto length = std::lround(side);
    auto cut = wide.narrow(0, i, 1)
                   .narrow(2, low(box[1], box[3]), length)
                   .narrow(3, low(box[0], box[2]), length);
    cuts.push_back(
        lux::ops::upsample(cut / cut.max(), lux::UpsampleMode::Bilinear, {.size = {size, size}}));
  }
  return {lux::cat(cuts), figures.labels};
}
