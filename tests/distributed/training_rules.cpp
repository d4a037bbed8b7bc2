// Optimizers whose state lies in parts, against the same with the whole state on each process.
#include <algorithm>
#include <cmath>

#include "distributed/training_modes.h"
#include "luxtorch/luxtorch.h"
#include "optim/optim_cases.h"
#include "support/allocations.h"

namespace luxtorch::testing {

namespace {

Layer model_of_odd_sizes() {
  return Chain(Dense(3, 37, luxtorch::tanh), Dense(37, 5, luxtorch::tanh), Dense(5, 1));
}

Tree batch_of(const Group& group, int64_t step, Dtype dtype) {
  const auto seed = static_cast<double>(7 * step + group.rank());
  return tuple({values({4, 3}, seed, dtype), values({4, 1}, seed + 1, dtype)});
}

TrainState start(const Group& group, const Optimizer& optimizer, bool in_parts, Dtype dtype) {
  auto [ps, st] = setup(Rng(1), model_of_odd_sizes());
  ps = tree::map_tensors([&](const Tensor& t) { return t.to(dtype); }, ps);
  return TrainState(model_of_odd_sizes(), ps, st, optimizer,
                    {.group = group, .shard_optimizer = in_parts, .check_every = 1});
}

Tree all_of(const TrainState& ts) { return tuple({ts.parameters(), ts.optimizer_state()}); }

// The largest difference, relative to the largest number of the tensor.
double distance(const Tree& a, const Tree& b) {
  double most = 0;
  const auto ours = tree::tensors(a), theirs = tree::tensors(b);
  for (size_t i = 0; i < ours.size(); ++i) {
    const Tensor x = ours[i].to(kFloat64), y = theirs[i].to(kFloat64);
    const double size = y.abs().max().item<double>();
    const double apart = (x - y).abs().max().item<double>();
    most = std::max(most, size > 0 ? apart / size : apart);
  }
  return most;
}

bool has_norms(const std::string& label) {
  return label.find("Norm(") != label.npos || label.find("LAMB") != label.npos;
}

std::vector<Optimizer> optimizers() {
  std::vector<Optimizer> all = every_kind();
  all.push_back(Scheduler(AdamW(), {.lr = schedule::Exp(0.1, 0.9)}));
  all.push_back(OptimizerGroups(Adam(0.01), {{"*.bias", Momentum(0.01)}}));
  all.push_back(
      OptimiserChain(ClipNorm(0.1, {.p = INFINITY}), ClipGlobalNorm(0.1, {.p = 1}), Lion()));
  return all;
}

}  // namespace

void rules(const Group& group, const Words& words) {
  const Dtype dtype = words.has("float64")    ? kFloat64
                      : words.has("bfloat16") ? kBFloat16
                                              : kFloat32;
  std::vector<std::string> wrong;
  for (const Optimizer& optimizer : optimizers()) {
    TrainState whole = start(group, optimizer, false, dtype),
               parts = start(group, optimizer, true, dtype);
    for (int64_t step = 0; step < 7; ++step) {
      for (TrainState* ts : {&whole, &parts}) {
        if (step == 3) freeze_(*ts, "layer_2.weight");
        if (step == 5) thaw_(*ts, "layer_2");
        single_train_step_(MSELoss(), batch_of(group, step, dtype), *ts);
      }
    }
    flush_gradients_(whole), flush_gradients_(parts);
    const Tree a = all_of(parts), b = all_of(whole);
    const std::string label = optimizer.label();
    const double limit = dtype == kFloat64 ? 1e-12 : dtype == kBFloat16 ? 1e-2 : 1e-5;
    const bool right = has_norms(label) ? distance(a, b) <= limit : tree::equal(a, b);
    if (!right || !all_equal(group, a)) wrong.push_back(label);
  }
  print_list("wrong", wrong);
}

void promises(const Group& group) {
  std::vector<std::string> wrong;
  const auto expect = [&](bool right, const char* what) {
    if (!right) wrong.emplace_back(what);
  };
  const auto batch = [&](int64_t step) { return batch_of(group, step, kFloat32); };
  const MSELoss loss;
  TrainState ts = start(group, Adam(0.01), true, kFloat32);
  TrainState whole = start(group, Adam(0.01), false, kFloat32);
  Ema average(0.9, ts), average_of_whole(0.9, whole);
  single_train_step_(loss, batch(0), ts), single_train_step_(loss, batch(0), whole);
  average.update_(ts), average_of_whole.update_(whole);
  expect(tree::equal(average.parameters(), average_of_whole.parameters()), "averages");

  const TrainState copy = ts;
  const Tree ps = ts.parameters(), moments = ts.optimizer_state();
  const Tree kept_ps = deep_copy(ps), kept_moments = deep_copy(moments);
  TrainState pure = single_train_step(loss, batch(1), ts).next;
  expect(tree::equal(ts.parameters(), kept_ps), "pure steps");
  single_train_step_(loss, batch(1), ts);
  expect(tree::equal(all_of(pure), all_of(ts)), "both kinds of step");
  expect(tree::equal(ps, kept_ps) && tree::equal(moments, kept_moments), "snapshots");
  expect(tree::equal(all_of(copy), tuple({kept_ps, kept_moments})), "copies");

  // Accumulation by the caller, and other numbers.
  for (TrainState* one : {&ts, &whole}) {
    if (one == &whole) single_train_step_(loss, batch(1), whole);
    adjust_(*one, {.lr = 0.02});
    const Tree first = deep_copy(compute_gradients_(loss, batch(2), *one).grads);
    const Tree second = compute_gradients_(loss, batch(3), *one).grads;
    apply_gradients_(*one, tree::zip([](const Tree& a,
                                        const Tree& b) -> Tree { return a.tensor() + b.tensor(); },
                                     first, second));
  }
  expect(tree::equal(all_of(ts), all_of(whole)), "accumulation");

  TrainState other = start(group, Adam(0.02), true, kFloat32);
  other.set_parameters_(ts.parameters());
  other.set_optimizer_state_(whole.optimizer_state());
  single_train_step_(loss, batch(4), other), single_train_step_(loss, batch(4), whole);
  expect(tree::equal(all_of(other), all_of(whole)), "a state that is set");

  // A clip that refuses leaves the moments of the stages before it.
  const Optimizer clipped = OptimiserChain(Momentum(0.1), ClipGlobalNorm(1));
  TrainState refusing = start(group, clipped, true, kFloat32);
  const Tree before = deep_copy(all_of(refusing));
  const Tree infinite = tree::map_tensors([](const Tensor& t) { return t / 0; }, kept_ps);
  try {
    apply_gradients_(refusing, infinite);
    wrong.emplace_back("an error");
  } catch (const ArgumentError&) {
  }
  expect(tree::equal(all_of(refusing), before), "a step that throws");
  print_list("wrong", wrong);
}

void moments(const Group& group, const Words& words) {
  const Layer model = Chain(Dense(100, 1000), Dense(1000, 100));
  auto [ps, st] = setup(Rng(1), model);
  const auto allocated = [&](const Optimizer& optimizer) {
    int64_t bytes = 0;
    const WatchedAllocations watched([&](size_t n) { bytes += static_cast<int64_t>(n); });
    const TrainState ts(model, ps, st, optimizer, words.options(group));
    return bytes;
  };
  int64_t parameters = 0;
  for (const Tensor& t : tree::tensors(ps)) parameters += static_cast<int64_t>(t.nbytes());
  allocated(Adam());  // what is allocated once
  print_list("bytes", {std::to_string(allocated(Adam()) - allocated(Descent())),
                       std::to_string(parameters)});
}

void refused(const Group& group) {
  std::vector<std::string> said;
  const Optimizer muon = OptimizerGroups(Adam(), {{"*.weight", Muon()}});
  for (const Optimizer& optimizer :
       {muon, Optimizer(SignDescent()), Optimizer(OptimiserChain(LossScale(), Adam()))}) {
    try {
      start(group, optimizer, true, kFloat32);
      said.emplace_back("nothing");
    } catch (const UnsupportedError& error) {
      said.emplace_back(error.what());
    }
  }
  print_list("said", said);
}

}  // namespace luxtorch::testing
