// One of several processes that train together; what it prints, training_test.py reads as JSON.
// training_program MODE [WORD]... + MODE [WORD]... Words choose options of the TrainState; each mode prints a line.
#include <functional>
#include <iostream>
#include <string>

#include "distributed/training_modes.h"
#include "luxtorch/luxtorch.h"

namespace luxtorch::testing {

bool Words::has(const std::string& word) const { return std::ranges::find(all, word) != all.end(); }

TrainStateOptions Words::options(const Group& group) const {
  TrainStateOptions o{.check_every = 1};
  if (!has("no_group")) o.group = group;
  o.shard_optimizer = has("shard");
  if (has("bfloat16")) o.message_dtype = kBFloat16;
  if (has("float16")) o.message_dtype = kFloat16;
  // Each process that has rows counts alike: what averaging the processes' gradients would give.
  if (has("plain_mean")) o.weight = [](const Tree&) { return 1.0; };
  if (has("sum")) o.combine = Combine::sum;
  return o;
}

void print_list(const std::string& name, const std::vector<std::string>& values) {
  std::cout << "{\"" << name << "\": [";
  for (size_t i = 0; i < values.size(); ++i)
    std::cout << (i ? ", " : "") << "\"" << values[i] << "\"";
  std::cout << "]}" << std::endl;
}

namespace {

Layer model_of(const std::string& name, const Group& group = {}) {
  const auto flat = [](const Tensor& y) { return y.squeeze(-1); };
  if (name == "lstm")
    return Chain(Recurrence(LSTMCell(2, 8)), Dense(8, 1, luxtorch::sigmoid), flat);
  if (name == "gru") return Chain(Recurrence(GRUCell(2, 8)), Dense(8, 1, luxtorch::sigmoid), flat);
  if (name == "carry")
    return Chain(StatefulRecurrentCell(LSTMCell(2, 8)), Dense(8, 1, luxtorch::sigmoid), flat);
  if (name == "norm")
    return Chain(Dense(2, 16), BatchNorm(16, luxtorch::tanh, {.group = group}),
                 Dense(16, 1, luxtorch::sigmoid), flat);
  return Chain(Dense(2, 16, luxtorch::tanh), Dense(16, 1, luxtorch::sigmoid), flat);
}

Tree data_of(const std::string& name, int64_t n) {
  auto [x, y] = data::spirals(Rng(7), n, 20, {});
  if (name == "lstm" || name == "gru") return tuple({x, y});
  auto [points, moons] = data::make_moons(Rng(7), n, 0.1);
  return tuple({points.to(kFloat32), moons.to(kFloat32)});
}

// curve MODEL BATCH: the losses of 50 steps.
void curve(const Group& group, const Words& words) {
  const std::string name = words.all.at(0);
  const Layer model = model_of(name, group);
  auto [ps, st] = setup(Rng(1), model);
  const Optimizer optimizer =
      words.has("clipped")
          ? Optimizer(OptimiserChain(ClipNorm(0.05), ClipGlobalNorm(0.06), Adam(0.01)))
          : Optimizer(Adam(0.01));
  TrainState ts(model, ps, st, optimizer, words.options(group));
  if (words.has("frozen")) freeze_(ts, "layer_1");
  DataLoader loader(
      data_of(name, 300),
      {.batch_size = std::stoll(words.all.at(1)), .shuffle = name != "carry", .part = group.part()},
      Rng(3));
  const BinaryCrossEntropyLoss loss{.agg = words.has("sum") ? Agg::sum : Agg::mean};
  std::cout.precision(17);
  std::cout << "{\"losses\": [";
  while (ts.step < 50) {
    for (const Tree& batch : loader) {
      std::cout << (ts.step ? ", " : "") << single_train_step_(loss, batch, ts).loss.item<double>();
      if (ts.step == 50) break;
    }
  }
  std::cout << "], \"hash\": \"" << hash(tuple({ts.parameters(), ts.optimizer_state()})) << "\"}"
            << std::endl;
}

// checkpoint FOLDER STEPS: goes on from the newest checkpoint. Each batch is one row, which one process has: so the
// numbers are those of any number of processes.
void checkpoint(const Group& group, const Words& words) {
  const Layer model = model_of("dense");
  auto [ps, st] = setup(Rng(1), model);
  TrainState ts(model, ps, st, OptimiserChain(AccumGrad(2), WeightDecay(0.01), Adam(0.01)),
                words.options(group));
  DataLoader loader(data_of("dense", 300), {.batch_size = 1, .shuffle = true, .part = group.part()},
                    Rng(3));
  const CheckpointFolder run(words.all.at(0), {.group = group});
  const auto found = run.resume();
  if (found.checkpoint) {
    found.checkpoint->restore_(ts);
    loader.set_position_(found.checkpoint->data);
  }
  const int64_t until = ts.step + std::stoll(words.all.at(1));
  for (const Tree& batch : loader) {
    single_train_step_(BinaryCrossEntropyLoss(), batch, ts);
    if (ts.step < until) continue;
    run.save(ts, {.data = loader.position()});
    break;
  }
  print_list("hashes", {hash(ts.parameters()), hash(ts.optimizer_state())});
}

// Rank 1 does something that the others do not.
void trouble(const Group& group, const Words& words) {
  const bool other = group.rank() == 1;
  const Layer model = model_of("dense");
  auto [ps, st] = setup(Rng(1), model);
  TrainStateOptions options = words.options(group);
  if (words.has("options") && other) options.shard_optimizer = true;
  const Optimizer optimizer = words.has("scaled")
                                  ? Optimizer(OptimiserChain(LossScale(), Adam(0.01)))
                                  : Optimizer(Adam(0.01));
  TrainState ts(model, ps, st, optimizer, options);
  const Tree batch = data_of("dense", 16);
  const double factor = words.has("huge") && other ? 1e30 : 1;
  const Objective loss = [&](const Layer& m, const Tree& p, const Tree& s, const Tree& b) {
    LossOut out = Objective(BinaryCrossEntropyLoss())(m, p, s, b);
    out.loss = out.loss * factor;
    return out;
  };
  if (words.has("save")) {
    CheckpointFolder(words.all.at(1)).save(ts);
    return;
  }
  for (int step = 0; step < 3; ++step) {
    if (words.has("changes") && other && step == 1)
      ts.set_parameters_(
          ts.parameters().with("layer_2.bias", ts.parameters().at("layer_2.bias").tensor() + 1));
    const Tree grads = compute_gradients_(loss, batch, ts).grads;
    if (words.has("leaves") && other) return;
    apply_gradients_(ts, grads);
  }
  print_list("hashes", {hash(ts.parameters())});
}

// A message that brings the parameters of some processes only leaves a TrainState that says so.
void broken(const Group& group) {
  const Layer model = model_of("dense");
  auto [ps, st] = setup(Rng(1), model);
  TrainState ts(model, ps, st, Adam(0.01), {.group = group, .shard_optimizer = true});
  const TrainState before = ts;
  const Tree grads = compute_gradients_(BinaryCrossEntropyLoss(), data_of("dense", 16), ts).grads;
  if (group.rank() == 1) return;
  std::vector<std::string> said;
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { apply_gradients_(ts, grads); }, [&] { (void)ts.parameters(); },
           [&] { (void)ts.optimizer_state(); }, [&] { apply_gradients_(ts, grads); }}) {
    try {
      call();
      said.push_back("nothing");
    } catch (const DistributedError&) {
      said.push_back("DistributedError");
    }
  }
  said.push_back(tree::equal(before.parameters(), ps) ? "as before" : "changed");
  print_list("said", said);
}

void run(const Group& group, const std::string& mode, const Words& words) {
  if (mode == "curve") curve(group, words);
  if (mode == "checkpoint") checkpoint(group, words);
  if (mode == "trouble") trouble(group, words);
  if (mode == "broken") broken(group);
  if (mode == "rules") rules(group, words);
  if (mode == "promises") promises(group);
  if (mode == "moments") moments(group, words);
  if (mode == "refused") refused(group);
}

}  // namespace

}  // namespace luxtorch::testing

int main(int count, char** arguments) {
  using namespace luxtorch;
  return testing::run_process([&](const Group& group) {
    for (const auto& call : testing::calls_in_turn(count, arguments))
      testing::run(group, call.at(0), {.all = {call.begin() + 1, call.end()}});
  });
}
