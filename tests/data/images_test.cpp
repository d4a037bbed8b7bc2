#include "luxtorch/data/images.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/values.h"
#include "luxtorch/data/text.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch::data {
namespace {

using ::luxtorch::testing::kGoldenFloat64;
using ::luxtorch::testing::load_golden;

Tensor numbered(const Shape& shape, Dtype dtype = kFloat32) {
  int64_t n = 1;
  for (int64_t size : shape) n *= size;
  return arange(n).reshape(shape).to(dtype);
}
int64_t count(const Tensor& x) { return x.sum().item<int64_t>(); }

// The pixels of a mask lie in its box, and touch it if they are a whole figure, up to a pixel at a sharp
// corner.
void expect_boxes_around_masks(const Figures& f, bool whole) {
  const int64_t height = f.masks.size(-2), width = f.masks.size(-1);
  for (int64_t k = 0; k < f.masks.size(0); ++k) {
    if (!f.masks[k].any().item<bool>()) continue;
    const Tensor columns = f.masks[k].any(0).nonzero(), rows = f.masks[k].any(1).nonzero();
    const double seen[] = {columns.min().item<double>(), rows.min().item<double>(),
                           columns.max().item<double>() + 1, rows.max().item<double>() + 1};
    for (int e = 0; e < 4; ++e) {
      const double edge = f.boxes[k][e].item<double>();
      EXPECT_TRUE(e < 2 ? seen[e] >= edge - 0.51 : seen[e] <= edge + 0.51) << k << " " << e;
      if (whole) {
        EXPECT_NEAR(seen[e], edge, 2.6) << k << " " << e;
      }
      EXPECT_GE(edge, -1e-5);
      EXPECT_LE(edge, static_cast<double>(e % 2 == 0 ? width : height) + 1e-5);
    }
  }
}

TEST(RandomFlip, MirrorsAllNoneOrSome) {
  const Tensor x = numbered({200, 2, 3, 4});
  EXPECT_SAME(random_flip(Rng(0), x, {.horizontal = 1}), x.flip(-1));
  EXPECT_SAME(random_flip(Rng(0), x, {.horizontal = 0, .vertical = 1}), x.flip(-2));
  EXPECT_SAME(random_flip(Rng(0), x, {.horizontal = 1, .vertical = 1}), x.flip({-1, -2}));
  EXPECT_SAME(random_flip(Rng(0), x, {.horizontal = 0}), x);
  const Tensor some = random_flip(Rng(0), x);
  int64_t mirrored = 0;
  for (int64_t i = 0; i < 200; ++i) {
    const bool is_mirrored = some[i].equal(x[i].flip(-1));
    EXPECT_TRUE(is_mirrored || some[i].equal(x[i])) << i;
    mirrored += is_mirrored;
  }
  EXPECT_NEAR(mirrored, 100, 30);
  EXPECT_FALSE(some.equal(random_flip(Rng(1), x)));
  EXPECT_SAME(some.narrow(0, 0, 7), random_flip(Rng(0), x.narrow(0, 0, 7)));
}

TEST(RandomFlip, TakesMasksAndBoxesAlong) {
  const Figures f = make_figures(Rng(1), 60);
  const Figures all = random_flip(Rng(2), f, {.vertical = 0.5});
  EXPECT_SAME(all.images, random_flip(Rng(2), f.images, {.vertical = 0.5}));
  EXPECT_SAME(all.masks, random_flip(Rng(2), f.masks, {.vertical = 0.5}));
  EXPECT_SAME(all.labels, f.labels);
  expect_boxes_around_masks(all, true);
  const Figures back = random_flip(Rng(2), all, {.vertical = 0.5});
  EXPECT_CLOSE(back.boxes, f.boxes, 1e-6);
  const Figures images_alone = random_flip(Rng(2), Figures{.images = f.images}, {.vertical = 0.5});
  EXPECT_SAME(images_alone.images, all.images);
  EXPECT_FALSE(images_alone.masks.defined());
}

TEST(RandomCrop, CutsOneWindowOfThePaddedSample) {
  const int64_t n = 400;
  const Tensor x = numbered({1, 2, 5, 6}).add(1).expand({n, 2, 5, 6});
  const Tensor padded = full({2, 9, 10}, -1);
  padded.narrow(1, 2, 5).narrow(2, 2, 6).copy_(x[0]);
  const Tensor y = random_crop(Rng(0), x, {.size = {4, 3}, .padding = 2, .value = -1});
  ASSERT_EQ(y.sizes(), Shape({n, 2, 4, 3}));
  std::set<std::pair<int64_t, int64_t>> places;
  for (int64_t k = 0; k < n; ++k) {
    for (int64_t top = 0; top <= 5; ++top)
      for (int64_t left = 0; left <= 7; ++left)
        if (y[k].equal(padded.narrow(1, top, 4).narrow(2, left, 3))) places.insert({top, left});
  }
  EXPECT_EQ(places.size(), 48u);  // all of them; the four with padding alone in a corner differ too
  EXPECT_EQ(random_crop(Rng(0), x, {.padding = 1}).sizes(), x.sizes());
  EXPECT_SAME(random_crop(Rng(0), x, {}), x.contiguous());
  EXPECT_SAME(random_crop(Rng(0), x, {.size = 5, .padding = 1}).narrow(0, 0, 7),
              random_crop(Rng(0), x.narrow(0, 0, 7), {.size = 5, .padding = 1}));
}

TEST(RandomCrop, TakesMasksAndBoxesAlong) {
  const Figures f = make_figures(Rng(1), 60);
  const Figures all = random_crop(Rng(2), f, {.size = 24, .padding = 4, .value = 0.5});
  EXPECT_EQ(all.images.sizes(), Shape({60, 1, 24, 24}));
  EXPECT_SAME(all.masks, random_crop(Rng(2), f.masks, {.size = 24, .padding = 4}));
  expect_boxes_around_masks(all, false);
  const Figures padded = random_crop(Rng(2), f, {.size = 40, .padding = 4});
  EXPECT_SAME(padded.boxes, f.boxes + 4);
  expect_boxes_around_masks(padded, true);
}

TEST(RandomCrop, OfABoxOutsideOfTheWindowHasNoArea) {
  const Figures f{.images = zeros({1, 1, 8, 8}),
                  .boxes = tensor({0., 0., 2., 2., 1., 3., 6., 8.}).reshape({1, 2, 4})};
  const Figures center = center_crop(f, 4);
  EXPECT_SAME(center.boxes, tensor({0., 0., 0., 0., 0., 1., 4., 4.}).reshape({1, 2, 4}));
}

TEST(CenterCrop, TakesTheMiddle) {
  const Tensor x = numbered({2, 3, 5, 8});
  EXPECT_SAME(center_crop(x, {2, 4}), x.narrow(2, 1, 2).narrow(3, 2, 4).contiguous());
  EXPECT_SAME(center_crop(x, {5, 8}), x);
  const Figures f = make_figures(Rng(3), 20);
  const Figures middle = center_crop(f, {20, 30});
  EXPECT_SAME(middle.masks, center_crop(f.masks, {20, 30}));
  expect_boxes_around_masks(middle, false);
}

struct Mode {
  const char* name;
  ResizeOptions options;
};

TEST(Resize, TakesHalvesAndNoChannels) {
  const Tensor x = random::normal(Rng(0), {2, 3, 8, 6});
  for (Dtype dtype : {kFloat16, kBFloat16}) {
    const Tensor small = resize(x.to(dtype), {4, 3});
    EXPECT_EQ(small.scalar_type(), dtype);
    EXPECT_CLOSE(small.to(kFloat32), resize(x, {4, 3}), 2e-2);
  }
  EXPECT_SAME(resize(zeros({2, 0, 8, 6}), {4, 3}), zeros({2, 0, 4, 3}));
}

TEST(Resize, AgreesWithPyTorch) {
  const Tree golden = load_golden("images");
  const Tensor x = golden["x"].tensor();
  const Mode modes[] = {{"bilinear", {.antialias = false}},
                        {"bilinear_antialias", {}},
                        {"bicubic", {.mode = UpsampleMode::Bicubic, .antialias = false}},
                        {"bicubic_antialias", {.mode = UpsampleMode::Bicubic}},
                        {"nearest", {.mode = UpsampleMode::Nearest}},
                        {"nearest_exact", {.mode = UpsampleMode::NearestExact}}};
  for (const auto& [name, options] : modes) {
    for (const char* size : {"smaller", "larger", "mixed"}) {
      SCOPED_TRACE(std::string(name) + " " + size);
      const Tensor w = golden["w"][size].tensor();
      const Tree expected = golden["cases"][name][size];
      auto f = [&](const Tree& t) {
        return (resize(t.tensor(), {w.size(2), w.size(3)}, options) * w).sum();
      };
      EXPECT_CLOSE(resize(x, {w.size(2), w.size(3)}, options), expected["y"].tensor(),
                   kGoldenFloat64);
      EXPECT_CLOSE(grad(f, Tree(x)).tensor(), expected["grad"].tensor(), kGoldenFloat64);
    }
  }
}

TEST(Resize, TakesMasksAndBoxesAlong) {
  const Figures f = make_figures(Rng(4), 30, {.size = 24});
  const Figures twice = resize(f, {48, 24}),
                same = resize(twice, 24, {.mode = UpsampleMode::Nearest});
  EXPECT_EQ(twice.masks.scalar_type(), kBool);
  EXPECT_EQ(count(twice.masks), 2 * count(f.masks));
  EXPECT_SAME(same.masks, f.masks);
  EXPECT_CLOSE(same.boxes, f.boxes, 1e-6);
  EXPECT_CLOSE(twice.boxes, f.boxes * tensor({1., 2., 1., 2.}), 1e-6);
  EXPECT_EQ(resize(zeros({0, 2, 3, 8, 8}), {4, 6}).sizes(), Shape({0, 2, 3, 4, 6}));
  EXPECT_EQ(resize(zeros({2, 2, 3, 8, 8}), {4, 6}).sizes(), Shape({2, 2, 3, 4, 6}));
}

TEST(RandomErase, FillsOneRectangleOfSomeSamples) {
  const int64_t n = 300;
  const Tensor x = ones({n, 2, 20, 30});
  const RandomEraseOptions options{.p = 0.4, .min_area = 0.1, .max_area = 0.3, .value = -2};
  const Tensor y = random_erase(Rng(0), x, options), filled = y.eq(-2);
  EXPECT_TRUE(filled.logical_or(y.eq(1)).all().item<bool>());
  EXPECT_SAME(filled.select(1, 0), filled.select(1, 1));
  int64_t erased = 0;
  double least = 1, most = 0;
  for (int64_t k = 0; k < n; ++k) {
    const Tensor one = filled[k][0];
    if (!one.any().item<bool>()) continue;
    ++erased;
    const int64_t rows = count(one.any(1)), columns = count(one.any(0));
    EXPECT_EQ(count(one), rows * columns);  // a rectangle
    const double area = static_cast<double>(rows * columns) / 600;
    least = std::min(least, area);
    most = std::max(most, area);
  }
  EXPECT_NEAR(erased, 120, 35);
  EXPECT_GT(least, 0.07);
  EXPECT_LT(least, 0.14);
  EXPECT_LT(most, 0.34);
  EXPECT_GT(most, 0.26);
  EXPECT_SAME(y.narrow(0, 0, 9), random_erase(Rng(0), x.narrow(0, 0, 9), options));
  EXPECT_SAME(random_erase(Rng(0), x, {.p = 0}), x);
}

TEST(NormaliseChannels, GivesEachChannelMeanZeroAndDeviationOne) {
  const Tensor x = random::normal(Rng(0), {7, 3, 4, 5}, 2, 3, kFloat64) *
                   tensor({1., 2., 5.}).reshape({3, 1, 1});
  const ChannelStatistics s = channel_statistics(x);
  EXPECT_CLOSE(tensor(s.mean, {.dtype = kFloat64}), x.mean({0, 2, 3}), 1e-12);
  const Tensor y = normalise_channels(x, s);
  EXPECT_LT(y.mean({0, 2, 3}).abs().max().item<double>(), 1e-14);
  EXPECT_CLOSE(y.square().mean({0, 2, 3}), ones({3}, {.dtype = kFloat64}), 1e-12);
  EXPECT_SAME(normalise_channels(full({2, 1, 2}, 5), {.mean = {1}, .std = {2}}),
              full({2, 1, 2}, 2));
}

TEST(Mixup, MixesInputsAndTargetsByTheSameWeights) {
  const int64_t n = 1000;
  for (double alpha : {0.2, 1.0, 3.0}) {
    const Tensor y = eye(n, {.dtype = kFloat64});
    auto [x, targets] = mixup(Rng(5), arange(n).to(kFloat64).reshape({n, 1, 1}), y, alpha);
    EXPECT_CLOSE(targets.sum(1), ones({n}, {.dtype = kFloat64}), 1e-12);
    EXPECT_CLOSE(x.reshape({n}), matmul(targets, arange(n).to(kFloat64)), 1e-12);
    const Tensor weight = targets.diagonal();
    EXPECT_NEAR(weight.mean().item<double>(), 0.5, 0.05) << alpha;
    EXPECT_NEAR(weight.var().item<double>(), 1 / (4 * (2 * alpha + 1)), 0.015) << alpha;
    EXPECT_NEAR(weight.gt(0.5).to(kFloat64).mean().item<double>(), 0.5, 0.06) << alpha;
  }
  auto [tiny, same] =
      mixup(Rng(5), ones({50, 1}), ones({50, 1}), 1e-4);  // numbers below every double
  EXPECT_SAME(tiny, ones({50, 1}));
}

TEST(Mixup, WeighsASampleAloneByItsNumber) {
  const Tensor y = eye(6);
  auto few = mixup(Rng(1), y, y).first.diagonal(),
       more = mixup(Rng(1), eye(9), eye(9)).first.diagonal();
  int64_t equal = 0;
  for (int64_t i = 0; i < 6; ++i) equal += few[i].equal(more[i]);
  EXPECT_GE(equal, 3);  // others are mixed with themselves, which is 1
}

TEST(Images, LetGradientsThrough) {
  const Tensor x = random::normal(Rng(0), {3, 1, 6, 6}, 0, 1, kFloat64);
  auto f = [](const Tree& t) {
    Tensor y = random_flip(Rng(1), t.tensor());
    y = random_erase(Rng(2), random_crop(Rng(3), y, {.size = 4, .padding = 1}), {.p = 1});
    return mixup(Rng(4), y, y).first.square().sum();
  };
  const Tensor g = grad(f, Tree(x)).tensor();
  const Tensor direction = random::normal(Rng(9), {3, 1, 6, 6}, 0, 1, kFloat64);
  const double h = 1e-5;
  const double slope =
      (f(Tree(x + h * direction)) - f(Tree(x - h * direction))).item<double>() / (2 * h);
  EXPECT_NEAR((g * direction).sum().item<double>(), slope, 1e-6 * std::abs(slope));
}

TEST(Images, TakeEmptyBatches) {
  const Tensor none = zeros({0, 3, 8, 8});
  EXPECT_SAME(random_flip(Rng(0), none), none);
  EXPECT_EQ(random_crop(Rng(0), none, {.size = {4, 5}}).sizes(), Shape({0, 3, 4, 5}));
  EXPECT_SAME(random_erase(Rng(0), none), none);
  EXPECT_SAME(mixup(Rng(0), none, none).first, none);
}

TEST(Images, RefuseOtherShapes) {
  EXPECT_ERROR(ShapeError, random_flip(Rng(0), zeros({4, 4})),
               "[data::random_flip] expected x (batch, ..., height, width), got a float32 tensor "
               "of shape (4, 4).");
  EXPECT_ERROR(
      ShapeError, random_erase(Rng(0), Tensor()),
      "[data::random_erase] expected x (batch, ..., height, width), got an undefined tensor.");
  Figures f = make_figures(Rng(0), 2, {.size = 8});
  f.masks = zeros({2, 8, 9});
  EXPECT_ERROR(ShapeError, center_crop(f, 4),
               "[data::center_crop] expected masks (2, ..., 8, 8) as the images, got a float32 "
               "tensor of shape (2, 8, 9).");
  f.masks = Tensor();
  f.boxes = zeros({2, 3});
  EXPECT_ERROR(ShapeError, resize(f, 4),
               "[data::resize] expected boxes (2, ..., 4) of floating point, got a float32 tensor "
               "of shape (2, 3).");
  EXPECT_ERROR(ShapeError, random_crop(Rng(0), zeros({1, 8, 8}), {.size = {8, 13}, .padding = 2}),
               "[data::random_crop] expected a window within 12 x 12, the size of x with its "
               "padding, got 8 x 13.");
  EXPECT_ERROR(ShapeError, center_crop(zeros({1, 8, 8}), 9),
               "[data::center_crop] expected a window within 8 x 8, the size of x, got 9 x 9.");
  EXPECT_ERROR(ShapeError, channel_statistics(zeros({2, 3, 4}, {.dtype = kInt64})),
               "[data::channel_statistics] expected x (batch, channels, ...) of floating point, "
               "got an int64 tensor of shape "
               "(2, 3, 4). Of integers, divide first: x.to(kFloat32) / 255.");
  EXPECT_ERROR(ShapeError, channel_statistics(zeros({0, 3, 4})),
               "[data::channel_statistics] expected x with elements, got a float32 tensor of shape "
               "(0, 3, 4).");
  EXPECT_ERROR(ShapeError, mixup(Rng(0), zeros({2, 3}), arange(2)),
               "[data::mixup] expected y (batch, ...) of floating point, got an int64 tensor of "
               "shape (2,). Of labels, use "
               "onehotbatch.");
  EXPECT_ERROR(ShapeError, mixup(Rng(0), zeros({2, 3}), zeros({3, 3})),
               "[data::mixup] expected as many samples in x as in y, got 2 and 3.");
}

TEST(Images, RefuseOtherOptions) {
  const Tensor x = zeros({1, 2, 8, 8});
  EXPECT_ERROR(ArgumentError, random_flip(Rng(0), x, {.vertical = 1.5}),
               "[data::random_flip] expected .vertical in [0, 1], got 1.5.");
  EXPECT_ERROR(ArgumentError, random_crop(Rng(0), x, {.padding = -1}),
               "[data::random_crop] expected .padding of at least 0, got -1.");
  EXPECT_ERROR(
      ArgumentError, random_crop(Rng(0), x, {.size = {1, 2, 3}}),
      "[data::random_crop] expected size as one number or as height and width, got 3 numbers.");
  EXPECT_ERROR(ArgumentError, center_crop(x, 0),
               "[data::center_crop] expected size of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, resize(x, 4, {.mode = UpsampleMode::Trilinear}),
               "[data::resize] expected a mode of images, got trilinear.");
  EXPECT_ERROR(ArgumentError, resize(x.to(kInt64), 4),
               "[data::resize] expected floating-point x for the mode bilinear, got int64. Convert "
               "x, or use "
               "UpsampleMode::NearestExact.");
  EXPECT_ERROR(ArgumentError, random_erase(Rng(0), x, {.min_area = 0.5}),
               "[data::random_erase] expected .min_area <= .max_area, got 0.5 and 0.33.");
  EXPECT_ERROR(ArgumentError, random_erase(Rng(0), x, {.min_aspect = 0}),
               "[data::random_erase] expected 0 < .min_aspect <= .max_aspect, got 0 and 3.3.");
  EXPECT_ERROR(ArgumentError, normalise_channels(x, {.mean = {1}, .std = {1, 2}}),
               "[data::normalise_channels] expected 2 numbers in .mean and .std, one for each "
               "channel, got 1 and 2.");
  EXPECT_ERROR(ArgumentError, normalise_channels(x, channel_statistics(x)),
               "[data::normalise_channels] expected .std above 0, got 0 for channel 0. Is the "
               "channel constant?");
  EXPECT_ERROR(ArgumentError, mixup(Rng(0), x, x, 0),
               "[data::mixup] expected alpha above 0 and finite, got 0.");
}

}  // namespace
}  // namespace luxtorch::data
