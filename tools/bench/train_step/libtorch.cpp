// LibTorch itself, in C++, with its own modules, autograd and torch::optim::Adam:
//
//     libtorch PROBLEM module      torch::nn::LSTM (GRU, RNN) over the whole sequence
//     libtorch PROBLEM cells       a loop over torch::nn::LSTMCell (GRUCell, RNNCell)
//
// Two competitors in one file: torch::nn's headers take half a minute to compile.
#include <ATen/ops/binary_cross_entropy.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>
#include <torch/optim/adam.h>

#include <iostream>
#include <memory>
#include <stdexcept>
#include <string_view>

#include "problem.h"
#include "turns.h"

namespace {

using at::Tensor;

template <class CellModule>
struct Classifier : torch::nn::Module {
  CellModule cell;
  torch::nn::Linear head;

  Classifier(const bench::Problem& p, CellModule c, const std::string& suffix)
      : cell(register_module("cell", c)),
        head(register_module("head", torch::nn::Linear(p.hidden, 1))) {
    const at::NoGradGuard no_grad;
    auto parameters = cell->named_parameters();
    parameters["weight_ih" + suffix].copy_(p.weight_ih);
    parameters["weight_hh" + suffix].copy_(p.weight_hh);
    parameters["bias_ih" + suffix].copy_(p.bias_ih);
    parameters["bias_hh" + suffix].copy_(p.bias_hh);
    head->weight.copy_(p.weight);
    head->bias.copy_(p.bias);
  }
  Tensor classify(const Tensor& h) { return head(h).sigmoid().squeeze(-1); }
};

template <class Recurrent, class Options>
struct OverSequence : Classifier<Recurrent> {
  explicit OverSequence(const bench::Problem& p)
      : Classifier<Recurrent>(p, Recurrent(Options(p.inputs, p.hidden).batch_first(true)), "_l0") {}

  Tensor forward(const Tensor& x) {
    return this->classify(std::get<0>(this->cell(x)).select(1, -1));
  }
};

template <class Cell>
struct OverSteps : Classifier<Cell> {
  explicit OverSteps(const bench::Problem& p) : Classifier<Cell>(p, Cell(p.inputs, p.hidden), "") {}

  Tensor forward(const Tensor& x) {
    auto steps = x.unbind(1);
    auto carry = this->cell(steps[0]);
    for (size_t t = 1; t < steps.size(); ++t) carry = this->cell(steps[t], carry);
    if constexpr (std::is_same_v<decltype(carry), Tensor>) {
      return this->classify(carry);
    } else {
      return this->classify(std::get<0>(carry));
    }
  }
};

template <class Model>
int train(const bench::Problem& p) {
  auto about = "LibTorch " + bench::torch_version();
  return bench::take_turns(about, bench::torch_threads(), [&]() -> bench::Step {
    auto model = std::make_shared<Model>(p);
    auto optimizer = std::make_shared<torch::optim::Adam>(
        model->parameters(), torch::optim::AdamOptions(bench::kAdamLr));
    return [&p, model, optimizer] {
      optimizer->zero_grad();
      auto loss = at::binary_cross_entropy(model->forward(p.x), p.y);
      loss.backward();
      optimizer->step();
      return loss.template item<double>();
    };
  });
}

}  // namespace

int main(int argc, char** argv) {
  using namespace torch::nn;
  try {
    const std::string_view way = argc == 3 ? argv[2] : "";
    if (way != "module" && way != "cells")
      throw std::runtime_error("libtorch PROBLEM module|cells");
    const auto p = bench::read_problem(argv[1]);
    const bool whole = way == "module";
    switch (p.cell) {
      case bench::Cell::lstm:
        return whole ? train<OverSequence<LSTM, LSTMOptions>>(p) : train<OverSteps<LSTMCell>>(p);
      case bench::Cell::gru:
        return whole ? train<OverSequence<GRU, GRUOptions>>(p) : train<OverSteps<GRUCell>>(p);
      case bench::Cell::rnn:
        return whole ? train<OverSequence<RNN, RNNOptions>>(p) : train<OverSteps<RNNCell>>(p);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
  }
  return 1;
}
