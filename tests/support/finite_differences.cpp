#include "support/finite_differences.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "luxtorch/layer.h"

namespace luxtorch::testing {

namespace {

// The derivative by element i of the tensor at `path`.
double slope(const std::function<Tensor(const Tree&)>& loss, const Tree& at,
             const std::string& path, int64_t i, double step) {
  auto moved = [&](double by) {
    auto x = at.at(path).tensor().detach().clone(at::MemoryFormat::Contiguous);
    x.mutable_data_ptr<double>()[i] += by;
    return loss(at.with(path, x)).item<double>();
  };
  return (moved(step) - moved(-step)) / (2 * step);
}

bool is_wanted(const std::string& path, const Tree& leaf) {
  if (!leaf.is_tensor() || !leaf.tensor().defined() || !leaf.tensor().is_floating_point())
    return false;
  if (leaf.tensor().scalar_type() != kFloat64)
    throw std::invalid_argument(path + " must be float64");
  return true;
}

}  // namespace

Tree finite_differences(const std::function<Tensor(const Tree&)>& loss, const Tree& at,
                        double step) {
  detail::NoGrad no_grad;
  auto f = [&](const std::string& path, const Tree& leaf) -> Tree {
    if (!is_wanted(path, leaf)) return leaf;
    auto g = leaf.tensor().detach().clone(at::MemoryFormat::Contiguous);
    for (int64_t i = 0; i < g.numel(); ++i)
      g.mutable_data_ptr<double>()[i] = slope(loss, at, path, i, step);
    return g;
  };
  return tree::map(f, at);
}

::testing::AssertionResult gradients_match(const std::function<Tensor(const Tree&)>& loss,
                                           const Tree& at, const Tree& gradients,
                                           FiniteDifferences options) {
  detail::NoGrad no_grad;
  std::ostringstream wrong;
  // What a few roundings of the loss make of a difference of two.
  const double noise =
      4 * std::numeric_limits<double>::epsilon() * std::abs(loss(at).item<double>()) / options.step;
  auto check = [&](const std::string& path, const Tree& leaf) {
    if (!is_wanted(path, leaf) || leaf.tensor().numel() == 0) return;
    const auto& g = gradients.at(path);
    Tensor got = g.is_tensor() && g.tensor().defined()
                     ? g.tensor().detach().to(kFloat64).contiguous()
                     : leaf.tensor().detach().mul(0).contiguous();
    if (got.sizes() != leaf.tensor().sizes()) {
      wrong << "\n  " << path << ": " << Tree(got) << " in place of " << leaf;
      return;
    }
    auto n = got.numel(), checked = std::min(n, options.elements);
    double worst = 0, scale = options.floor, worst_got = 0, worst_expected = 0;
    int64_t worst_at = 0;
    for (int64_t k = 0; k < checked; ++k) {
      auto i = k * n / checked;
      auto expected = slope(loss, at, path, i, options.step),
           value = got.const_data_ptr<double>()[i];
      scale = std::max(scale, std::abs(expected));
      auto d = std::abs(value - expected);
      if (std::isnan(d)) d = std::numeric_limits<double>::infinity();
      if (d > worst) worst = d, worst_at = i, worst_got = value, worst_expected = expected;
    }
    if (!(worst <= options.tolerance * scale + noise)) {
      wrong << "\n  " << path << ", element " << worst_at << ": the gradient is " << worst_got
            << ", central differences give " << worst_expected << " (" << worst / scale
            << " of the largest)";
    }
  };
  tree::for_each(check, at);
  auto text = wrong.str();
  if (text.empty()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "gradients differ from finite differences:" << text;
}

}  // namespace luxtorch::testing
