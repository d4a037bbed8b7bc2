// L-BFGS in sixty lines, over all parameters as one vector: a method of one's own, beside Adam.
//
// Methods of optimisation think of one vector and a function that gives its value and slope there. flatten(ps) gives the
// vector, and a differentiable rebuild that makes a tree of a vector again; value_and_grad gives the slope. What is left is
// the textbook (Nocedal and Wright 2006, "Numerical optimization", chapters 3 and 7).
//
//     tools/run lbfgs --plots pictures                         (--help tells what else it can do)

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <deque>

#include "program.h"

namespace lux = luxtorch;
using lux::Rng, lux::Tensor, lux::Tree;

struct Options : PageOptions {
  int64_t evaluations = 1000, points = 200;
};

double dot(const Tensor& a, const Tensor& b) { return a.dot(b).item<double>(); }

/// A place, with the function's value and slope there.
struct At {
  Tensor v;
  double value;
  Tensor slope;
};
using Function = std::function<At(const Tensor&)>;

// ---------------------------------------------------------------------------------------------------- The line search
//
// How far along d? The value must fall in proportion to the step, and the slope along d must have become less steep (the
// strong Wolfe conditions: without the second one the curvature that L-BFGS learns from may be negative). Between a step
// that is too short and one that is too long, the minimum of a cubic through both is tried.

At line_search(const Function& f, const At& start, const Tensor& d, double first) {
  const double steepness = dot(start.slope, d);
  struct Step {
    double length;
    At at;
    double along;
  };
  Step low{0, start, steepness}, high{INFINITY, start, 0};
  double length = first;
  for (int tries = 0; tries < 20; ++tries) {
    auto at = f(start.v + length * d);
    Step now{length, at, dot(at.slope, d)};
    bool too_high = !(at.value <= start.value + 1e-4 * length * steepness) || at.value >= low.at.value;
    if (!too_high && std::abs(now.along) <= 0.9 * std::abs(steepness)) return at;
    if (too_high) {
      high = now;
    } else {
      if (now.along * (std::isfinite(high.length) ? high.length - low.length : 1) >= 0) high = low;
      low = now;
    }
    if (std::isinf(high.length)) {
      length *= 2;
      continue;
    }
    // The cubic with the values and slopes of both ends; the middle, where it leads too close to an end.
    double span = high.length - low.length;
    double a = low.along + high.along - 3 * (high.at.value - low.at.value) / span;
    double b = std::copysign(std::sqrt(std::max(0.0, a * a - low.along * high.along)), span);
    double part = 1 - (high.along + b - a) / (high.along - low.along + 2 * b);
    length = low.length + span * (part > 0.1 && part < 0.9 ? part : 0.5);
  }
  return low.at;
}

// ------------------------------------------------------------------------------------------------------------- L-BFGS
//
// Newton's direction is -H^-1 slope. The two loops (Nocedal 1980) apply an H^-1 that agrees with the last steps s and the
// changes y of the slope along them.

At lbfgs(const Function& f, const Tensor& start, int64_t iterations, const std::function<bool(const At&)>& stop) {
  std::deque<std::pair<Tensor, Tensor>> memory;  // (s, y), the newest first
  auto now = f(start);
  for (int64_t k = 0; k < iterations && !stop(now); ++k) {
    auto q = -now.slope;
    std::vector<double> along;
    for (const auto& [s, y] : memory) {
      along.push_back(dot(s, q) / dot(s, y));
      q = q - along.back() * y;
    }
    if (!memory.empty()) q = q * (dot(memory[0].first, memory[0].second) / dot(memory[0].second, memory[0].second));
    for (auto i = memory.size(); i-- > 0;) {
      const auto& [s, y] = memory[i];
      q = q + (along[i] - dot(y, q) / dot(s, y)) * s;
    }
    auto next = line_search(f, now, q, memory.empty() ? 1 / now.slope.norm().item<double>() : 1);
    auto s = next.v - now.v, y = next.slope - now.slope;
    if (dot(s, y) <= 0) return now;
    memory.emplace_front(s, y);
    if (memory.size() > 20) memory.pop_back();
    now = next;
  }
  return now;
}

void page(const Options& o) {
  Rng rng(o.seed);
  auto x = lux::linspace(-1, 1, o.points, {.dtype = lux::kFloat64}).unsqueeze(-1);
  auto y = (x * 12).sin() * (-x).exp() / 2;
  auto model = lux::Chain(lux::Dense(1, 20, lux::tanh), lux::Dense(20, 20, lux::tanh), lux::Dense(20, 1));
  auto [ps, st] = lux::setup(rng, model);
  ps = lux::tree::to(ps, lux::kFloat64);

  std::vector<double> evaluations;
  auto [flat, rebuild] = lux::flatten(ps);
  auto loss = lux::value_and_grad([&, &st = st, &rebuild = rebuild](const Tensor& v) {
    return lux::MSELoss{}(lux::apply<Tensor>(model, x, rebuild(v), st).first, y);
  });
  auto f = [&](const Tensor& v) -> At {
    auto [value, slope] = loss(v);
    evaluations.push_back(value.item<double>());
    return {v, evaluations.back(), slope};
  };
  int64_t n = 0;
  lbfgs(f, flat, 100000, [&](const At& at) { ++n; return (int64_t)evaluations.size() >= o.evaluations || at.value < 1e-14; });
  fmt::print("{} iterations {} evaluations {}\n", n, evaluations.size(), evaluations.back());
  for (double lr : {0.001, 0.003, 0.01, 0.03, 0.1}) {
    lux::TrainState ts(model, ps, st, lux::Adam(lr));
    double last = 0, least = 1e9;
    for (int i = 0; i < o.evaluations; ++i) { last = lux::single_train_step_(lux::MSELoss{}, lux::tuple({x, y}), ts).loss.item<double>(); least = std::min(last, least);}
    fmt::print("{} {} {}\n", lr, last, least);
  }
}

int main(int argc, char** argv) {
  Options o;
  CLI::App app("L-BFGS beside Adam.");
  app.option_defaults()->always_capture_default();
  app.add_option("--evaluations", o.evaluations, "Of the loss and its gradient, for each method")->check(CLI::PositiveNumber);
  o.parse(app, argc, argv);
  return run_page("lbfgs", [&] { page(o); });
}
