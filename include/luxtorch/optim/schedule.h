// Schedules: how a hyper-parameter goes from step to step.
//
//     auto lr = schedule::Warmup(100, schedule::CosAnneal(1e-2, 1e-4, 2000, {.restart = false}));
//     double now = lr(ts.step + 1);
//     TrainState ts(model, ps, st, Scheduler(Adam(), lr));       // optim/scheduler.h
//
// Level 4. A schedule is a value and a pure function of the step t = 1, 2, ...; t below 1 is an
// ArgumentError. Names and formulas are ParameterSchedulers.jl's. A number is the schedule that is
// always that number, and any function of an int64_t is a schedule too. Arguments that are not
// finite, and sizes and periods below 1, are an ArgumentError.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "luxtorch/core/api.h"

namespace luxtorch::schedule {

/// Any schedule.
class LUXTORCH_API Schedule {
 public:
  Schedule(double value);
  /// A function without side effects.
  template <class F>
    requires(!std::derived_from<F, Schedule> && std::is_invocable_r_v<double, const F&, int64_t> &&
             !std::convertible_to<F, double>)
  Schedule(F f) : Schedule("Function", std::function<double(int64_t)>(std::move(f))) {}
  /// With a text for printing.
  Schedule(std::string label, std::function<double(int64_t t)> f);

  double operator()(int64_t t) const;
  /// "Step(0.1, 0.5, 10)"
  const std::string& label() const;
  friend LUXTORCH_API std::ostream& operator<<(std::ostream& out, const Schedule& s);

 private:
  struct Function;
  std::shared_ptr<const Function> function_;
};

/// value.
struct Constant : Schedule {
  explicit Constant(double value) : Schedule(value) {}
};

// Decays.

/// start * decay^(i - 1) in the i-th stretch of step_size steps.
struct LUXTORCH_API Step : Schedule {
  Step(double start, double decay, int64_t step_size);
  /// Stretches of different sizes; the last one has no end.
  Step(double start, double decay, const std::vector<int64_t>& step_sizes);
};
/// start * decay^(t - 1).
struct LUXTORCH_API Exp : Schedule {
  Exp(double start, double decay);
};
/// start * (1 - (t - 1) / max_iter)^degree, 0 from t = max_iter + 1 on. degree: above 0.
struct LUXTORCH_API Poly : Schedule {
  Poly(double start, double degree, int64_t max_iter);
};
/// start / (1 + (t - 1) decay)^degree. decay: at least 0.
struct LUXTORCH_API Inv : Schedule {
  Inv(double start, double decay, double degree);
};

// Waves between min(l0, l1) and max(l0, l1), x = (t - 1) / period. Triangle and Sin are at the
// minimum where x is an integer and at the maximum in the middle.

/// |l0 - l1| (2 / pi) |asin(sin(pi x))| + min(l0, l1).
struct LUXTORCH_API Triangle : Schedule {
  Triangle(double l0, double l1, int64_t period);
};
/// The same, half as high in each next period.
struct LUXTORCH_API TriangleDecay2 : Schedule {
  TriangleDecay2(double l0, double l1, int64_t period);
};
/// The same, its height times decay^(t - 1).
struct LUXTORCH_API TriangleExp : Schedule {
  TriangleExp(double l0, double l1, int64_t period, double decay);
};
/// |l0 - l1| |sin(pi x)| + min(l0, l1).
struct LUXTORCH_API Sin : Schedule {
  Sin(double l0, double l1, int64_t period);
};
struct LUXTORCH_API SinDecay2 : Schedule {
  SinDecay2(double l0, double l1, int64_t period);
};
struct LUXTORCH_API SinExp : Schedule {
  SinExp(double l0, double l1, int64_t period, double decay);
};

struct CosAnnealOptions {
  bool restart = true;  // at each period; without it the cosine goes up again after the first
};
/// |l0 - l1| (1 + cos(pi x)) / 2 + min(l0, l1), with restart of x's fraction: from the maximum down
/// to the minimum (Loshchilov and Hutter 2017).
struct LUXTORCH_API CosAnneal : Schedule {
  CosAnneal(double l0, double l1, int64_t period, CosAnnealOptions options = {});
};

struct OneCycleOptions {
  std::optional<double> startval = {};  // max / 25
  std::optional<double> endval = {};    // max / 1e5
  double percent_start = 0.25;          // of the steps go up, in [0, 1]
};
/// Half a cosine from startval up to max in ceil(percent_start * steps) steps, then half a one down
/// to endval, which it reaches at t = steps + 1 and keeps (Smith and Topin 2018).
struct LUXTORCH_API OneCycle : Schedule {
  OneCycle(int64_t steps, double max, OneCycleOptions options = {});
};

/// A straight line: from + (to - from) t / steps, then to. The first value is one step up from
/// `from`.
struct LUXTORCH_API Ramp : Schedule {
  Ramp(double from, double to, int64_t steps);
};

// Schedules of schedules.

struct LUXTORCH_API Stage {
  Schedule schedule;
  int64_t steps = std::numeric_limits<int64_t>::max();  // the last one of a Sequence has no end
};
/// One after the other, each with its own t from 1: Sequence({{0.1, 100}, {Exp(0.1, 0.99)}}).
struct LUXTORCH_API Sequence : Schedule {
  explicit Sequence(std::vector<Stage> stages);
};
/// A ramp from 0 to the schedule's first value, reached at t = steps, then the schedule. No steps:
/// the schedule alone.
struct LUXTORCH_API Warmup : Schedule {
  Warmup(int64_t steps, const Schedule& then);
};
/// Its first `period` values over and over.
struct LUXTORCH_API Loop : Schedule {
  Loop(Schedule s, int64_t period);
};
/// s(ceil(t / rate)): Interpolator(s, batches_per_epoch) counts epochs for s. rate: above 0.
struct LUXTORCH_API Interpolator : Schedule {
  Interpolator(Schedule s, double rate);
};
/// s(t - 1 + offset): begins where s is at `offset`, which is at least 1.
struct LUXTORCH_API Shifted : Schedule {
  Shifted(Schedule s, int64_t offset);
};
/// s for n steps, then s(n).
struct LUXTORCH_API Shortened : Schedule {
  Shortened(Schedule s, int64_t n);
};
/// compose(p)(t), where p are the parameters' values at t:
///
///     ComposedSchedule([](auto p) { return Sin(p[0], p[1], 10); }, {Exp(0.1, 0.9), 0.01})
struct LUXTORCH_API ComposedSchedule : Schedule {
  ComposedSchedule(std::function<Schedule(std::span<const double>)> compose,
                   std::vector<Schedule> parameters);
};

/// A schedule that counts for itself.
class Stateful {
 public:
  explicit Stateful(Schedule s) : schedule_(std::move(s)) {}
  /// The value at step(), which then moves on.
  double next_() { return schedule_(step_++); }
  void reset_(int64_t step = 1) { step_ = step; }
  int64_t step() const { return step_; }

 private:
  Schedule schedule_;
  int64_t step_ = 1;
};

}  // namespace luxtorch::schedule
