#include "luxtorch/data/sample.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch::data {

namespace {

constexpr auto kSample = "data::sample_logits", kWeights = "data::wsample";

double unit(Rng rng, uint64_t draw) {
  uint32_t words[2];
  random::bits(rng, 2 * draw, words, 2);
  return static_cast<double>((words[0] | static_cast<uint64_t>(words[1]) << 32) >> 11) * 0x1p-53;
}

// The first i whose weights up to it exceed u * total. Weights of 0 add nothing and are passed over;
// rounding can carry u * total past the end, where the last positive one is right.
template <class At>
size_t where_it_falls(double u, double total, size_t n, At weight_at) {
  const double target = u * total;
  double sum = 0;
  size_t last = 0;
  for (size_t i = 0; i < n; ++i) {
    const double w = weight_at(i);
    if (w <= 0) continue;
    sum += w;
    last = i;
    if (target < sum) break;
  }
  return last;
}

void check_options(const SampleOptions& o) {
  if (!(o.temperature >= 0 && std::isfinite(o.temperature))) {
    throw ArgumentError(
        kSample,
        fmt::format("expected a temperature finite and at least 0, got {}.", o.temperature));
  }
  if (o.top_k && *o.top_k < 1) {
    throw ArgumentError(kSample, fmt::format("expected a top_k of at least 1, got {}.", *o.top_k));
  }
  if (!(o.top_p > 0 && o.top_p <= 1)) {
    throw ArgumentError(kSample,
                        fmt::format("expected a top_p above 0 and at most 1, got {}.", o.top_p));
  }
}

template <class T>
size_t position_of_largest(std::span<const T> logits) {
  if (logits.empty()) throw ArgumentError(kSample, "expected at least one logit, got none.");
  size_t best = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] < std::numeric_limits<T>::infinity())) {
      throw ArgumentError(kSample,
                          fmt::format("expected logits below infinity, got {} at position {}. Has "
                                      "the training diverged?",
                                      static_cast<double>(logits[i]), i));
    }
    if (logits[i] > logits[best]) best = i;
  }
  if (std::isinf(logits[best])) {
    throw ArgumentError(kSample, "expected a logit above minus infinity, got none.");
  }
  return best;
}

// f(rng, row as double, its number) for every row of x (..., n).
template <class F>
Tensor for_each_row(const char* who, const Tensor& x, F f) {
  if (!x.defined() || x.dim() == 0 || !c10::isFloatingType(x.scalar_type())) {
    throw ShapeError(
        who, fmt::format("expected (..., n) of a floating dtype, got {}.", describe_kind(Tree(x))));
  }
  auto here = x.detach().cpu().to(kFloat64).contiguous();
  auto result = at::empty(x.sizes().slice(0, static_cast<size_t>(x.dim()) - 1),
                          at::TensorOptions().dtype(kInt64));
  const auto n = static_cast<size_t>(x.size(-1));
  const auto* from = here.const_data_ptr<double>();
  auto* to = result.mutable_data_ptr<int64_t>();
  for (int64_t row = 0; row < result.numel(); ++row) {
    try {
      to[row] = f(std::span(from + static_cast<size_t>(row) * n, n), static_cast<uint64_t>(row));
    } catch (Error& e) {
      if (x.dim() > 1) e.prepend_path_(fmt::format("row {}", row));
      throw;
    }
  }
  return result.to(x.device());
}

}  // namespace

Sampler::Sampler(SampleOptions options) : options_(options) { check_options(options_); }

template <class T>
int64_t Sampler::drawn(Rng rng, std::span<const T> logits, uint64_t draw) {
  const size_t best = position_of_largest(logits), n = logits.size();
  if (options_.temperature == 0) return static_cast<int64_t>(best);
  const double largest = static_cast<double>(logits[best]);
  weights_.resize(n);
  double total = 0;
  for (size_t i = 0; i < n; ++i) {
    weights_[i] = std::exp((static_cast<double>(logits[i]) - largest) / options_.temperature);
    total += weights_[i];
  }
  const double u = unit(rng, draw);
  const bool all =
      (!options_.top_k || *options_.top_k >= static_cast<int64_t>(n)) && options_.top_p == 1;
  if (all) {
    return static_cast<int64_t>(
        where_it_falls(u, total, n, [this](size_t i) { return weights_[i]; }));
  }

  order_.resize(n);
  std::iota(order_.begin(), order_.end(), 0);
  auto more_probable = [&](int64_t a, int64_t b) {
    const T x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  size_t kept = options_.top_k ? std::min(n, static_cast<size_t>(*options_.top_k)) : n;
  std::partial_sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(kept),
                    order_.end(), more_probable);
  auto weight_at = [this](size_t i) { return weights_[static_cast<size_t>(order_[i])]; };
  total = 0;
  for (size_t i = 0; i < kept; ++i) total += weight_at(i);
  if (options_.top_p < 1) {
    const double enough = options_.top_p * total;
    size_t nucleus = 0;
    total = 0;
    while (nucleus < kept && total < enough) total += weight_at(nucleus++);
    kept = nucleus;
  }
  return order_[where_it_falls(u, total, kept, weight_at)];
}

template int64_t Sampler::drawn(Rng, std::span<const float>, uint64_t);
template int64_t Sampler::drawn(Rng, std::span<const double>, uint64_t);

Tensor sample_logits(Rng rng, const Tensor& logits, SampleOptions options) {
  Sampler sampler(options);
  return for_each_row(kSample, logits, [&](std::span<const double> row, uint64_t number) {
    return sampler(rng, row, number);
  });
}

int64_t wsample(Rng rng, std::span<const double> weights, uint64_t draw) {
  double total = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] >= 0 && std::isfinite(weights[i]))) {
      throw ArgumentError(kWeights,
                          fmt::format("expected weights finite and at least 0, got {} at position "
                                      "{}. For logits there is sample_logits.",
                                      weights[i], i));
    }
    total += weights[i];
  }
  if (!(total > 0 && std::isfinite(total))) {
    throw ArgumentError(kWeights,
                        fmt::format("expected weights with a sum above 0, got {} with the sum {}.",
                                    weights.size(), total));
  }
  return static_cast<int64_t>(
      where_it_falls(unit(rng, draw), total, weights.size(), [&](size_t i) { return weights[i]; }));
}

Tensor wsample(Rng rng, const Tensor& weights) {
  return for_each_row(kWeights, weights, [&](std::span<const double> row, uint64_t number) {
    return wsample(rng, row, number);
  });
}

}  // namespace luxtorch::data
