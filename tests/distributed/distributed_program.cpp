// One of several processes; what it prints, processes_test.py reads as JSON.
// distributed_program MODE [ARGUMENT] + MODE [ARGUMENT]...
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "distributed/process.h"
#include "luxtorch/luxtorch.h"

using namespace luxtorch;

namespace {

std::string argument;

Layer spiral_model() {
  return Chain(Recurrence(LSTMCell(2, 8)), Dense(8, 1, luxtorch::sigmoid),
               [](const Tensor& y) { return y.squeeze(-1); });
}

Layer normalized_model() {
  return Chain(Dense(2, 16), BatchNorm(16), relu, Dropout(0.3), Dense(16, 1, luxtorch::sigmoid),
               [](const Tensor& y) { return y.squeeze(-1); });
}

Layer whole_batch_model(const Group& group) {
  return Chain(Dense(2, 16), BatchNorm(16, relu, {.group = group}), Dense(16, 1, luxtorch::sigmoid),
               [](const Tensor& y) { return y.squeeze(-1); });
}

Tree spirals(int64_t n) {
  auto [x, y] = data::spirals(Rng(7), n, 20, {});
  return tuple({x, y});
}

Tree points(int64_t n) {
  auto [x, y] = data::make_moons(Rng(7), n, 0.1);
  return tuple({x.to(kFloat32), y.to(kFloat32)});
}

template <class F>
void print(const std::string& name, const std::vector<double>& values, const F& more) {
  std::cout.precision(17);
  std::cout << "{\"" << name << "\": [";
  for (size_t i = 0; i < values.size(); ++i) std::cout << (i ? ", " : "") << values[i];
  std::cout << "]";
  more();
  std::cout << "}" << std::endl;
}

void say(const std::string& key, const std::string& value) {
  std::cout << ", \"" << key << "\": \"" << value << "\"";
}

// Losses of a training; all processes must have the same bits after each step.
void train(const Group& group, const Layer& model, const Tree& data, int64_t batch_size,
           int64_t steps) {
  auto [ps, st] = setup(Rng(1 + static_cast<uint64_t>(group.rank())), model);  // rank 0's count
  TrainState ts(model, ps, st, Adam(0.01), {.group = group});
  const BinaryCrossEntropyLoss loss;
  DataLoader loader(data, {.batch_size = batch_size, .shuffle = true, .part = group.part()},
                    Rng(3));
  std::vector<double> losses;
  bool same = true;
  while (ts.step < steps) {
    for (const Tree& batch : loader) {
      losses.push_back(single_train_step_(loss, batch, ts).loss.item<double>());
      same = same && all_equal(group, tuple({ts.parameters(), ts.states(), ts.optimizer_state()}));
      if (ts.step == steps) break;
    }
  }
  print("losses", losses, [&] {
    say("hash", testing::hash(ts.parameters()));
    say("same", same ? "yes" : "no");
  });
}

// Losses of local steps with an average after every fifth one, after which all processes must have the same bits.
void train_alone(const Group& group, std::optional<Dtype> message_dtype) {
  const Layer model = normalized_model();
  auto [ps, st] = setup(Rng(1), model);
  TrainState ts(model, ps, st, Adam(0.01));
  LocalSteps local(group, 5, ts, {.message_dtype = message_dtype});
  DataLoader loader(points(300), {.batch_size = 100, .shuffle = true, .part = group.part()},
                    Rng(3));
  std::vector<double> losses;
  bool same = true;
  while (ts.step < 60) {
    for (const Tree& batch : loader) {
      losses.push_back(single_train_step_(BinaryCrossEntropyLoss(), batch, ts).loss.item<double>());
      if (local.update_(ts))
        same = same && all_equal(group, tuple({ts.parameters(), ts.states()["layer_2"]}));
    }
  }
  print("losses", losses, [&] { say("same", same ? "yes" : "no"); });
}

void calls(const Group& group) {
  const double rank = static_cast<double>(group.rank()), n = static_cast<double>(group.size());
  std::vector<double> wrong;
  auto expect = [&](double number, double got, double wanted) {
    if (got != wanted) wrong.push_back(number);
  };
  expect(1, group.sum(tensor({rank + 1})).item<double>(), n * (n + 1) / 2);
  expect(2, group.max(tensor({rank})).item<double>(), n - 1);
  expect(3, group.min(tensor({rank})).item<double>(), 0);
  const Tree sums = group.sum(
      named({{"a", 0.5}, {"b", group.rank()}, {"t", tensor({1.0f, 2.0f})}, {"s", "own"}}));
  expect(4, sums["a"].scalar<double>(), n / 2);
  expect(5, static_cast<double>(sums["b"].scalar<int64_t>()), n * (n - 1) / 2);
  expect(6, sums["t"].tensor().sum().item<double>(), 3 * n);
  // Only rank 0 has weight: the others' NaN does not count.
  const Tree mean =
      group.mean(named({{"x", group.is_root() ? 3.0 : std::nan("")}}), group.is_root() ? 2 : 0);
  expect(7, mean["x"].scalar<double>(), 3);
  const int64_t last = group.size() - 1;
  const Tree sent =
      named({{"text", "from " + std::to_string(group.rank())}, {"t", tensor({rank})}});
  const Tree got = group.broadcast(group.rank() == last ? sent : Tree(), last);
  expect(8, got["t"].tensor().item<double>(), n - 1);
  expect(9, got["text"].scalar<std::string>() == "from " + std::to_string(last), 1);
  const auto all =
      group.gather(tuple(std::vector<Tree>(static_cast<size_t>(group.rank()), Tree(1))));
  for (size_t r = 0; r < all.size(); ++r)
    expect(10, static_cast<double>(all[r].size()), static_cast<double>(r));
  const Tensor gathered = group.all_gather(tensor({rank, -rank}));
  expect(11, gathered[2 * last].item<double>(), n - 1);
  const Tensor part = group.reduce_scatter(ones({2 * group.size()}) * (rank + 1));
  expect(12, part.sum().item<double>(), n * (n + 1));
  const Group half = group.split(group.rank() % 2);
  expect(13, static_cast<double>(half.size()),
         static_cast<double>((group.size() + 1 - group.rank() % 2) / 2));
  expect(14, half.sum(tensor({1.0})).item<double>(), static_cast<double>(half.size()));
  expect(15, all_equal(group, Tree(1)), 1);
  expect(16, all_equal(group, Tree(group.rank())), 0);
  group.barrier();
  print("wrong", wrong, [] {});
}

void checkpoints(const Group& group) {
  const Layer model = spiral_model();
  auto [ps, st] = setup(Rng(1), model);
  TrainState ts(model, ps, st, Adam(0.01), {.group = group});
  const BinaryCrossEntropyLoss loss;
  DataLoader loader(spirals(200), {.batch_size = 64, .shuffle = true, .part = group.part()},
                    Rng(3));
  // A folder of its own: only rank 0's may be read or made.
  const CheckpointFolder run(group.is_root() ? argument : "/nowhere/but/at/the/root",
                             {.group = group});
  const auto found = run.resume();
  if (found.checkpoint) {
    found.checkpoint->restore_(ts);
    loader.set_position_(found.checkpoint->data);
  }
  const int64_t from = ts.step, until = from + 6;
  std::vector<double> losses;
  while (ts.step < until) {
    for (const Tree& batch : loader) {
      losses.push_back(single_train_step_(loss, batch, ts).loss.item<double>());
      if (ts.step == until) break;
    }
  }
  run.save(ts, {.data = loader.position()});
  print("losses", losses, [&] {
    say("from", std::to_string(from));
    say("hash", testing::hash(ts.parameters()));
  });
}

// Rank 1 makes another loader.
void loaders(const Group& group) {
  const bool other = group.rank() == 1;
  data::DataLoaderOptions options{.batch_size = 64, .shuffle = true, .part = group.part()};
  if (argument == "batch_size" && other) options.batch_size = 65;
  const Tree data = spirals(argument == "rows" && other ? 199 : 200);
  const DataLoader loader(data, options, Rng(argument == "rng" && other ? 4 : 3));
}

// Rank 1 does something else at step 3.
void trouble(const Group& group) {
  const Layer model = spiral_model();
  auto [ps, st] = setup(Rng(1), model);
  const bool other = group.rank() == 1;
  Layer trained = model;
  if (argument == "model" && other) {
    trained = Chain(Dense(2, 3), Dense(3, 1));
    std::tie(ps, st) = setup(Rng(1), trained);
  }
  TrainState ts(trained, ps, st,
                argument == "optimizer" && other ? Optimizer(Adam(0.5)) : Optimizer(Adam(0.01)),
                {.group = group});
  int64_t calls = 0;
  const Objective loss = [&](const Layer& m, const Tree& p, const Tree& s, const Tree& batch) {
    if (argument == "throw" && other && ++calls == 3)
      throw ArgumentError("Mine", "expected luck, got none.");
    return Objective(BinaryCrossEntropyLoss())(m, p, s, batch);
  };
  Tree batch = spirals(16);
  if (argument == "nan" && other)
    batch = tuple({batch[0].tensor() * std::nan(""), batch[1].tensor()});
  for (int step = 0; step < 1000; ++step) {
    if (other && step == 3) {
      if (argument == "kill") std::raise(SIGKILL);
      if (argument == "stop") std::raise(SIGSTOP);
      if (argument == "leave") return;
      if (argument == "barrier") group.barrier();
    }
    single_train_step_(loss, batch, ts);
    if (step == 2) std::cerr << "trains" << std::endl;
  }
}

void run(const Group& group, const std::string& mode) {
  if (mode == "calls") calls(group);
  if (mode == "spiral") train(group, spiral_model(), spirals(300), std::stoll(argument), 50);
  if (mode == "norm") train(group, normalized_model(), points(300), std::stoll(argument), 10);
  if (mode == "whole_norm")
    train(group, whole_batch_model(group), points(300), std::stoll(argument), 50);
  if (mode == "local") train_alone(group, {});
  if (mode == "local16") train_alone(group, argument == "half" ? kFloat16 : kBFloat16);
  if (mode == "checkpoint") checkpoints(group);
  if (mode == "loaders") loaders(group);
  if (mode == "trouble") trouble(group);
  if (mode == "other_call") group.rank() == 0 ? (void)group.sum(tensor({1.0})) : group.barrier();
  if (mode == "other_size") group.sum(zeros({group.rank() + 1}));
  if (mode == "other_reduction") group.is_root() ? group.sum(zeros({1})) : group.max(zeros({1}));
  if (mode == "other_root") group.broadcast(Tree(1), group.rank());
  if (mode == "other_agreement")
    group.is_root() ? (void)synchronize(group, Tree(1)) : group.barrier();
}

}  // namespace

int main(int count, char** arguments) {
  const char* timeout = std::getenv("TEST_TIMEOUT_MS");
  const auto most = std::chrono::milliseconds(timeout ? std::stoi(timeout) : 60000);
  return testing::run_process(
      [&](const Group& group) {
        for (const auto& call : testing::calls_in_turn(count, arguments)) {
          argument = call.size() > 1 ? call[1] : "";
          run(group, call.at(0));
        }
      },
      most);
}
