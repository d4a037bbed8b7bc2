#include "luxtorch/data/dataset.h"

#include <ATen/ops/index_select.h>

#include <cmath>
#include <numeric>

#include "data/check.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "text.h"

namespace luxtorch::data {

namespace {

std::string place(const std::string& path) { return path.empty() ? "the data" : path; }

void check_index(int64_t index, int64_t n) {
  if (index < 0 || index >= n) {
    throw ArgumentError("data::getobs", "expected indices from 0 to " + std::to_string(n - 1) +
                                            ", got " + std::to_string(index) + ".");
  }
}

Tree part(const Tree& data, int64_t start, int64_t length) {
  return tree::map_tensors([&](const Tensor& t) { return t.narrow(0, start, length); }, data);
}

Tree select(const Tree& data, const Tensor& indices) {
  return tree::map_tensors(
      [&](const Tensor& t) { return at::index_select(t, 0, indices.to(t.device())); }, data);
}

std::vector<Tree> split_by_counts(const Tree& data, const std::vector<int64_t>& counts, int64_t n,
                                  std::optional<Rng> rng) {
  auto source = rng ? shuffleobs(data, *rng) : data;
  std::vector<Tree> parts;
  int64_t start = 0;
  for (auto count : counts) {
    parts.push_back(part(source, start, count));
    start += count;
  }
  parts.push_back(part(source, start, n - start));
  return parts;
}

}  // namespace

int64_t numobs(const Tree& data) {
  int64_t n = -1;
  std::string first;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_tensor()) {
          throw TreeError("data::numobs", "expected tensors, got " + describe_kind(leaf) + " as " +
                                              place(path) + ".");
        }
        const auto& t = leaf.tensor();
        if (t.dim() == 0) {
          throw ShapeError("data::numobs",
                           "expected observations on dimension 0, got " + place(path) +
                               " of no dimensions. Use reshape({1}) for a single observation.");
        }
        if (n < 0) {
          n = t.size(0);
          first = place(path);
        } else if (t.size(0) != n) {
          throw ShapeError("data::numobs", "expected as many observations in every tensor, got " +
                                               std::to_string(n) + " in " + first + " and " +
                                               std::to_string(t.size(0)) + " in " + place(path) +
                                               ". Observations lie on dimension 0.");
        }
      },
      data);
  if (n < 0)
    throw TreeError("data::numobs",
                    "expected at least one tensor, got " + describe_kind(data) + ".");
  return n;
}

Tree detail::observation(const Tree& data, int64_t index) {
  check_index(index, numobs(data));
  return tree::map_tensors([&](const Tensor& t) { return t.select(0, index); }, data);
}

Tree getobs(const Tree& data, const std::vector<int64_t>& indices) {
  auto n = numobs(data);
  for (auto i : indices) check_index(i, n);
  return select(data, tensor(indices));
}

Tree getobs(const Tree& data, const Tensor& indices) {
  if (indices.dim() != 1 || indices.scalar_type() != kInt64) {
    throw ShapeError("data::getobs",
                     "expected indices (k) int64, got " + describe_kind(indices) + ".");
  }
  // Off the device, where a wrong index would end the whole process.
  auto here = indices.cpu().contiguous();
  const auto* p = here.const_data_ptr<int64_t>();
  return getobs(data, std::vector<int64_t>(p, p + here.numel()));
}

Tree shuffleobs(const Tree& data, Rng rng) {
  return select(data, random::permutation(rng, numobs(data)));
}

std::vector<Tree> splitobs(const Tree& data, const std::vector<double>& fractions,
                           std::optional<Rng> rng) {
  auto n = numobs(data);
  constexpr double kRounding = 1e-9;  // 0.7 + 0.2 + 0.1 may be a little above 1
  double sum = 0;
  int64_t left = n;
  std::vector<int64_t> counts;
  for (auto f : fractions) {
    sum += f;
    if (!(f >= 0 && sum <= 1 + kRounding)) {
      throw ArgumentError("data::splitobs",
                          "expected fractions from 0 to 1 with a sum of at most 1, got " +
                              std::to_string(f) + ". A count of observations is an integer.");
    }
    // In the default mode nearbyint rounds ties to even.
    counts.push_back(
        std::min(left, static_cast<int64_t>(std::nearbyint(static_cast<double>(n) * f))));
    left -= counts.back();
  }
  return split_by_counts(data, counts, n, rng);
}

std::vector<Tree> splitobs(const Tree& data, const std::vector<int64_t>& counts,
                           std::optional<Rng> rng) {
  auto n = numobs(data);
  int64_t left = n;
  for (auto count : counts) {
    if (count < 0 || count > left) {
      throw ArgumentError("data::splitobs", "expected counts of at least 0 with a sum of at most " +
                                                std::to_string(n) + ", got " +
                                                std::to_string(count) +
                                                ". A fraction is a floating-point number.");
    }
    left -= count;
  }
  return split_by_counts(data, counts, n, rng);
}

void detail::check_part(Part part) { data::check_part("data::part_of", part); }

Tree part_of(const Tree& data, Part which) {
  detail::check_part(which);
  const int64_t n = numobs(data), begin = which.begin(n);
  return part(data, begin, which.end(n) - begin);
}

}  // namespace luxtorch::data
