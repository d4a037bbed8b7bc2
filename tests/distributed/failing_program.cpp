// One of several processes, of which one ends at a chosen place; failures_test.py starts them.
//
//     failing_program train STEPS                    trains, and prints its losses and the parameters' hash as JSON
//     failing_program endless PLACE STEP RANK FOLDER trains on; the process of this rank prints a line when it comes to the
//                                                    place, to be killed by whoever reads it
//     failing_program exits STEP                     the last process leaves by _exit(0) after this step
//     failing_program throws STEP RANK               the objective of this rank throws at this step
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "distributed/process.h"
#include "luxtorch/luxtorch.h"

using namespace luxtorch;

namespace {

struct Training {
  Group group;
  Layer model = Chain(Recurrence(LSTMCell(2, 8)), Dense(8, 1, luxtorch::sigmoid),
                      [](const Tensor& y) { return y.squeeze(-1); });
  DataLoader loader;
  TrainState ts;

  static Tree data() {
    auto [x, y] = data::spirals(Rng(7), 300, 20, {});
    return tuple({x, y});
  }
  explicit Training(const Group& group)
      : group(group),
        loader(data(), {.batch_size = 128, .shuffle = true, .part = group.part()}, Rng(3)),
        ts(model, setup(Rng(1), model).first, setup(Rng(1), model).second, Adam(0.01),
           {.group = group}) {}

  template <class F>
  void steps(int64_t count, const Objective& objective, const F& after) {
    while (ts.step < count) {
      for (const Tree& batch : loader) {
        after(single_train_step_(objective, batch, ts).loss.item<double>());
        if (ts.step == count) return;
      }
    }
  }
};

void train(const Group& group, int64_t count) {
  Training t(group);
  std::cout.precision(17);
  std::cout << "{\"losses\": [";
  t.steps(count, BinaryCrossEntropyLoss(),
          [&](double loss) { std::cout << (t.ts.step > 1 ? ", " : "") << loss; });
  std::cout << "], \"hash\": \"" << testing::hash(t.ts.parameters()) << "\"}" << std::endl;
}

// Says once that this process is there, and goes on.
void endless(const Group& group, const std::string& place, int64_t step, int64_t rank,
             const std::string& folder) {
  bool said = false;
  const auto at = [&](const std::string& here, int64_t steps) {
    if (said || here != place || steps < step || group.rank() != rank) return;
    said = true;
    std::cout << here << std::endl;
  };
  at("start", step);
  Training t(group);
  const CheckpointFolder run(folder, {.group = group});
  const Objective objective = [&](const Layer& m, const Tree& ps, const Tree& st,
                                  const Tree& batch) {
    at("objective", t.ts.step);
    return Objective(BinaryCrossEntropyLoss())(m, ps, st, batch);
  };
  t.steps(1'000'000'000, objective, [&](double loss) {
    at("step", t.ts.step);
    if (t.ts.step % 2 == 0) {
      at("evaluation", t.ts.step);
      (void)group.mean(named({{"loss", loss}}));
    }
    if (t.ts.step % 3 == 0) {
      at("checkpoint", t.ts.step);
      run.save(t.ts, {.data = t.loader.position()});
    }
  });
}

void exits(const Group& group, int64_t step) {
  Training t(group);
  t.steps(step + 1, BinaryCrossEntropyLoss(), [&](double) {
    if (t.ts.step == step && group.rank() == group.size() - 1) _exit(0);
  });
}

void throws(const Group& group, int64_t step, int64_t rank) {
  Training t(group);
  const Objective objective = [&](const Layer& m, const Tree& ps, const Tree& st,
                                  const Tree& batch) {
    if (t.ts.step == step && group.rank() == rank)
      throw ArgumentError("Mine", "expected luck, got none.");
    return Objective(BinaryCrossEntropyLoss())(m, ps, st, batch);
  };
  t.steps(step + 1, objective, [](double) {});
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  return testing::run_process([&](const Group& group) {
    if (words.at(0) == "train") train(group, std::stoll(words.at(1)));
    if (words.at(0) == "endless")
      endless(group, words.at(1), std::stoll(words.at(2)), std::stoll(words.at(3)), words.at(4));
    if (words.at(0) == "exits") exits(group, std::stoll(words.at(1)));
    if (words.at(0) == "throws") throws(group, std::stoll(words.at(1)), std::stoll(words.at(2)));
  });
}
