// One-hot vectors.
#include <ATen/ops/argmax.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <unordered_map>

#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/data/text.h"
#include "text.h"

namespace luxtorch::data {

namespace {

// "3" in (n), "(0, 3)" in more dimensions.
std::string position_text(ShapeView sizes, int64_t flat) {
  std::vector<int64_t> position(sizes.size());
  for (size_t d = sizes.size(); d-- > 0;) {
    position[d] = flat % sizes[d];
    flat /= sizes[d];
  }
  return sizes.size() == 1 ? std::to_string(position[0]) : shape_text(position);
}

// xs with each element x replaced by f(x); f gives -1 for what is no label.
template <class F>
Tensor numbered(const char* who, const Tensor& xs, const std::string& labels, F f) {
  if (!xs.defined() || !c10::isIntegralType(xs.scalar_type(), /*includeBool=*/true)) {
    throw ShapeError(who, fmt::format("expected integers, got {}.", describe_kind(Tree(xs))));
  }
  auto here = xs.cpu().to(kInt64).contiguous();
  auto numbers = at::empty_like(here);
  const auto* from = here.const_data_ptr<int64_t>();
  auto* to = numbers.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < here.numel(); ++i) {
    to[i] = f(from[i]);
    if (to[i] >= 0) continue;
    throw ArgumentError(
        who, fmt::format(
                 "expected labels {}, got {}{}.", labels, from[i],
                 xs.dim() == 0 ? std::string() : " at position " + position_text(xs.sizes(), i)));
  }
  return numbers.to(xs.device());
}

Tensor ones_at(const Tensor& numbers, int64_t classes) {
  auto shape = numbers.sizes().vec();
  shape.push_back(classes);
  auto hot = at::zeros(shape, numbers.options().dtype(kFloat32));
  return hot.scatter_(-1, numbers.unsqueeze(-1), 1);
}

void check_labels(const char* who, size_t n) {
  if (n == 0) throw ArgumentError(who, "expected at least one label, got none.");
}

Tensor hot_of_labels(const char* who, const Tensor& xs, const std::vector<int64_t>& labels,
                     std::optional<int64_t> otherwise) {
  check_labels(who, labels.size());
  std::unordered_map<int64_t, int64_t> places;
  std::string text;
  for (size_t i = 0; i < labels.size(); ++i) {
    places.emplace(labels[i], static_cast<int64_t>(i));
    if (i < 8) text += (i ? ", " : "of ") + std::to_string(labels[i]);
  }
  if (labels.size() > 8) text += ", ...";
  int64_t unknown = -1;
  if (otherwise) {
    auto found = places.find(*otherwise);
    if (found == places.end()) {
      throw ArgumentError(who,
                          fmt::format("expected a default label {}, got {}.", text, *otherwise));
    }
    unknown = found->second;
  }
  auto numbers = numbered(who, xs, text, [&](int64_t x) {
    auto found = places.find(x);
    return found == places.end() ? unknown : found->second;
  });
  return ones_at(numbers, static_cast<int64_t>(labels.size()));
}

}  // namespace

Tensor onehot(int64_t label, const std::vector<int64_t>& labels, std::optional<int64_t> otherwise) {
  return hot_of_labels("data::onehot", tensor(std::vector<int64_t>{label}).select(0, 0), labels,
                       otherwise);
}

Tensor onehot(std::string_view symbol, const Alphabet& alphabet,
              std::optional<std::string_view> otherwise) {
  auto number = alphabet.find(symbol);
  if (!number) number = alphabet.index(otherwise.value_or(symbol));
  return ones_at(tensor(std::vector<int64_t>{*number}).select(0, 0), alphabet.size());
}

Tensor onehotbatch(const Tensor& xs, const std::vector<int64_t>& labels,
                   std::optional<int64_t> otherwise) {
  return hot_of_labels("data::onehotbatch", xs, labels, otherwise);
}

Tensor onehotbatch(const Tensor& xs, int64_t classes) {
  constexpr auto who = "data::onehotbatch";
  check_labels(who, classes > 0 ? 1 : 0);
  auto numbers = numbered(who, xs, fmt::format("from 0 to {}", classes - 1),
                          [&](int64_t x) { return x < classes ? x : -1; });
  return ones_at(numbers, classes);
}

Tensor onehotbatch(std::string_view text, const Alphabet& alphabet,
                   std::optional<std::string_view> otherwise) {
  return ones_at(alphabet.encode(text, otherwise), alphabet.size());
}

Tensor onecold(const Tensor& y) {
  if (!y.defined() || y.dim() == 0 || y.size(-1) == 0) {
    throw ShapeError("data::onecold",
                     fmt::format("expected y (..., labels), got {}.", describe_kind(Tree(y))));
  }
  // torch has no argmax of booleans.
  return at::argmax(y.scalar_type() == kBool ? y.to(kFloat32) : y, -1);
}

Tensor onecold(const Tensor& y, const std::vector<int64_t>& labels) {
  auto numbers = onecold(y);
  if (y.size(-1) != static_cast<int64_t>(labels.size())) {
    throw ShapeError("data::onecold",
                     fmt::format("expected y (..., {}), a number per label, got {}.", labels.size(),
                                 describe_kind(Tree(y))));
  }
  return at::index_select(tensor(labels).to(y.device()), 0, numbers.reshape({-1}))
      .reshape(numbers.sizes());
}

std::string onecold(const Tensor& y, const Alphabet& alphabet) {
  auto numbers = onecold(y);
  if (y.size(-1) != alphabet.size() || y.dim() > 2) {
    throw ShapeError("data::onecold",
                     fmt::format("expected y (n, {}), a number per symbol, got {}.",
                                 alphabet.size(), describe_kind(Tree(y))));
  }
  return alphabet.decode(numbers);
}

}  // namespace luxtorch::data
