// Cutting and stacking.
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/check.h"
#include "luxtorch/core/error.h"
#include "luxtorch/data/text.h"
#include "text.h"

namespace luxtorch::data {

namespace {

int64_t wrapped_dim(const char* who, const Tensor& x, int64_t dim) {
  if (!x.defined() || dim < -x.dim() || dim >= x.dim()) {
    throw ShapeError(
        who, fmt::format("expected x with a dimension {}, got {}.", dim, describe_kind(Tree(x))));
  }
  return dim < 0 ? dim + x.dim() : dim;
}

std::vector<Tensor> pieces(const char* who, const Tensor& x, int64_t size, int64_t dim) {
  check_at_least_one(who, "a size", size);
  dim = wrapped_dim(who, x, dim);
  const int64_t length = x.size(dim);
  if (length == 0) {
    throw ArgumentError(who, fmt::format("expected something to cut, got {}. Is the text empty?",
                                         describe_kind(Tree(x))));
  }
  std::vector<Tensor> parts;
  for (int64_t at = 0; at < length; at += size)
    parts.push_back(x.narrow(dim, at, std::min(size, length - at)));
  return parts;
}

void check_tokens(const char* who, const Tensor& tokens) {
  bool fits = tokens.defined() && tokens.dim() == 1 &&
              c10::isIntegralType(tokens.scalar_type(), /*includeBool=*/false);
  if (!fits) {
    throw ShapeError(
        who, fmt::format("expected tokens (n), integers, got {}.", describe_kind(Tree(tokens))));
  }
}

}  // namespace

std::vector<Tensor> chunk(const Tensor& x, int64_t n, int64_t dim) {
  constexpr auto who = "data::chunk";
  check_at_least_one(who, "a number of pieces", n);
  const int64_t length = x.defined() ? x.size(wrapped_dim(who, x, dim)) : 0;
  return pieces(who, x, std::max<int64_t>(1, (length + n - 1) / n), dim);
}

std::vector<Tensor> chunk(const Tensor& x, const ChunkOptions& options) {
  constexpr auto who = "data::chunk";
  if (options.sizes.empty()) return pieces(who, x, options.size, options.dim);
  const int64_t dim = wrapped_dim(who, x, options.dim);
  int64_t sum = 0;
  for (auto size : options.sizes) {
    check_at_least_one(who, "sizes", size);
    sum += size;
  }
  if (options.size != 0 || sum != x.size(dim)) {
    throw ArgumentError(
        who, options.size != 0
                 ? "expected a size or sizes, got both."
                 : fmt::format("expected sizes with the sum {}, x's size, got the sum {}.",
                               x.size(dim), sum));
  }
  std::vector<Tensor> parts;
  int64_t at = 0;
  for (auto size : options.sizes) {
    parts.push_back(x.narrow(dim, at, size));
    at += size;
  }
  return parts;
}

std::vector<Tensor> partition(const Tensor& x, int64_t size, int64_t dim) {
  return pieces("data::partition", x, size, dim);
}

Tensor batchseq(const std::vector<Tensor>& sequences, const at::Scalar& pad) {
  constexpr auto who = "data::batchseq";
  if (sequences.empty()) throw ArgumentError(who, "expected at least one sequence, got none.");
  const Tensor& first = sequences[0];
  wrapped_dim(who, first, 0);
  int64_t longest = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const Tensor& s = sequences[i];
    bool fits = s.defined() && s.dim() == first.dim() && s.scalar_type() == first.scalar_type() &&
                s.device() == first.device() && s.sizes().slice(1) == first.sizes().slice(1);
    if (!fits) {
      throw ShapeError(who, fmt::format("expected sequences that differ in length alone, got {} "
                                        "first and {} at position {}.",
                                        describe_kind(Tree(first)), describe_kind(Tree(s)), i));
    }
    longest = std::max(longest, s.size(0));
  }
  std::vector<int64_t> shape = first.sizes().vec();
  shape[0] = longest;
  shape.insert(shape.begin(), static_cast<int64_t>(sequences.size()));
  auto batch = at::full(shape, pad, first.options());
  for (size_t i = 0; i < sequences.size(); ++i)
    batch.select(0, static_cast<int64_t>(i)).narrow(0, 0, sequences[i].size(0)).copy_(sequences[i]);
  return batch;
}

Streams streams(const Tensor& tokens, int64_t batch, int64_t time) {
  constexpr auto who = "data::streams";
  check_at_least_one(who, "a batch", batch);
  check_at_least_one(who, "a time", time);
  check_tokens(who, tokens);
  const int64_t n = tokens.size(0), steps = n < 1 ? 0 : (n - 1) / batch / time;
  if (steps < 1) {
    throw ArgumentError(who, fmt::format("expected a text of at least batch * time + 1 = {} * {} + "
                                         "1 symbols, got {}. Take a smaller batch, shorter "
                                         "sequences or a longer text.",
                                         batch, time, n));
  }
  const int64_t used = batch * steps * time;
  auto cut = [&](int64_t from) { return tokens.narrow(0, from, used).view({batch, steps, time}); };
  return {cut(0), cut(1)};
}

std::vector<Tree> sequence_batches(const Tensor& tokens, int64_t batch, int64_t time, int64_t pad) {
  constexpr auto who = "data::sequence_batches";
  check_at_least_one(who, "a batch", batch);
  check_at_least_one(who, "a time", time);
  check_tokens(who, tokens);
  if (tokens.size(0) <= time) {
    throw ArgumentError(who, fmt::format("expected a text of at least time + 1 = {} symbols, got "
                                         "{}. Take shorter sequences or a longer text.",
                                         time + 1, tokens.size(0)));
  }
  auto ahead =
      at::cat({tokens.narrow(0, 1, tokens.size(0) - 1), at::full({1}, pad, tokens.options())});
  auto xs = partition(batchseq(data::chunk(tokens, batch), pad), time);
  auto ys = partition(batchseq(data::chunk(ahead, batch), pad), time);
  std::vector<Tree> batches;
  for (size_t i = 0; i < xs.size(); ++i) batches.push_back(tuple({xs[i], ys[i]}));
  return batches;
}

std::pair<std::vector<int64_t>, std::vector<int64_t>> split_batches(Rng rng, int64_t n, double at) {
  if (!(at >= 0 && at <= 1)) {
    throw ArgumentError("data::split_batches",
                        fmt::format("expected a fraction from 0 to 1, got {}.", at));
  }
  auto order = random::permutation_indices(rng, n);
  auto middle =
      order.begin() + static_cast<std::ptrdiff_t>(std::floor(at * static_cast<double>(n)));
  return {{order.begin(), middle}, {middle, order.end()}};
}

}  // namespace luxtorch::data
