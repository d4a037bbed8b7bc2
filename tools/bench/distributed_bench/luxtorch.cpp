// luxtorch's side of distributed_bench: one of several processes, which team.py asks together.
//
//     join                    -> {"ns": from init to the end of the first barrier}
//     message step 4096 2 20  -> {"ns": [20 sums of 4096 bytes, after 2 to warm up]}; `sum` for Group::sum_
//     open FILE               -> {"parameters": how many}; the models and batch of problem.h, made anew
//     turn group 2 20         -> {"ns": [20 steps, after 2 to warm up], "values": [22 losses]}; `plain` without a group
//
// A process takes its part of the batch's rows.
#include <ATen/ops/zeros.h>

#include <chrono>
#include <exception>
#include <iomanip>
#include <iostream>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "group_backend.h"
#include "luxtorch/distributed/init.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/train/train_state.h"
#include "luxtorch/version.h"
#include "luxtorch_training.h"

namespace {

namespace lux = luxtorch;
using lux::Tensor, lux::Tree;
using Clock = std::chrono::steady_clock;

int64_t since(Clock::time_point begin) {
  return std::chrono::nanoseconds(Clock::now() - begin).count();
}

template <class T>
void print(const char* name, const std::vector<T>& values) {
  std::cout << '"' << name << "\": [";
  for (size_t i = 0; i < values.size(); ++i) std::cout << (i ? ", " : "") << values[i];
  std::cout << ']';
}

// The nanoseconds of each call after those that warm up.
template <class F>
std::vector<int64_t> timed(int warm, int times, const F& call) {
  std::vector<int64_t> ns;
  for (int i = -warm; i < times; ++i) {
    const auto begin = Clock::now();
    call();
    if (i >= 0) ns.push_back(since(begin));
  }
  return ns;
}

bench::Model model_of(const bench::Problem& p) {
  std::vector<lux::Layer> layers;
  std::vector<Tree::Item> parameters;
  for (int64_t l = 0; l < p.layers; ++l) {
    layers.emplace_back(lux::Recurrence(lux::LSTMCell(l ? p.hidden : p.inputs, p.hidden),
                                        {.return_sequence = l + 1 < p.layers}));
    parameters.emplace_back("layer_" + std::to_string(l + 1),
                            bench::recurrent_parameters(p.recurrent[static_cast<size_t>(l)]));
  }
  if (p.loss == bench::Loss::binary) {
    layers.emplace_back(lux::Dense(p.hidden, p.outputs, lux::sigmoid));
    parameters.emplace_back("layer_" + std::to_string(layers.size()), bench::head_parameters(p));
    layers.emplace_back([](const Tensor& y) { return y.squeeze(-1); });
  }
  return {lux::Chain(layers), lux::named(std::move(parameters))};
}

// Two trainings of one model, which begin alike.
struct Trainings {
  lux::TrainState plain, group;
  lux::Objective objective;
  Tree batch;  // this process' rows
};

Trainings trainings_of(const bench::Problem& p, const lux::Group& group) {
  if (p.cell != bench::Cell::lstm || p.loss == bench::Loss::next)
    throw std::runtime_error("expected a problem of LSTMs with a loss of their last output");
  const bench::Model model = model_of(p);
  auto [initial, st] = lux::setup(lux::Rng(0), model.layer);
  const Tree ps = merge(initial, model.parameters);
  const lux::Adam adam(p.lr);
  const int64_t begin = group.part().begin(p.batch), rows = group.part().end(p.batch) - begin;
  auto part = [&](const Tensor& all) { return all.narrow(0, begin, rows).contiguous(); };
  lux::Objective objective = p.loss == bench::Loss::binary
                                 ? lux::Objective(lux::BinaryCrossEntropyLoss())
                                 : lux::Objective(lux::MSELoss());
  return {lux::TrainState(model.layer, ps, st, adam),
          lux::TrainState(model.layer, ps, st, adam, {.group = group}), std::move(objective),
          lux::tuple({part(p.x), part(p.y)})};
}

class Member {
 public:
  // False for a word that it does not know.
  bool answer(const std::string& word) {
    std::cout << '{';
    if (word == "join") {
      join();
    } else if (word == "message") {
      message();
    } else if (word == "open") {
      open();
    } else if (word == "turn") {
      turn();
    } else {
      return false;
    }
    std::cout << '}' << std::endl;
    return true;
  }

 private:
  void join() {
    const auto begin = Clock::now();
    group_ = lux::distributed::init();
    group_.barrier();
    std::cout << "\"ns\": " << since(begin);
  }

  void message() {
    std::string kind;
    int64_t bytes = 0;
    int warm = 0, times = 0;
    std::cin >> kind >> bytes >> warm >> times;
    const Tensor t = at::zeros({bytes / 4}, at::TensorOptions().dtype(lux::kFloat32));
    group_.barrier();
    print("ns", timed(warm, times, [&] {
            if (kind == "step" && group_.backend()) {
              group_.backend()->step_(t);
            } else {
              group_.sum_(t);
            }
          }));
  }

  void open() {
    std::string file;
    std::cin >> std::ws;
    std::getline(std::cin, file);
    trainings_.reset();  // frees the last ones
    trainings_ = std::make_unique<Trainings>(trainings_of(bench::read_problem(file), group_));
    std::cout << "\"parameters\": " << lux::tree::numel(trainings_->plain.parameters());
  }

  void turn() {
    std::string kind;
    int warm = 0, steps = 0;
    std::cin >> kind >> warm >> steps;
    lux::TrainState& ts = kind == "group" ? trainings_->group : trainings_->plain;
    std::vector<double> values;
    group_.barrier();
    const auto ns = timed(warm, steps, [&] {
      values.push_back(
          single_train_step_(trainings_->objective, trainings_->batch, ts).loss.item<double>());
    });
    print("ns", ns);
    std::cout << ", ";
    print("values", values);
  }

  lux::Group group_;
  std::unique_ptr<Trainings> trainings_;
};

}  // namespace

int main() {
  std::cout << std::setprecision(std::numeric_limits<double>::max_digits10);
  std::cout << "{\"ready\": \"luxtorch " << lux::version() << ", LibTorch "
            << bench::torch_version() << "\", \"threads\": " << bench::torch_threads() << '}'
            << std::endl;
  Member member;
  std::string word;
  try {
    while (std::cin >> word) {
      if (!member.answer(word)) throw std::runtime_error("unknown question: " + word);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
