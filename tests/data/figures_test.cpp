#include "luxtorch/data/figures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch::data {
namespace {

TEST(Figures, HaveTheDocumentedShapesAndClasses) {
  const Figures f = make_figures(Rng(0), 60, {.size = 24, .classes = 3});
  EXPECT_EQ(f.images.sizes(), Shape({60, 1, 24, 24}));
  EXPECT_EQ(f.labels.sizes(), Shape({60}));
  EXPECT_EQ(f.masks.sizes(), Shape({60, 24, 24}));
  EXPECT_EQ(f.boxes.sizes(), Shape({60, 4}));
  EXPECT_EQ(f.images.scalar_type(), kFloat32);
  EXPECT_EQ(f.masks.scalar_type(), kBool);
  for (int64_t k = 0; k < 3; ++k) EXPECT_GT(f.labels.eq(k).sum().item<int64_t>(), 8) << k;
  EXPECT_EQ(f.labels.max().item<int64_t>(), 2);
}

TEST(Figures, CoverTheirAreas) {
  const double pi = std::numbers::pi;
  // Of a circumscribed circle of radius 1.
  const double areas[] = {pi, 2, 3 * std::numbers::sqrt3 / 4, 2.0, pi * 0.75};
  const Figures f = make_figures(Rng(1), 100, {.size = 64});
  for (int64_t k = 0; k < 100; ++k) {
    const auto label = f.labels[k].item<int64_t>();
    const double brightness = f.images[k].max().item<double>();
    const double area = f.images[k].sum().item<double>() / brightness;
    const double count = f.masks[k].sum().item<double>();
    EXPECT_NEAR(count, area, 0.05 * area) << label;
    EXPECT_GE(brightness, 0.5);
    EXPECT_LE(brightness, 1);
    if (label != 0 && label != 4) continue;  // the boxes of these give the radius
    const double radius = (f.boxes[k][2] - f.boxes[k][0]).item<double>() / 2;
    EXPECT_NEAR(area, areas[label] * radius * radius, 0.01 * area) << label;
    EXPECT_GE(radius, 0.15 * 64);
    EXPECT_LE(radius, 0.4 * 64);
  }
}

TEST(Figures, LieInTheirBoxesAndTouchThem) {
  const Figures f = make_figures(Rng(2), 100);
  for (int64_t k = 0; k < 100; ++k) {
    const Tensor columns = f.masks[k].any(0).nonzero(), rows = f.masks[k].any(1).nonzero();
    const double seen[] = {columns.min().item<double>(), rows.min().item<double>(),
                           columns.max().item<double>() + 1, rows.max().item<double>() + 1};
    for (int e = 0; e < 4; ++e) {
      const double edge = f.boxes[k][e].item<double>();
      const bool low = e < 2;
      EXPECT_TRUE(low ? seen[e] >= edge - 0.51 : seen[e] <= edge + 0.51) << k << " " << e;
      EXPECT_NEAR(seen[e], edge, 2.5) << k << " " << e;  // corners are sharper than pixels
      EXPECT_GE(edge, -1e-5);
      EXPECT_LE(edge, 32 + 1e-5);
    }
  }
}

TEST(Figures, DependOnTheirNumberAlone) {
  const Figures some = make_figures(Rng(3), 3, {.noise = 0.1});
  const Figures more = make_figures(Rng(3), 5, {.noise = 0.1});
  const Figures clean = make_figures(Rng(3), 3);
  EXPECT_TRUE(tree::equal(some.images, more.images.narrow(0, 0, 3)));
  EXPECT_TRUE(tree::equal(some.boxes, clean.boxes));
  EXPECT_NEAR((some.images - clean.images).std().item<double>(), 0.1, 0.01);
}

TEST(Figures, RefuseOtherOptions) {
  EXPECT_ERROR(ArgumentError, make_figures(Rng(0), 0),
               "[data::make_figures] expected n of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, make_figures(Rng(0), 1, {.size = 7}),
               "[data::make_figures] expected size >= 8, got 7.");
  EXPECT_ERROR(ArgumentError, make_figures(Rng(0), 1, {.classes = 6}),
               "[data::make_figures] expected classes from 1 to 5, got 6.");
  EXPECT_ERROR(ArgumentError, make_figures(Rng(0), 1, {.noise = -1}),
               "[data::make_figures] expected noise >= 0, got -1.");
}

}  // namespace
}  // namespace luxtorch::data
