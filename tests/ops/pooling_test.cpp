#include "luxtorch/ops/pooling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"
#include "support/normal.h"

namespace luxtorch::testing {
namespace {

struct Windows {
  int64_t window, stride, low, high, dilation;
  bool ceil_mode;
};

// Every pool of one dimension, element by element.
const std::vector<Windows> kWindows{
    {2, 2, 0, 0, 1, false}, {3, 1, 1, 1, 1, false}, {3, 2, 1, 1, 2, true}, {2, 3, 0, 2, 1, true},
    {2, 1, 2, 1, 1, false}, {3, 2, 0, 1, 3, true},  {1, 4, 3, 0, 1, true}, {4, 3, 2, 2, 1, true},
    {3, 1, 2, 2, 2, false}, {2, 1, 2, 2, 4, false}, {3, 2, 3, 3, 3, true}};

// f(the elements of x in a window, how many places of it are in x or its padding).
template <class F>
Tensor by_hand(const Tensor& x, const Windows& w, F f) {
  const int64_t size = x.size(2), padded = w.low + size + w.high,
                reach = w.dilation * (w.window - 1) + 1;
  std::vector<Tensor> ys;
  for (int64_t begin = 0;; begin += w.stride) {
    const bool fits = w.ceil_mode ? begin + reach < padded + w.stride && begin < w.low + size
                                  : begin + reach <= padded;
    if (!fits) break;
    std::vector<Tensor> elements;
    int64_t places = 0;
    for (int64_t k = 0; k < w.window; ++k) {
      const int64_t place = begin + k * w.dilation, i = place - w.low;
      places += place < padded;
      if (i >= 0 && i < size) elements.push_back(x.select(2, i));
    }
    ys.push_back(f(elements, places));
  }
  return stack(ys, 2);
}

template <class Options>
Options pool_options(const Windows& w) {
  Options options;
  options.stride = w.stride, options.pad = {w.low, w.high}, options.dilation = w.dilation;
  options.ceil_mode = w.ceil_mode;
  return options;
}

Tensor sum_of(const std::vector<Tensor>& elements, const Tensor& x) {
  return elements.empty() ? zeros({x.size(0), x.size(1)}, {.dtype = kFloat64})
                          : stack(elements).sum(0);
}

TEST(Pooling, IsTheMaximumMeanOrNormOfEachWindow) {
  const Tensor x = normal(0, {2, 3, 9});
  for (const auto& w : kWindows) {
    SCOPED_TRACE(::testing::Message()
                 << w.window << " " << w.stride << " " << w.low << " " << w.high);
    using Elements = std::vector<Tensor>;
    EXPECT_SAME(ops::maxpool(x, {w.window}, pool_options<MaxPoolOptions>(w)),
                by_hand(x, w, [&](const Elements& elements, int64_t) {
                  return elements.empty() ? full({2, 3}, -std::numeric_limits<double>::infinity(),
                                                 {.dtype = kFloat64})
                                          : std::get<0>(stack(elements).max(0));
                }));
    auto mean = pool_options<MeanPoolOptions>(w);
    EXPECT_CLOSE(ops::meanpool(x, {w.window}, mean),
                 by_hand(x, w,
                         [&](const Elements& elements, int64_t places) {
                           return sum_of(elements, x) / static_cast<double>(places);
                         }),
                 1e-14);
    mean.count_include_pad = false;
    EXPECT_CLOSE(ops::meanpool(x, {w.window}, mean),
                 by_hand(x, w,
                         [&](const Elements& elements, int64_t) {
                           return sum_of(elements, x) /
                                  static_cast<double>(std::max<size_t>(elements.size(), 1));
                         }),
                 1e-14);
    auto norm = pool_options<LPPoolOptions>(w);
    norm.p = 3;
    EXPECT_CLOSE(ops::lppool(x, {w.window}, norm),
                 by_hand(x, w,
                         [&](Elements elements, int64_t places) {
                           for (auto& e : elements) e = e.abs().pow(3);
                           const double scaled_up =
                               static_cast<double>(w.window) / static_cast<double>(places);
                           return (sum_of(elements, x) * scaled_up).pow(1.0 / 3);
                         }),
                 1e-14);
  }
}

TEST(Pooling, KeepsNaNAndGivesTheGradientOfEqualElementsToTheFirst) {
  Tensor x = tensor({1., 3., 3., 2.}, {.dtype = kFloat64}).reshape({1, 1, 4});
  auto gradient = [&](auto f) { return grad([&](const Tensor& t) { return f(t).sum(); }, x); };
  const Tensor first = tensor({0., 1., 0., 0.}, {.dtype = kFloat64}).reshape({1, 1, 4});
  EXPECT_SAME(gradient([](const Tensor& t) { return ops::maxpool(t, {4}); }), first);
  EXPECT_SAME(gradient([](const Tensor& t) { return ops::global_maxpool(t); }), first);
  EXPECT_SAME(gradient([](const Tensor& t) { return ops::adaptive_maxpool(t, {1}); }), first);
  x = tensor({1., std::nan(""), 3., 2.}, {.dtype = kFloat64}).reshape({1, 1, 4});
  const Tensor y = ops::maxpool(x, {2});
  EXPECT_TRUE(std::isnan(y[0][0][0].item<double>()));
  EXPECT_EQ(y[0][0][1].item<double>(), 3);
}

TEST(Pooling, IsTheSameWithoutAGradient) {
  Tensor x = normal(0, {2, 3, 4, 4});
  x[0][0].zero_(), x[1][2].fill_(-std::numeric_limits<double>::infinity());
  x[0][1][2][3] = std::nan("");
  const Tensor recorded = x.clone().requires_grad_();
  const std::vector<std::function<Tensor(const Tensor&)>> pools{
      [](const Tensor& t) { return ops::global_maxpool(t); },
      [](const Tensor& t) { return ops::global_lppool(t, 2.5); },
      [](const Tensor& t) { return ops::lppool(t, {2, 2}, {.p = 3}); },
      [](const Tensor& t) { return ops::adaptive_lppool(t, {3, 3}, {.p = 2}); }};
  for (const auto& pool : pools) {
    const Tensor y = pool(x), expected = pool(recorded);
    EXPECT_FALSE(y.requires_grad());
    EXPECT_TRUE(expected.requires_grad());
    EXPECT_EQ(y.sizes(), expected.sizes());
    EXPECT_TRUE(y.allclose(expected.detach(), 1e-14, 0, /*equal_nan=*/true));
  }
}

TEST(Pooling, OfNothingButZerosHasAGradientOfZero) {
  const Tensor x = zeros({1, 2, 4}, {.dtype = kFloat64});
  for (double p : {1., 2., 3., 2.5}) {
    auto gradient = [&](auto f) { return grad([&](const Tensor& t) { return f(t).sum(); }, x); };
    EXPECT_SAME(gradient([&](const Tensor& t) { return ops::lppool(t, {2}, {.p = p}); }), x);
    EXPECT_SAME(gradient([&](const Tensor& t) { return ops::global_lppool(t, p); }), x);
    EXPECT_SAME(gradient([&](const Tensor& t) { return ops::adaptive_lppool(t, {3}, {.p = p}); }),
                x);
  }
}

// Of windows of 4 with zeros among them, by the formula of the other elements.
TEST(Pooling, HasDerivativesOfZeroWhereAnElementIsZero) {
  const Tensor some = tensor({0.7, -1.3, 0.4}, {.dtype = kFloat64});
  auto with_zeros = [](const Tensor& t) {
    const Tensor zero = zeros({1}, {.dtype = kFloat64});
    return cat({zero, t.narrow(0, 0, 2), zero, zero, zero, t.narrow(0, 2, 1), zero})
        .reshape({1, 1, 8});
  };
  for (double p : {0.5, 1., 1.5, 2., 2.5, 3.}) {
    SCOPED_TRACE(p);
    auto norm = [&](const Tensor& t) { return t.abs().pow(p).sum().pow(1 / p); };
    auto expected = [&](const Tensor& t) {
      return norm(t.narrow(0, 0, 2)) + norm(t.narrow(0, 2, 1));
    };
    const std::vector<std::function<Tensor(const Tensor&)>> pools{
        [&](const Tensor& t) { return ops::lppool(t, {4}, {.p = p}).sum(); },
        [&](const Tensor& t) { return ops::adaptive_lppool(t, {2}, {.p = p}).sum(); },
        [&](const Tensor& t) { return ops::global_lppool(t.reshape({1, 2, 4}), p).sum(); }};
    for (const auto& pool : pools) {
      EXPECT_CLOSE(grad(pool, with_zeros(some)), with_zeros(grad(expected, some)), 1e-13);
      auto second = [](auto f, const Tensor& at) {
        auto slopes = [&](const Tensor& t) {
          return value_and_grad(f, t, {.create_graph = true}).grad.square().sum();
        };
        return grad(slopes, at);
      };
      EXPECT_CLOSE(second(pool, with_zeros(some)), with_zeros(second(expected, some)), 1e-12);
    }
  }
}

// y and the gradient by x, of half precision and of the same numbers in float32.
TEST(Pooling, OfHalfPrecisionIsThatOfFloat32) {
  using Pool = std::function<Tensor(const Tensor&)>;
  for (size_t dims : {1, 2, 3}) {
    const Shape two(std::vector<int64_t>(dims, 2)), three(std::vector<int64_t>(dims, 3));
    std::vector<int64_t> shape{2, 3};
    shape.insert(shape.end(), dims, 6);
    const AdaptivePoolOptions uniform{.windows = AdaptiveWindows::Uniform};
    const std::vector<Pool> pools{
        [&](const Tensor& x) { return ops::maxpool(x, two); },
        [&](const Tensor& x) {
          return ops::maxpool(x, three, {.stride = 1, .pad = 2, .dilation = 2});
        },
        [&](const Tensor& x) { return ops::meanpool(x, two); },
        [&](const Tensor& x) {
          return ops::meanpool(x, three, {.stride = 2, .pad = 1, .count_include_pad = false});
        },
        [&](const Tensor& x) { return ops::meanpool(x, two, {.dilation = 2}); },
        [&](const Tensor& x) { return ops::lppool(x, two); },
        [&](const Tensor& x) { return ops::lppool(x, two, {.p = 6}); },
        [&](const Tensor& x) { return ops::adaptive_maxpool(x, three); },
        [&](const Tensor& x) { return ops::adaptive_meanpool(x, three); },
        [&](const Tensor& x) { return ops::adaptive_lppool(x, three, {.p = 6}); },
        [&](const Tensor& x) { return ops::adaptive_meanpool(x, three, uniform); },
        [&](const Tensor& x) { return ops::global_maxpool(x); },
        [&](const Tensor& x) { return ops::global_meanpool(x); },
        [&](const Tensor& x) { return ops::global_lppool(x, 6); }};
    for (auto dtype : {Dtype::Half, Dtype::BFloat16}) {
      const double tolerance = dtype == Dtype::Half ? 2e-3 : 2e-2;
      const Tensor x = (normal(0, shape, kFloat32) * 10).to(dtype);
      for (size_t i = 0; i < pools.size(); ++i) {
        SCOPED_TRACE(::testing::Message() << dims << " dimensions, pool " << i);
        const auto [y, by_x] =
            value_and_grad([&](const Tensor& t) { return pools[i](t).to(kFloat32).sum(); }, x);
        const auto [wide_y, by_wide_x] =
            value_and_grad([&](const Tensor& t) { return pools[i](t).sum(); }, x.to(kFloat32));
        EXPECT_EQ(pools[i](x).scalar_type(), dtype);
        EXPECT_EQ(by_x.scalar_type(), dtype);
        EXPECT_CLOSE(pools[i](x).to(kFloat32), pools[i](x.to(kFloat32)), tolerance);
        EXPECT_CLOSE(by_x.to(kFloat32), by_wide_x, tolerance);
      }
    }
  }
}

TEST(Pooling, HasLuxsWindowsWhereTheyAreUniform) {
  const Tensor x = normal(0, {2, 3, 10});
  EXPECT_SAME(ops::adaptive_maxpool(x, {4}, {.windows = AdaptiveWindows::Uniform}),
              ops::maxpool(x, {4}, {.stride = 2}));
  EXPECT_CLOSE(ops::adaptive_lppool(x, {4}, {.p = 3, .windows = AdaptiveWindows::Uniform}),
               ops::lppool(x, {4}, {.stride = 2, .p = 3}), 1e-14);
  for (int64_t size : {1, 2, 5, 10}) {
    EXPECT_CLOSE(ops::adaptive_meanpool(x, {size}, {.windows = AdaptiveWindows::Uniform}),
                 ops::adaptive_meanpool(x, {size}), 1e-14);
  }
}

TEST(Pooling, NamesTheFunctionInErrors) {
  const Tensor x = normal(0, {2, 3, 4});
  EXPECT_ERROR(ArgumentError, ops::maxpool(x, {}),
               "[maxpool] expected a window of 1 to 3 dimensions, got ().");
  EXPECT_ERROR(
      ShapeError, ops::meanpool(x, {5}),
      "[meanpool] expected a window no longer than x with its padding in dimension 2, got a "
      "window of length 5 and 0 + 4 + 0 elements, x of shape (2, 3, 4).");
  EXPECT_ERROR(ArgumentError, ops::lppool(x, {2}, {.p = 0}),
               "[lppool] expected p above 0 and finite, got 0.");
  EXPECT_ERROR(ArgumentError, ops::adaptive_meanpool(x, {0}),
               "[adaptive_meanpool] expected a size of at least 1 in each dimension, got (0,).");
  EXPECT_ERROR(
      ShapeError, ops::global_maxpool(x[0]),
      "[global_maxpool] expected floating-point x of shape (batch, channels, size, ...) with "
      "sizes of at least 1, got float64 of shape (3, 4).");
}

}  // namespace
}  // namespace luxtorch::testing
