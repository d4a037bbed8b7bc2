// Schedules: how a hyper-parameter changes from step to step.
//
//     auto lr = schedule::Warmup(100, schedule::CosAnneal(1e-2, 1e-4, 2000, {.restart = false}));
//     double now = lr(ts.step + 1);
//     TrainState ts(model, ps, st, Scheduler(Adam(), lr));       // optim/scheduler.h
//
// A schedule is a value and a pure function of the step t = 1, 2, ...; a t below 1 is an
// ArgumentError. Names and formulas are those of ParameterSchedulers.jl. A number is the schedule
// that always has that value, and any function of an int64_t is a schedule too. For all schedules,
// arguments that are not finite, and sizes, periods and numbers of steps below 1, are an
// ArgumentError.
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
  /// Always this value. ArgumentError: one that is not finite.
  Schedule(double value);
  /// From a function of t without side effects.
  template <class F>
    requires(!std::derived_from<F, Schedule> && std::is_invocable_r_v<double, const F&, int64_t> &&
             !std::convertible_to<F, double>)
  Schedule(F f) : Schedule("Function", std::function<double(int64_t)>(std::move(f))) {}
  /// The same with a text for printing. ArgumentError: an empty function.
  Schedule(std::string label, std::function<double(int64_t t)> f);

  /// The value at step t. ArgumentError: t below 1.
  double operator()(int64_t t) const;
  /// The schedule in one line: "Step(0.1, 0.5, 10)".
  const std::string& label() const;
  /// Prints the label.
  friend LUXTORCH_API std::ostream& operator<<(std::ostream& out, const Schedule& s);

 private:
  struct Function;
  std::shared_ptr<const Function> function_;
};

/// Always the same value.
struct Constant : Schedule {
  /// ArgumentError: a value that is not finite.
  explicit Constant(double value) : Schedule(value) {}
};

// Decays.

/// start * decay^(i - 1) in the i-th segment of steps.
struct LUXTORCH_API Step : Schedule {
  /// Segments of step_size steps.
  Step(double start, double decay, int64_t step_size);
  /// Segments of different sizes, at least one; the last one has no end.
  Step(double start, double decay, const std::vector<int64_t>& step_sizes);
};
/// start * decay^(t - 1).
struct LUXTORCH_API Exp : Schedule {
  /// start: the value at t = 1.
  Exp(double start, double decay);
};
/// start * (1 - (t - 1) / max_iter)^degree, and 0 from t = max_iter + 1 on.
struct LUXTORCH_API Poly : Schedule {
  /// ArgumentError: a degree that is not above 0.
  Poly(double start, double degree, int64_t max_iter);
};
/// start / (1 + (t - 1) decay)^degree.
struct LUXTORCH_API Inv : Schedule {
  /// ArgumentError: a decay below 0.
  Inv(double start, double decay, double degree);
};

// Waves between min(l0, l1) and max(l0, l1), with x = (t - 1) / period.

/// A triangle wave: |l0 - l1| (2 / pi) |asin(sin(pi x))| + min(l0, l1) with x = (t - 1) / period.
/// It is at the minimum where x is an integer, and at the maximum in the middle of each period.
struct LUXTORCH_API Triangle : Schedule {
  /// l0 and l1: minimum and maximum, in either order; period: in steps.
  Triangle(double l0, double l1, int64_t period);
};
/// Triangle, with its height halved after each period.
struct LUXTORCH_API TriangleDecay2 : Schedule {
  /// As of Triangle.
  TriangleDecay2(double l0, double l1, int64_t period);
};
/// Triangle, with its height times decay^(t - 1).
struct LUXTORCH_API TriangleExp : Schedule {
  /// As of Triangle; decay: the height's factor per step.
  TriangleExp(double l0, double l1, int64_t period, double decay);
};
/// A sine wave: |l0 - l1| |sin(pi x)| + min(l0, l1) with x = (t - 1) / period. It is at the minimum
/// where x is an integer, and at the maximum in the middle of each period.
struct LUXTORCH_API Sin : Schedule {
  /// l0 and l1: minimum and maximum, in either order; period: in steps.
  Sin(double l0, double l1, int64_t period);
};
/// Sin, with its height halved after each period.
struct LUXTORCH_API SinDecay2 : Schedule {
  /// As of Sin.
  SinDecay2(double l0, double l1, int64_t period);
};
/// Sin, with its height times decay^(t - 1).
struct LUXTORCH_API SinExp : Schedule {
  /// As of Sin; decay: the height's factor per step.
  SinExp(double l0, double l1, int64_t period, double decay);
};

/// Options of CosAnneal.
struct CosAnnealOptions {
  /// Start again at the maximum after each period. Without it the cosine goes up again in the
  /// second period, down in the third, and so on.
  bool restart = true;
};
/// Cosine annealing: |l0 - l1| (1 + cos(pi x)) / 2 + min(l0, l1), from the maximum down to the
/// minimum (Loshchilov and Hutter 2017). x = (t - 1) / period; with restart, x is the fractional
/// part of that.
struct LUXTORCH_API CosAnneal : Schedule {
  /// l0 and l1: minimum and maximum, in either order; period: in steps.
  CosAnneal(double l0, double l1, int64_t period, CosAnnealOptions options = {});
};

/// Options of OneCycle.
struct OneCycleOptions {
  std::optional<double> startval = {};  ///< The first value. Not set: max / 25.
  std::optional<double> endval = {};    ///< The last value. Not set: max / 1e5.
  double percent_start = 0.25;          ///< The fraction of the steps that go up, in [0, 1].
};
/// Half a cosine from startval up to max in ceil(percent_start * steps) steps, then half a cosine
/// down to endval, which it reaches at t = steps + 1 and keeps (Smith and Topin 2018).
struct LUXTORCH_API OneCycle : Schedule {
  /// max: the largest value. ArgumentError: a percent_start outside [0, 1].
  OneCycle(int64_t steps, double max, OneCycleOptions options = {});
};

/// A straight line: from + (to - from) t / steps, then `to`. The first value is one step after
/// `from`.
struct LUXTORCH_API Ramp : Schedule {
  /// steps: how many steps the line has, which ends in `to`.
  Ramp(double from, double to, int64_t steps);
};

// Schedules of schedules.

/// A part of a Sequence.
struct LUXTORCH_API Stage {
  Schedule schedule;  ///< Its t is 1 at the first step of the stage.
  /// How long the stage lasts, at least 1. The last stage of a Sequence has no end.
  int64_t steps = std::numeric_limits<int64_t>::max();
};
/// Schedules one after the other, each with its own t from 1: Sequence({{0.1, 100}, {Exp(0.1,
/// 0.99)}}).
struct LUXTORCH_API Sequence : Schedule {
  /// ArgumentError: no stages, a stage with steps below 1.
  explicit Sequence(std::vector<Stage> stages);
};
/// A ramp from 0 to the first value of `then`, reached at t = steps; after it the schedule `then`,
/// with its own t from 1.
struct LUXTORCH_API Warmup : Schedule {
  /// With 0 steps it is `then` alone.
  Warmup(int64_t steps, const Schedule& then);
};
/// The first `period` values of s, over and over.
struct LUXTORCH_API Loop : Schedule {
  /// period: in steps.
  Loop(Schedule s, int64_t period);
};
/// s(ceil(t / rate)): with Interpolator(s, batches_per_epoch), the steps of s are epochs.
struct LUXTORCH_API Interpolator : Schedule {
  /// ArgumentError: a rate that is not above 0.
  Interpolator(Schedule s, double rate);
};
/// s(t - 1 + offset): begins with the value that s has at step `offset`.
struct LUXTORCH_API Shifted : Schedule {
  /// ArgumentError: an offset below 1.
  Shifted(Schedule s, int64_t offset);
};
/// s for n steps, then s(n).
struct LUXTORCH_API Shortened : Schedule {
  /// ArgumentError: n below 1.
  Shortened(Schedule s, int64_t n);
};
/// compose(p)(t), where p are the parameters' values at t:
///
///     ComposedSchedule([](auto p) { return Sin(p[0], p[1], 10); }, {Exp(0.1, 0.9), 0.01})
struct LUXTORCH_API ComposedSchedule : Schedule {
  /// ArgumentError: an empty function.
  ComposedSchedule(std::function<Schedule(std::span<const double>)> compose,
                   std::vector<Schedule> parameters);
};

/// A schedule that counts its own steps.
class Stateful {
 public:
  /// s at step 1.
  explicit Stateful(Schedule s) : schedule_(std::move(s)) {}
  /// The value at step(), which then increases by 1.
  double next_() { return schedule_(step_++); }
  /// Sets the step whose value next_() gives.
  void reset_(int64_t step = 1) { step_ = step; }
  /// The step whose value next_() gives.
  int64_t step() const { return step_; }

 private:
  Schedule schedule_;
  int64_t step_ = 1;
};

}  // namespace luxtorch::schedule
