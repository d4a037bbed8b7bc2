#include "luxtorch/data/folds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "text.h"

namespace luxtorch::data {

namespace {

using Indices = std::vector<int64_t>;

void check_number(const char* who, const char* what, int64_t n, int64_t least, int64_t most) {
  if (n >= least && n <= most) return;
  throw ArgumentError(who, fmt::format("expected {} from {} to {}, got {}.", what, least, most, n));
}

Tree narrowed(const Tree& data, int64_t first, int64_t last) {
  return tree::map_tensors([&](const Tensor& t) { return t.narrow(0, first, last - first); }, data);
}

// The observations of each label, in their order.
std::map<int64_t, Indices> by_label(const char* who, const Tree& data, const Tensor& labels) {
  const int64_t n = numobs(data);
  if (!labels.defined() || labels.dim() != 1 || labels.size(0) != n ||
      !c10::isIntegralType(labels.scalar_type(), /*includeBool=*/true)) {
    throw ShapeError(
        who, fmt::format("expected labels ({}) of integers, got {}.", n, describe_kind(labels)));
  }
  const Tensor here = labels.cpu().to(kInt64).contiguous();
  std::map<int64_t, Indices> groups;
  for (int64_t i = 0; i < n; ++i) groups[here.const_data_ptr<int64_t>()[i]].push_back(i);
  return groups;
}

// The indices in random order. The label makes the key, so one label's order depends on no other's.
Indices shuffled(const Indices& indices, Rng rng) {
  Indices result;
  for (const int64_t i : random::permutation_indices(rng, static_cast<int64_t>(indices.size())))
    result.push_back(indices[static_cast<size_t>(i)]);
  return result;
}

Rng key_of(Rng rng, int64_t label) {
  return rng.fold_in("label").fold_in(static_cast<uint64_t>(label));
}

}  // namespace

Fold Folds::operator[](size_t i) const {
  if (i >= parts_.size()) {
    throw ArgumentError("data::Folds",
                        fmt::format("expected a fold from 0 to {}, got {}.", parts_.size() - 1, i));
  }
  const auto [first, last, end] = parts_[i];
  Tree held_out = narrowed(data_, first, last);
  if (last == end) return {narrowed(data_, 0, first), std::move(held_out)};
  if (first == 0) return {narrowed(data_, last, end), std::move(held_out)};
  auto training = [&, last = last, first = first, end = end](const Tensor& t) {
    return cat({t.narrow(0, 0, first), t.narrow(0, last, end - last)});
  };
  return {tree::map_tensors(training, data_), std::move(held_out)};
}

Folds kfolds(const Tree& data, int64_t k) {
  const int64_t n = numobs(data);
  check_number("data::kfolds", "k", k, 2, n);
  std::vector<Folds::Part> parts;
  for (int64_t i = 0, first = 0; i < k; ++i) {
    const int64_t last = first + n / k + (i < n % k ? 1 : 0);
    parts.push_back({first, last, n});
    first = last;
  }
  return {data, std::move(parts)};
}

Folds leavepout(const Tree& data, int64_t p) {
  const int64_t n = numobs(data);
  check_number("data::leavepout", "p", p, 1, n / 2);
  std::vector<Folds::Part> parts;
  for (int64_t first = 0; first < n; first += p)
    parts.push_back({first, std::min(first + p, n), n});
  return {data, std::move(parts)};
}

Folds timeseries_kfolds(const Tree& data, int64_t k) {
  const int64_t n = numobs(data);
  check_number("data::timeseries_kfolds", "k", k, 1, n - 1);
  const int64_t size = n / (k + 1);
  std::vector<Folds::Part> parts;
  for (int64_t i = 0; i < k; ++i) {
    const int64_t first = n - (k - i) * size;
    parts.push_back({first, first + size, first + size});
  }
  return {data, std::move(parts)};
}

std::array<Tree, 2> splitobs_stratified(const Tree& data, const Tensor& labels, double fraction,
                                        Rng rng) {
  constexpr auto kWho = "data::splitobs_stratified";
  if (!(fraction >= 0 && fraction <= 1)) {
    throw ArgumentError(kWho, fmt::format("expected a fraction from 0 to 1, got {}.", fraction));
  }
  Indices first, rest;
  for (const auto& [label, indices] : by_label(kWho, data, labels)) {
    const Indices order = shuffled(indices, key_of(rng, label));
    const auto count = std::lrint(fraction * static_cast<double>(order.size()));
    first.insert(first.end(), order.begin(), order.begin() + count);
    rest.insert(rest.end(), order.begin() + count, order.end());
  }
  return {getobs(data, shuffled(first, rng.fold_in("first"))),
          getobs(data, shuffled(rest, rng.fold_in("rest")))};
}

Tree oversample(const Tree& data, const Tensor& labels, Rng rng) {
  const auto groups = by_label("data::oversample", data, labels);
  size_t most = 0;
  for (const auto& [label, indices] : groups) most = std::max(most, indices.size());
  Indices chosen;
  for (const auto& [label, indices] : groups) {
    const Indices order = shuffled(indices, key_of(rng, label));
    for (size_t i = 0; i < most; ++i) chosen.push_back(order[i % order.size()]);
  }
  return getobs(data, shuffled(chosen, rng.fold_in("order")));
}

Tree undersample(const Tree& data, const Tensor& labels, Rng rng) {
  const auto groups = by_label("data::undersample", data, labels);
  size_t least = static_cast<size_t>(labels.numel());
  for (const auto& [label, indices] : groups) least = std::min(least, indices.size());
  Indices chosen;
  for (const auto& [label, indices] : groups) {
    const Indices order = shuffled(indices, key_of(rng, label));
    chosen.insert(chosen.end(), order.begin(), order.begin() + static_cast<int64_t>(least));
  }
  return getobs(data, shuffled(chosen, rng.fold_in("order")));
}

}  // namespace luxtorch::data
