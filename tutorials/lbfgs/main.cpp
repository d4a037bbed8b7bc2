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
// How far to go along d? Until the value has fallen in proportion to the way and the slope along d has become less steep: the
// strong Wolfe conditions, of which the second one sees to it that L-BFGS learns of positive curvature. Such a place lies
// between `low`, the best so far, and `high`, which is infinitely far away at first.

At line_search(const Function& f, const At& start, const Tensor& d, double length) {
  struct Trial {
    double length;
    At at;
    double along;  // the slope along d
  };
  const double steepness = dot(start.slope, d);
  Trial low{0, start, steepness}, high{INFINITY, start, 0};
  for (int tries = 0; tries < 20; ++tries) {
    auto at = f(start.v + length * d);
    const Trial trial{length, at, dot(at.slope, d)};
    bool has_fallen = at.value <= start.value + 1e-4 * length * steepness;  // false for NaN
    if (!has_fallen || at.value >= low.at.value) {
      high = trial;
    } else {
      if (std::abs(trial.along) <= -0.9 * steepness) return at;
      if (trial.along * (high.length - low.length) >= 0) high = low;  // beyond the minimum
      low = trial;
    }
    // Twice as far, or the minimum of the cubic that has the values and slopes of both ends; if that is no place well between
    // them, the middle.
    const double span = high.length - low.length;
    const double a = low.along + high.along - 3 * (high.at.value - low.at.value) / span;
    const double b = std::copysign(std::sqrt(a * a - low.along * high.along), span);
    const double part = 1 - (high.along + b - a) / (high.along - low.along + 2 * b);
    length =
        std::isinf(span) ? 2 * length : low.length + span * (part > 0.1 && part < 0.9 ? part : 0.5);
  }
  return low.at;
}

// ------------------------------------------------------------------------------------------------------------- L-BFGS
//
// Newton's method goes along -H^-1 slope. Two loops over the last steps s, and the changes y of the slope along these, apply an
// H^-1 that agrees with all of them (Nocedal 1980); no matrix is ever made.

/// How many iterations there were.
int64_t lbfgs(const Function& f, const Tensor& start,
              const std::function<bool(const At&)>& enough) {
  std::deque<std::pair<Tensor, Tensor>> memory;  // (s, y), the newest first
  auto now = f(start);
  int64_t iterations = 0;
  for (; !enough(now); ++iterations) {
    auto d = -now.slope;
    std::vector<double> alpha;
    for (const auto& [s, y] : memory) {
      alpha.push_back(dot(s, d) / dot(s, y));
      d = d - alpha.back() * y;
    }
    if (!memory.empty()) {
      const auto& [s, y] = memory.front();
      d = d * (dot(s, y) / dot(y, y));
    }
    for (auto i = memory.size(); i-- > 0;) {
      const auto& [s, y] = memory[i];
      d = d + (alpha[i] - dot(y, d) / dot(s, y)) * s;
    }
    auto next = line_search(f, now, d, memory.empty() ? 1 / std::sqrt(dot(d, d)) : 1);
    auto s = next.v - now.v, y = next.slope - now.slope;
    if (dot(s, y) <= 0) break;  // no better place within rounding
    memory.emplace_front(s, y);
    if (memory.size() > 50) memory.pop_back();
    now = next;
  }
  return iterations;
}

// ----------------------------------------------------------------------------------------------------------- The page
//
// A network learns a curve; all points are looked at each time. float64, since close to a minimum the differences of values
// are small.

struct Options : Page {
  int64_t evaluations = 2000;
};

void page(const Options& o) {
  auto x = lux::linspace(-1, 1, 200, {.dtype = lux::kFloat64}).unsqueeze(-1);
  auto y = (x * 12).sin() * (-x).exp() / 2;
  auto model =
      lux::Chain(lux::Dense(1, 20, lux::tanh), lux::Dense(20, 20, lux::tanh), lux::Dense(20, 1));
  auto [initial, st] = lux::setup(Rng(o.seed), model);
  auto ps = lux::tree::to(initial, lux::kFloat64);

  auto start = lux::flatten(ps);
  auto loss = lux::value_and_grad([&, &st = st](const Tensor& v) {
    return lux::MSELoss{}(lux::apply<Tensor>(model, x, start.rebuild(v), st).first, y);
  });
  std::vector<double> values;
  auto f = [&](const Tensor& v) -> At {
    auto [value, slope] = loss(v);
    values.push_back(value.item<double>());
    return {v, values.back(), slope};
  };
  // Of each method the least value so far, after so many evaluations of the loss and its slope.
  auto curve = [&] {
    values.resize(o.evaluations, values.back());
    return std::get<0>(lux::tensor(values, {.dtype = lux::kFloat64}).cummin(0));
  };
  auto report = [&](const std::string& name, const Tensor& curve, int64_t iterations) {
    fmt::print("  {:<12}  {:>10}   {:>9.1e}\n", name, iterations, curve[-1].item<double>());
  };

  fmt::print("{} parameters, {} evaluations of the loss and its slope\n", start.flat.numel(),
             o.evaluations);
  fmt::print("  {:<12}  {:>10}   {:>9}\n", "", "iterations", "least loss");
  auto iterations = lbfgs(f, start.flat, [&](const At&) {
    return static_cast<int64_t>(values.size()) >= o.evaluations;
  });
  std::vector<Tensor> curves{lux::arange(o.evaluations, {.dtype = lux::kFloat64}) + 1, curve()};
  report("L-BFGS", curves.back(), iterations);
  const std::vector<double> rates{0.003, 0.01, 0.03, 0.1};
  for (double rate : rates) {
    lux::TrainState ts(model, ps, st, lux::Adam(rate));
    values.clear();
    while (static_cast<int64_t>(values.size()) < o.evaluations)
      values.push_back(
          lux::single_train_step_(lux::MSELoss{}, lux::tuple({x, y}), ts).loss.item<double>());
    curves.push_back(curve());
    report(fmt::format("Adam({})", rate), curves.back(), ts.step);
  }

  if (o.plots.empty()) return;
  std::string header = "evaluations,L-BFGS",
              script =
                  "set logscale y\nset format y '10^{%T}'\nset termoption enhanced\nset grid lc "
                  "rgb '#dddddd'\nset xlabel 'evaluations'\n"
                  "set title 'least loss so far'\nplot 'lbfgs.csv' skip 1 using 1:2 with lines lw "
                  "2 lc rgb '#2b6cb0' title 'L-BFGS'";
  const std::vector<std::string> colours{"#f6c58f", "#eda45a", "#d9822b", "#a85a0c"};
  for (size_t i = 0; i < rates.size(); ++i) {
    header += fmt::format(",Adam({})", rates[i]);
    script += fmt::format(", '' skip 1 using 1:{} with lines lw 2 lc rgb '{}' title 'Adam({})'",
                          3 + i, colours[i], rates[i]);
  }
  o.write_numbers("lbfgs.csv", header, lux::stack(curves, 1));
  o.draw_picture(640, 400, script + "\n");
}

int main(int argc, char** argv) {
  Options o{{"lbfgs"}};
  CLI::App app("Trains a network by an L-BFGS of the page's own, and by Adam.");
  app.option_defaults()->always_capture_default();
  app.add_option("--evaluations", o.evaluations, "Of the loss and its gradient, for each method")
      ->check(CLI::PositiveNumber);
  return o.run(app, argc, argv, [&] { page(o); });
}
