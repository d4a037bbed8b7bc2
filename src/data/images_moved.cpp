// Flips, crops and sizes: pixels at other places, and masks and boxes with them.
#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/where.h>

#include "data/draws.h"
#include "data/images_check.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/data/images.h"
#include "ops/half_precision.h"
#include "ops/upsample.h"

namespace luxtorch::data {

namespace {

constexpr auto kFlip = "data::random_flip";
constexpr auto kRandomCrop = "data::random_crop";
constexpr auto kCenterCrop = "data::center_crop";
constexpr auto kResize = "data::resize";

// One number for each sample, in the shape (batch, 1, ...) that meets x.
Tensor for_samples(const std::vector<int64_t>& numbers, const Tensor& x) {
  Shape shape(std::vector<int64_t>(static_cast<size_t>(x.dim()), 1));
  shape[0] = static_cast<int64_t>(numbers.size());
  return tensor(numbers).to(x.device()).reshape(shape);
}

// Boxes from their edges: left, top, right, bottom.
Tensor box(const Tensor& left, const Tensor& top, const Tensor& right, const Tensor& bottom) {
  return stack({left, top, right, bottom}, -1);
}
Tensor edge(const Tensor& boxes, int64_t which) { return boxes.select(-1, which); }

// ---- flip

struct Flips {
  std::vector<int64_t> horizontal, vertical;  // 1 where a sample is mirrored
};

Flips drawn_flips(Rng rng, int64_t batch, RandomFlipOptions options) {
  check_fraction(kFlip, ".horizontal", options.horizontal);
  check_fraction(kFlip, ".vertical", options.vertical);
  Flips flips;
  for (int64_t i = 0; i < batch; ++i) {
    Draws draws(rng.fold_in(static_cast<uint64_t>(i)));
    flips.horizontal.push_back(draws.uniform() < options.horizontal);
    flips.vertical.push_back(draws.uniform() < options.vertical);
  }
  return flips;
}

Tensor flipped(const Tensor& x, const Flips& flips) {
  const Tensor y = at::where(for_samples(flips.horizontal, x).to(kBool), x.flip(-1), x);
  return at::where(for_samples(flips.vertical, x).to(kBool), y.flip(-2), y);
}

Tensor flipped_boxes(const Tensor& boxes, const Flips& flips, const Tensor& images) {
  const Tensor across = box(images.size(-1) - edge(boxes, 2), edge(boxes, 1),
                            images.size(-1) - edge(boxes, 0), edge(boxes, 3));
  const Tensor b = at::where(for_samples(flips.horizontal, boxes).to(kBool), across, boxes);
  const Tensor over =
      box(edge(b, 0), images.size(-2) - edge(b, 3), edge(b, 2), images.size(-2) - edge(b, 1));
  return at::where(for_samples(flips.vertical, boxes).to(kBool), over, b);
}

// ---- crop

// The window of each sample, in the coordinates of the sample with its padding.
struct Windows {
  int64_t height, width, padding;
  std::vector<int64_t> top, left;
};

void check_window(const char* who, const Windows& w, const Tensor& x) {
  const int64_t height = x.size(-2) + 2 * w.padding, width = x.size(-1) + 2 * w.padding;
  if (w.height <= height && w.width <= width) return;
  throw ShapeError(
      who, fmt::format("expected a window within {} x {}, the size of x{}, got {} x {}.", height,
                       width, w.padding > 0 ? " with its padding" : "", w.height, w.width));
}

Windows drawn_windows(Rng rng, const Tensor& x, const RandomCropOptions& options) {
  if (options.padding < 0) {
    throw ArgumentError(kRandomCrop,
                        fmt::format("expected .padding of at least 0, got {}.", options.padding));
  }
  const bool same = !options.size.for_every() && options.size.numbers().empty();
  const auto [height, width] =
      same ? std::pair(x.size(-2), x.size(-1)) : height_and_width(kRandomCrop, options.size);
  Windows w{height, width, options.padding, {}, {}};
  check_window(kRandomCrop, w, x);
  for (int64_t i = 0; i < x.size(0); ++i) {
    Draws draws(rng.fold_in(static_cast<uint64_t>(i)));
    w.top.push_back(draws.below(x.size(-2) + 2 * w.padding - height + 1));
    w.left.push_back(draws.below(x.size(-1) + 2 * w.padding - width + 1));
  }
  return w;
}

Windows central_windows(const Tensor& x, const Sizes& size) {
  const auto [height, width] = height_and_width(kCenterCrop, size);
  Windows w{height, width, 0, {}, {}};
  check_window(kCenterCrop, w, x);
  const auto batch = static_cast<size_t>(x.size(0));
  w.top.assign(batch, (x.size(-2) - height) / 2);
  w.left.assign(batch, (x.size(-1) - width) / 2);
  return w;
}

Tensor cropped(const Tensor& x, const Windows& w, double value) {
  const int64_t p = w.padding;
  const Tensor padded = p > 0 ? at::constant_pad_nd(x, {p, p, p, p}, value) : x;
  std::vector<Tensor> samples;
  for (size_t i = 0; i < w.top.size(); ++i) {
    samples.push_back(padded.select(0, static_cast<int64_t>(i))
                          .narrow(-2, w.top[i], w.height)
                          .narrow(-1, w.left[i], w.width));
  }
  if (samples.empty()) return padded.narrow(-2, 0, w.height).narrow(-1, 0, w.width).clone();
  return stack(samples);
}

Figures cropped(const Figures& figures, const Windows& w, double value) {
  Figures result = figures;
  result.images = cropped(figures.images, w, value);
  if (figures.masks.defined()) result.masks = cropped(figures.masks, w, 0);
  if (figures.boxes.defined()) {
    const Tensor edges = edge(figures.boxes, 0);
    const Tensor top = for_samples(w.top, edges) - w.padding,
                 left = for_samples(w.left, edges) - w.padding;
    auto x = [&](int64_t which) { return (edge(figures.boxes, which) - left).clamp(0, w.width); };
    auto y = [&](int64_t which) { return (edge(figures.boxes, which) - top).clamp(0, w.height); };
    result.boxes = box(x(0), y(1), x(2), y(3));
  }
  return result;
}

// ---- resize

bool is_nearest(UpsampleMode mode) {
  return mode == UpsampleMode::Nearest || mode == UpsampleMode::NearestExact;
}

// Of x (batch, channels, height, width).
Tensor resized(const Tensor& x, int64_t height, int64_t width, ResizeOptions options) {
  if (is_nearest(options.mode) && !x.is_floating_point())
    return resized(x.to(kFloat64), height, width, options).to(x.scalar_type());
  if (x.size(1) == 0) return x.new_zeros({x.size(0), 0, height, width});
  if (options.antialias && !is_nearest(options.mode)) {
    // torch has it for no halves.
    if (ops::is_half(x)) return resized(x.to(kFloat32), height, width, options).to(x.scalar_type());
    const Shape size{height, width};
    if (options.mode == UpsampleMode::Bicubic)
      return at::_upsample_bicubic2d_aa(x, size, /*align_corners=*/false);
    return at::_upsample_bilinear2d_aa(x, size, /*align_corners=*/false);
  }
  return ops::upsample(x, options.mode, {.size = {height, width}});
}

}  // namespace

Tensor random_flip(Rng rng, const Tensor& x, RandomFlipOptions options) {
  check_image(kFlip, x);
  return flipped(x, drawn_flips(rng, x.size(0), options));
}

Figures random_flip(Rng rng, const Figures& figures, RandomFlipOptions options) {
  check_figures(kFlip, figures);
  const Flips flips = drawn_flips(rng, figures.images.size(0), options);
  Figures result = figures;
  result.images = flipped(figures.images, flips);
  if (figures.masks.defined()) result.masks = flipped(figures.masks, flips);
  if (figures.boxes.defined()) result.boxes = flipped_boxes(figures.boxes, flips, figures.images);
  return result;
}

Tensor random_crop(Rng rng, const Tensor& x, const RandomCropOptions& options) {
  check_image(kRandomCrop, x);
  return cropped(x, drawn_windows(rng, x, options), options.value);
}

Figures random_crop(Rng rng, const Figures& figures, const RandomCropOptions& options) {
  check_figures(kRandomCrop, figures);
  return cropped(figures, drawn_windows(rng, figures.images, options), options.value);
}

Tensor center_crop(const Tensor& x, const Sizes& size) {
  check_image(kCenterCrop, x);
  return cropped(x, central_windows(x, size), 0);
}

Figures center_crop(const Figures& figures, const Sizes& size) {
  check_figures(kCenterCrop, figures);
  return cropped(figures, central_windows(figures.images, size), 0);
}

Tensor resize(const Tensor& x, const Sizes& size, ResizeOptions options) {
  check_image(kResize, x);
  const auto [height, width] = height_and_width(kResize, size);
  if (options.mode == UpsampleMode::Trilinear)
    throw ArgumentError(kResize, "expected a mode of images, got trilinear.");
  if (!is_nearest(options.mode) && !x.is_floating_point()) {
    throw ArgumentError(
        kResize, fmt::format("expected floating-point x for the mode {}, got {}. Convert x, or use "
                             "UpsampleMode::NearestExact.",
                             ops::name_of(options.mode), dtype_text(x.scalar_type())));
  }
  const Tensor channels = x.dim() == 3 ? x.unsqueeze(1) : x.flatten(1, -3);
  Shape shape = x.sizes();
  shape[shape.size() - 2] = height;
  shape[shape.size() - 1] = width;
  return resized(channels, height, width, options).reshape(shape);
}

Figures resize(const Figures& figures, const Sizes& size, ResizeOptions options) {
  check_figures(kResize, figures);
  Figures result = figures;
  result.images = resize(figures.images, size, options);
  if (figures.masks.defined())
    result.masks = resize(figures.masks, size, {.mode = UpsampleMode::NearestExact});
  if (figures.boxes.defined()) {
    auto factor = [&](int64_t dim) {
      return static_cast<double>(result.images.size(dim)) /
             static_cast<double>(figures.images.size(dim));
    };
    const Tensor factors = tensor(
        std::vector<double>{factor(-1), factor(-2), factor(-1), factor(-2)}, {.dtype = kFloat64});
    result.boxes = figures.boxes * factors.to(figures.boxes.options());
  }
  return result;
}

}  // namespace luxtorch::data
