#include <ATen/core/Tensor.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/monitored.h"
#include "luxtorch/core/values.h"
#include "luxtorch/fit/watchers.h"

namespace luxtorch {

namespace {

// "lstm.weight_ih" -> "lstm"; a parameter of the model itself is a part of its own.
std::string part_of(const std::string& path, bool by_parameter) {
  const auto dot = path.rfind('.');
  return by_parameter || dot == std::string::npos ? path : path.substr(0, dot);
}

double squared_norm(const Tensor& t) {
  const double norm = at::linalg_vector_norm(t, 2, {}, false, kFloat64).item<double>();
  return norm * norm;
}

std::vector<std::string> parts_of(const Tree& parameters, bool by_parameter) {
  std::vector<std::string> names;
  for (const auto& path : tree::paths(parameters)) {
    const auto name = part_of(path, by_parameter);
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

// NaN, of a part without a gradient, is the least.
bool is_less(double a, double b) { return (std::isnan(a) && !std::isnan(b)) || a < b; }

}  // namespace

void GradientNorms::on_start(Event& event) {
  detail::check_option(every >= 1, "GradientNorms", "every", "of at least 1",
                       static_cast<double>(every));
  auto names = parts_of(event.ts.parameters(), by_parameter);
  // What a checkpoint holds of other parts has no place in this table.
  if (names != progress.names) progress = {.names = std::move(names)};
}

void GradientNorms::on_step(Event& event) {
  if (event.ts.step % every != 0) return;
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> squares(progress.names.size(), kNone);
  double all = 0;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_tensor() || !leaf.tensor().defined()) return;
        const auto at = std::ranges::find(progress.names, part_of(path, by_parameter));
        if (at == progress.names.end()) return;
        double& sum = squares[static_cast<size_t>(at - progress.names.begin())];
        const double square = squared_norm(leaf.tensor());
        sum = std::isnan(sum) ? square : sum + square;
        all += square;
      },
      event.gradients());
  for (double& x : squares) x = std::sqrt(x);
  progress.steps.push_back(event.ts.step);
  progress.total.push_back(std::sqrt(all));
  progress.parts.push_back(std::move(squares));
}

void GradientNorms::on_epoch(Event& event) {
  if (progress.noted == progress.steps.size()) return;
  const auto first = progress.total.begin() + static_cast<std::ptrdiff_t>(progress.noted);
  const auto [least, most] = std::minmax_element(first, progress.total.end());
  const auto& now = progress.parts.back();
  const auto largest = std::max_element(now.begin(), now.end(), is_less);
  event.note(
      fmt::format("norm of the gradients from {:.4g} to {:.4g} in steps {} to {}, the largest "
                  "part at the end {}",
                  *least, *most, progress.steps[progress.noted], progress.steps.back(),
                  progress.names[static_cast<size_t>(largest - now.begin())]));
  progress.noted = progress.steps.size();
}

Tree GradientNorms::table() const {
  const auto rows = static_cast<int64_t>(progress.steps.size());
  const auto columns = static_cast<int64_t>(progress.names.size());
  std::vector<double> parts;
  for (const auto& row : progress.parts) parts.insert(parts.end(), row.begin(), row.end());
  std::vector<Tree> names(progress.names.begin(), progress.names.end());
  return named({{"step", tensor(progress.steps, {.dtype = kInt64})},
                {"total", tensor(progress.total, {.dtype = kFloat64})},
                {"names", tuple(std::move(names))},
                {"parts", tensor(parts, {.dtype = kFloat64}).reshape({rows, columns})}});
}

Tree GradientNorms::state() const {
  return named({{"table", table()}, {"noted", static_cast<int64_t>(progress.noted)}});
}

void GradientNorms::set_state_(const Tree& state) {
  detail::check_state("GradientNorms::set_state_", state, {"table", "noted"});
  const Tree& table = state["table"];
  GradientNormsProgress p;
  for (const auto& name : table["names"].elements()) p.names.push_back(name.scalar<std::string>());
  p.steps = to_vector<int64_t>(table["step"].tensor());
  p.total = to_vector<double>(table["total"].tensor());
  const auto parts = to_vector<double>(table["parts"].tensor());
  const auto columns = static_cast<std::ptrdiff_t>(p.names.size());
  for (auto row = parts.begin(); row != parts.end(); row += columns)
    p.parts.emplace_back(row, row + columns);
  p.noted = static_cast<size_t>(state["noted"].scalar<int64_t>());
  progress = std::move(p);
}

}  // namespace luxtorch
