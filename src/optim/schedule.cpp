#include "luxtorch/optim/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <ostream>

#include "luxtorch/core/error.h"

namespace luxtorch::schedule {

using std::numbers::pi;

struct Schedule::Function {
  std::string label;
  std::function<double(int64_t)> value;
};

namespace {

void check(const char* who, bool right, const char* what, double got) {
  if (!right) throw ArgumentError(who, fmt::format("expected {}, got {}.", what, got));
}
void check_finite(const char* who, std::initializer_list<double> values) {
  for (double v : values) check(who, std::isfinite(v), "finite numbers", v);
}
void check_count(const char* who, const char* what, int64_t n) {
  if (n < 1) throw ArgumentError(who, fmt::format("expected {} of at least 1, got {}.", what, n));
}

constexpr int64_t kLastStep = std::numeric_limits<int64_t>::max();
[[noreturn]] void too_late(const char* who, double step) {
  throw ArgumentError(who, fmt::format("expected a step of at most {} for the schedule inside, got "
                                       "{}.",
                                       kLastStep, step));
}

template <class T, class F>
std::string joined(const std::vector<T>& all, F text) {
  std::string line;
  for (size_t i = 0; i < all.size(); ++i) line += (i ? ", " : "") + text(all[i]);
  return line;
}

// name(arguments...), whose value at t is f(t - 1).
template <class... A, class F>
Schedule from_zero(const char* name, F f, const A&... arguments) {
  std::string text;
  ((text += fmt::format("{}{}", text.empty() ? "" : ", ", arguments)), ...);
  return Schedule(fmt::format("{}({})", name, text),
                  [f = std::move(f)](int64_t t) { return f(t - 1); });
}

// t and the period's, of t from 0.
struct Phase {
  double x;        // in [0, 1)
  int64_t number;  // of the period, from 0
};
Phase phase(int64_t t, int64_t period) {
  return {static_cast<double>(t % period) / static_cast<double>(period), t / period};
}

double triangle(double x) { return 1 - std::abs(1 - 2 * x); }
double sine(double x) { return std::sin(pi * x); }

using Wave = double (*)(double x);
using Height = std::function<double(int64_t t, int64_t period_number)>;

template <class... A>
Schedule wave(const char* name, Wave g, double l0, double l1, int64_t period, Height height,
              const A&... more) {
  check_finite(name, {l0, l1});
  check_count(name, "a period", period);
  auto f = [=, range = std::abs(l0 - l1), low = std::min(l0, l1)](int64_t t) {
    auto [x, number] = phase(t, period);
    return range * g(x) * height(t, number) + low;
  };
  return from_zero(name, f, l0, l1, period, more...);
}

double same(int64_t, int64_t) { return 1; }
double half(int64_t, int64_t number) { return std::pow(0.5, static_cast<double>(number)); }
Height exponential(const char* name, double decay) {
  check_finite(name, {decay});
  return [decay](int64_t t, int64_t) { return std::pow(decay, static_cast<double>(t)); };
}

Schedule cosine(double l0, double l1, int64_t period, bool restart) {
  constexpr auto who = "CosAnneal";
  check_finite(who, {l0, l1});
  check_count(who, "a period", period);
  auto f = [=, range = std::abs(l0 - l1), low = std::min(l0, l1)](int64_t t) {
    // Whole periods are taken off either way: large arguments lose digits.
    auto [x, number] = phase(t, period);
    if (!restart && number % 2 != 0)
      x = (static_cast<double>(t % period) + static_cast<double>(period)) /
          static_cast<double>(period);
    return range * (1 + std::cos(pi * x)) / 2 + low;
  };
  if (restart) return from_zero(who, f, l0, l1, period);
  return from_zero(who, f, l0, l1, period, "restart = false");
}

Schedule sequence(const char* name, std::vector<Stage> stages, std::string text) {
  auto f = [stages = std::move(stages)](int64_t t) {
    size_t i = 0;
    for (; i + 1 < stages.size() && t > stages[i].steps; ++i) t -= stages[i].steps;
    return stages[i].schedule(t);
  };
  return Schedule(fmt::format("{}({})", name, text), std::move(f));
}

std::vector<Stage> checked(std::vector<Stage> stages) {
  constexpr auto who = "Sequence";
  if (stages.empty()) throw ArgumentError(who, "expected at least one stage, got none.");
  for (const auto& stage : stages) check_count(who, "steps", stage.steps);
  return stages;
}
std::string text_of(const std::vector<Stage>& stages) {
  std::string text;
  for (size_t i = 0; i < stages.size(); ++i) {
    text += (i ? ", " : "") + stages[i].schedule.label();
    if (i + 1 < stages.size()) text += fmt::format(" for {}", stages[i].steps);
  }
  return text;
}

Schedule one_cycle(int64_t steps, double max, const OneCycleOptions& o) {
  constexpr auto who = "OneCycle";
  const double start = o.startval.value_or(max / 25), end = o.endval.value_or(max / 1e5);
  check_finite(who, {max, start, end});
  check_count(who, "steps", steps);
  check(who, o.percent_start >= 0 && o.percent_start <= 1, "a percent_start in [0, 1]",
        o.percent_start);
  const double share = std::ceil(o.percent_start * static_cast<double>(steps));
  const int64_t up = share < static_cast<double>(steps) ? static_cast<int64_t>(share) : steps;
  const int64_t down = steps - up;
  auto f = [=](int64_t t) {
    auto half_cosine = [](double from, double to, int64_t t, int64_t n) {
      return to +
             (from - to) * (1 + std::cos(pi * static_cast<double>(t) / static_cast<double>(n))) / 2;
    };
    if (t < up) return half_cosine(start, max, t, up);
    return t < steps ? half_cosine(max, end, t - up, down) : end;
  };
  return from_zero(who, f, steps, max, fmt::format("startval = {}", start),
                   fmt::format("endval = {}", end),
                   fmt::format("percent_start = {}", o.percent_start));
}

}  // namespace

Schedule::Schedule(double value)
    : Schedule(fmt::format("{}", value), [value](int64_t) { return value; }) {
  check_finite("Constant", {value});
}
Schedule::Schedule(std::string label, std::function<double(int64_t)> f) {
  if (!f) throw ArgumentError("Schedule", "expected a function, got an empty one.");
  function_ = std::make_shared<const Function>(Function{std::move(label), std::move(f)});
}
double Schedule::operator()(int64_t t) const {
  if (t < 1) {
    throw ArgumentError(label(), fmt::format("expected a step of at least 1, got {}.", t));
  }
  return function_->value(t);
}
const std::string& Schedule::label() const { return function_->label; }
std::ostream& operator<<(std::ostream& out, const Schedule& s) { return out << s.label(); }

Step::Step(double start, double decay, int64_t size)
    : Schedule(from_zero(
          "Step",
          [=](int64_t t) {
            return start * std::pow(decay, static_cast<double>(t / std::max<int64_t>(1, size)));
          },
          start, decay, size)) {
  check_finite("Step", {start, decay});
  check_count("Step", "a step size", size);
}
Step::Step(double start, double decay, const std::vector<int64_t>& sizes)
    : Schedule(from_zero(
          "Step",
          [=](int64_t t) {
            size_t i = 0;
            for (; i + 1 < sizes.size() && t >= sizes[i]; ++i) t -= sizes[i];
            return start * std::pow(decay, static_cast<double>(i));
          },
          start, decay, "(" + joined(sizes, [](int64_t n) { return std::to_string(n); }) + ")")) {
  check_finite("Step", {start, decay});
  check_count("Step", "a number of step sizes", static_cast<int64_t>(sizes.size()));
  for (auto size : sizes) check_count("Step", "step sizes", size);
}
Exp::Exp(double start, double decay)
    : Schedule(from_zero(
          "Exp", [=](int64_t t) { return start * std::pow(decay, static_cast<double>(t)); }, start,
          decay)) {
  check_finite("Exp", {start, decay});
}
Poly::Poly(double start, double degree, int64_t max_iter)
    : Schedule(from_zero(
          "Poly",
          [=](int64_t t) {
            double left = 1 - static_cast<double>(t) / static_cast<double>(max_iter);
            return left <= 0 ? 0 : start * std::pow(left, degree);
          },
          start, degree, max_iter)) {
  check_finite("Poly", {start, degree});
  check("Poly", degree > 0, "a degree above 0", degree);
  check_count("Poly", "a max_iter", max_iter);
}
Inv::Inv(double start, double decay, double degree)
    : Schedule(from_zero(
          "Inv",
          [=](int64_t t) { return start / std::pow(1 + static_cast<double>(t) * decay, degree); },
          start, decay, degree)) {
  check_finite("Inv", {start, decay, degree});
  check("Inv", decay >= 0, "a decay of at least 0", decay);
}

Triangle::Triangle(double l0, double l1, int64_t period)
    : Schedule(wave("Triangle", triangle, l0, l1, period, same)) {}
TriangleDecay2::TriangleDecay2(double l0, double l1, int64_t period)
    : Schedule(wave("TriangleDecay2", triangle, l0, l1, period, half)) {}
TriangleExp::TriangleExp(double l0, double l1, int64_t period, double decay)
    : Schedule(wave("TriangleExp", triangle, l0, l1, period, exponential("TriangleExp", decay),
                    decay)) {}
Sin::Sin(double l0, double l1, int64_t period)
    : Schedule(wave("Sin", sine, l0, l1, period, same)) {}
SinDecay2::SinDecay2(double l0, double l1, int64_t period)
    : Schedule(wave("SinDecay2", sine, l0, l1, period, half)) {}
SinExp::SinExp(double l0, double l1, int64_t period, double decay)
    : Schedule(wave("SinExp", sine, l0, l1, period, exponential("SinExp", decay), decay)) {}
CosAnneal::CosAnneal(double l0, double l1, int64_t period, CosAnnealOptions options)
    : Schedule(cosine(l0, l1, period, options.restart)) {}
OneCycle::OneCycle(int64_t steps, double max, OneCycleOptions options)
    : Schedule(one_cycle(steps, max, options)) {}
Ramp::Ramp(double from, double to, int64_t steps)
    : Schedule(from_zero(
          "Ramp",
          [=](int64_t t) {
            if (t + 1 >= steps) return to;
            return from + (to - from) * (static_cast<double>(t + 1) / static_cast<double>(steps));
          },
          from, to, steps)) {
  check_finite("Ramp", {from, to});
  check_count("Ramp", "steps", steps);
}

Sequence::Sequence(std::vector<Stage> stages)
    : Schedule(sequence("Sequence", checked(stages), text_of(stages))) {}
Warmup::Warmup(int64_t steps, const Schedule& then)
    : Schedule(sequence("Warmup",
                        steps == 0 ? std::vector<Stage>{{then}}
                                   : std::vector<Stage>{{Ramp(0, then(1), steps), steps}, {then}},
                        fmt::format("{}, {}", steps, then.label()))) {}
Loop::Loop(Schedule s, int64_t period)
    : Schedule(from_zero("Loop", [=](int64_t t) { return s(t % period + 1); }, s.label(), period)) {
  check_count("Loop", "a period", period);
}
Interpolator::Interpolator(Schedule s, double rate)
    : Schedule(from_zero(
          "Interpolator",
          [=](int64_t t) {
            const double step = std::ceil(static_cast<double>(t + 1) / rate);
            if (step >= static_cast<double>(kLastStep)) too_late("Interpolator", step);
            return s(static_cast<int64_t>(step));
          },
          s.label(), rate)) {
  check_finite("Interpolator", {rate});
  check("Interpolator", rate > 0, "a rate above 0", rate);
}
Shifted::Shifted(Schedule s, int64_t offset)
    : Schedule(from_zero(
          "Shifted",
          [=](int64_t t) {
            if (t > kLastStep - offset)
              too_late("Shifted", static_cast<double>(t) + static_cast<double>(offset));
            return s(t + offset);
          },
          s.label(), offset)) {
  check_count("Shifted", "an offset", offset);
}
Shortened::Shortened(Schedule s, int64_t n)
    : Schedule(
          from_zero("Shortened", [=](int64_t t) { return s(std::min(t + 1, n)); }, s.label(), n)) {
  check_count("Shortened", "a number of steps", n);
}

ComposedSchedule::ComposedSchedule(std::function<Schedule(std::span<const double>)> compose,
                                   std::vector<Schedule> parameters)
    : Schedule(
          "ComposedSchedule(" + joined(parameters, [](const auto& p) { return p.label(); }) + ")",
          [compose, parameters](int64_t t) {
            std::vector<double> values;
            for (const auto& p : parameters) values.push_back(p(t));
            return compose(values)(t);
          }) {
  if (!compose) throw ArgumentError("ComposedSchedule", "expected a function, got an empty one.");
}

}  // namespace luxtorch::schedule
