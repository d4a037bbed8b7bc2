// The gradients of a dense layer's weight and bias against plain sums. No torch: these tests also run where there is none.
#include "kernels/dense.h"

#include <gtest/gtest.h>

#include <string>

#include "kernels/numbers.h"

namespace {

using namespace kernel_tests;
using namespace luxtorch::kernels;

struct Sizes {
  int64_t rows, in, out;
  int64_t x_stride = 0, by_z_stride = 0;  // 0: rows lie one after the other

  std::string text() const {
    return std::to_string(rows) + ", " + std::to_string(in) + ", " + std::to_string(out) + ", " +
           std::to_string(x_stride) + ", " + std::to_string(by_z_stride);
  }
};

// Around the sizes of tiles and panels, of the rows of a sum, and of what is packed at a time; near and far rows.
const Sizes kSizes[] = {{1, 1, 1},        {3, 2, 5},     {64, 24, 24},     {64, 2, 32, 16},
                        {40, 33, 7},      {257, 40, 8},  {256, 16, 6, 16}, {300, 77, 201},
                        {520, 130, 12},   {5, 200, 3},   {33, 129, 97},    {20, 1030, 140},
                        {260, 1025, 131}, {9, 1100, 10}, {31, 14, 145},    {70, 60, 100, 200, 256}};

// A layer with memory of its own. Rows end where their numbers end, so that a sanitizer sees who reads further.
template <class T>
struct Layer {
  explicit Layer(const Sizes& s) : sizes(s) {
    Numbers numbers(static_cast<uint64_t>(s.rows * 1000 + s.in));
    const int64_t x_stride = s.x_stride ? s.x_stride : s.in,
                  by_z_stride = s.by_z_stride ? s.by_z_stride : s.out;
    x = numbers.array<T>((s.rows - 1) * x_stride + s.in, -1, 1);
    by_z = numbers.array<T>((s.rows - 1) * by_z_stride + s.out, -1, 1);
    layer.in = s.in, layer.out = s.out;
    layer.by_z = {by_z.data(), by_z_stride};
    from = {x.data(), x_stride};
  }

  // The rows [first, last) of both gradients; the other numbers are those of `untouched`.
  struct Gradients {
    std::vector<T> weight, bias;
  };
  Gradients run(int64_t first, int64_t last, T untouched = 0) {
    Gradients g{std::vector<T>(static_cast<size_t>(sizes.in * sizes.out), untouched),
                std::vector<T>(static_cast<size_t>(sizes.out), untouched)};
    add(first, last, g);
    return g;
  }
  void add(int64_t first, int64_t last, Gradients& to) {
    std::vector<T> scratch(static_cast<size_t>(dense_scratch<T>(sizes.in)));
    dense_weight_gradient(layer, from, sizes.rows, first, last, scratch.data(), to.weight.data(),
                          to.bias.data());
  }

  Sizes sizes;
  std::vector<T> x, by_z;
  DenseLayer<T> layer;
  DenseRows<const T> from;
};

template <class T>
void expect_plain_sums(const Sizes& s) {
  SCOPED_TRACE(s.text());
  Layer<T> layer(s);
  std::vector<double> weight(static_cast<size_t>(s.in * s.out)), bias(static_cast<size_t>(s.out));
  for (int64_t r = 0; r < s.rows; ++r) {
    for (int64_t o = 0; o < s.out; ++o) {
      const double g = layer.layer.by_z.at[r * layer.layer.by_z.stride + o];
      bias[static_cast<size_t>(o)] += g;
      for (int64_t i = 0; i < s.in; ++i)
        weight[static_cast<size_t>(o * s.in + i)] += g * layer.from.at[r * layer.from.stride + i];
    }
  }
  const auto gradients = layer.run(0, s.out);
  EXPECT_LE(ulps_apart<T>(gradients.weight, weight), 39);
  EXPECT_LE(ulps_apart<T>(gradients.bias, bias), 39);

  std::vector<T> alone(static_cast<size_t>(s.out));
  dense_bias_gradient(layer.layer, s.rows, alone.data());
  EXPECT_TRUE(alone == gradients.bias);
}

TEST(DenseKernels, WeightAndBiasGradientsAreThePlainSums) {
  for (const Sizes& s : kSizes) {
    expect_plain_sums<float>(s);
    expect_plain_sums<double>(s);
  }
}

TEST(DenseKernels, TheGradientsOfSomeOutputsAreTheSameBitsAndLeaveTheOthers) {
  for (const Sizes& s : kSizes) {
    SCOPED_TRACE(s.text());
    Layer<float> layer(s);
    const auto all = layer.run(0, s.out);
    const int64_t first = s.out / 3, last = s.out - s.out / 4;
    auto parts = layer.run(first, last, 0.75F);
    for (int64_t o = 0; o < s.out; ++o) {
      if (o >= first && o < last) continue;
      EXPECT_EQ(parts.bias[static_cast<size_t>(o)], 0.75F);
      for (int64_t i = 0; i < s.in; ++i)
        EXPECT_EQ(parts.weight[static_cast<size_t>(o * s.in + i)], 0.75F);
    }
    layer.add(0, first, parts);
    layer.add(last, s.out, parts);
    EXPECT_TRUE(parts.weight == all.weight);
    EXPECT_TRUE(parts.bias == all.bias);
  }
}

TEST(DenseKernels, TheWeightsGradientNeedsNoBias) {
  const Sizes s{300, 200, 150};
  Layer<double> layer(s);
  std::vector<double> scratch(static_cast<size_t>(dense_scratch<double>(s.in))),
      weight(static_cast<size_t>(s.in * s.out));
  double* const no_bias = nullptr;
  dense_weight_gradient(layer.layer, layer.from, s.rows, 0, s.out, scratch.data(), weight.data(),
                        no_bias);
  EXPECT_TRUE(weight == layer.run(0, s.out).weight);
}

}  // namespace
