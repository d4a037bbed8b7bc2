#include "luxtorch/data/observations.h"

#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <fmt/format.h>

#include "data/check.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "text.h"

namespace luxtorch::data {

namespace {

// The tensors of trees of one structure, put together place by place.
Tree together(const char* who, const std::vector<Tree>& all,
              const std::function<Tensor(const std::vector<Tensor>&)>& join) {
  const Tree& first = all.front();
  const size_t places = tree::leaves(first).size();
  std::vector<std::vector<Tensor>> tensors(places);
  for (const Tree& each : all) {
    if (tree::paths(each) != tree::paths(first) || each.is_tuple() != first.is_tuple()) {
      throw TreeError(who, fmt::format("expected trees of one structure, got {} and {}.",
                                       describe_kind(first), describe_kind(each)));
    }
    const auto leaves = tree::leaves(each);
    for (size_t i = 0; i < places; ++i) {
      if (!leaves[i].is_tensor())
        throw TreeError(who, "expected tensors, got " + describe_kind(leaves[i]) + ".");
      tensors[i].push_back(leaves[i].tensor());
    }
  }
  std::vector<Tree> joined;
  for (const auto& parts : tensors) joined.emplace_back(join(parts));
  return tree::unflatten(first, joined);
}

void check_scalable(const char* who, const Tensor& x, int64_t dim) {
  if (x.defined() && x.is_floating_point() && x.numel() > 0 && dim >= -x.dim() && dim < x.dim())
    return;
  throw ShapeError(
      who, fmt::format("expected a floating tensor with elements and a dimension {}, got {}.", dim,
                       describe_kind(x)));
}

}  // namespace

Tree filterobs(const std::function<bool(const Tree&)>& keep, const Tree& data) {
  std::vector<int64_t> kept;
  for (int64_t i = 0, n = numobs(data); i < n; ++i) {
    if (keep(getobs(data, i))) kept.push_back(i);
  }
  return getobs(data, kept);
}

Tree mapobs(const std::function<Tree(const Tree&)>& f, const Tree& data) {
  const int64_t n = numobs(data);
  check_at_least_one("data::mapobs", "a number of observations", n);
  std::vector<Tree> results;
  for (int64_t i = 0; i < n; ++i) results.push_back(f(getobs(data, i)));
  return together("data::mapobs", results, [](const auto& parts) { return stack(parts); });
}

std::map<int64_t, Tree> groupobs(const std::function<int64_t(const Tree&)>& label,
                                 const Tree& data) {
  std::map<int64_t, std::vector<int64_t>> indices;
  for (int64_t i = 0, n = numobs(data); i < n; ++i) indices[label(getobs(data, i))].push_back(i);
  std::map<int64_t, Tree> groups;
  for (const auto& [number, members] : indices) groups[number] = getobs(data, members);
  return groups;
}

Tree joinobs(const std::vector<Tree>& all) {
  check_at_least_one("data::joinobs", "a number of data sets", static_cast<int64_t>(all.size()));
  for (const Tree& each : all) numobs(each);
  return together("data::joinobs", all, [](const auto& parts) { return cat(parts); });
}

Tree randobs(const Tree& data, int64_t n, Rng rng) {
  const int64_t total = numobs(data);
  check_at_least_one("data::randobs", "a number of observations", total);
  if (n < 0)
    throw ArgumentError("data::randobs", fmt::format("expected n of at least 0, got {}.", n));
  return getobs(data, random::integers(rng, {n}, 0, total));
}

std::vector<Tree> unbatch(const Tree& data) {
  std::vector<Tree> all;
  for (int64_t i = 0, n = numobs(data); i < n; ++i) all.push_back(getobs(data, i));
  return all;
}

std::vector<Tree> slidingwindow(const Tree& data, int64_t size, int64_t stride) {
  constexpr auto kWho = "data::slidingwindow";
  const int64_t n = numobs(data);
  if (size < 1 || size > n) {
    throw ArgumentError(kWho, fmt::format("expected a size from 1 to {}, got {}.", n, size));
  }
  check_at_least_one(kWho, "a stride", stride);
  std::vector<Tree> windows;
  for (int64_t first = 0; first + size <= n; first += stride) {
    windows.push_back(
        tree::map_tensors([&](const Tensor& t) { return t.narrow(0, first, size); }, data));
  }
  return windows;
}

Tensor normalise(const Tensor& x, int64_t dim, double epsilon) {
  check_scalable("data::normalise", x, dim);
  const Tensor centred = x.sub(x.mean(dim, /*keepdim=*/true));
  const Tensor deviation = centred.square().mean(dim, /*keepdim=*/true).sqrt();
  return centred.div(deviation.add(epsilon));
}

Tensor rescale(const Tensor& x, int64_t dim) {
  check_scalable("data::rescale", x, dim);
  const Tensor least = at::amin(x, dim, /*keepdim=*/true);
  const Tensor range = at::amax(x, dim, /*keepdim=*/true).sub(least);
  return x.sub(least).div(range.masked_fill(range.eq(0), 1));
}

}  // namespace luxtorch::data
