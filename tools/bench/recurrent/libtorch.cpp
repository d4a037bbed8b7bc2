// LibTorch itself, in C++, with its own modules, autograd and torch::optim::Adam:
//
//     libtorch module      torch::nn::LSTM (GRU, RNN) over the whole sequence
//     libtorch cells       a loop over torch::nn::LSTMCell (GRUCell, RNNCell)
//
// Two competitors in one file: torch::nn's headers take half a minute to compile.
#include <ATen/ops/binary_cross_entropy.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/mse_loss.h>
#include <c10/core/InferenceMode.h>
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
using bench::Loss;

template <class Recurrent>
struct Model : torch::nn::Module {
  Loss loss;
  Recurrent recurrent;
  torch::nn::Linear head = nullptr;

  // suffix: what the parameters' names of layer i end on.
  Model(const bench::Problem& p, Recurrent r, const std::function<std::string(size_t)>& suffix)
      : loss(p.loss), recurrent(register_module("recurrent", r)) {
    const at::NoGradGuard no_grad;
    auto parameters = recurrent->named_parameters();
    for (size_t i = 0; i < p.recurrent.size(); ++i) {
      parameters["weight_ih" + suffix(i)].copy_(p.recurrent[i].weight_ih);
      parameters["weight_hh" + suffix(i)].copy_(p.recurrent[i].weight_hh);
      parameters["bias_ih" + suffix(i)].copy_(p.recurrent[i].bias_ih);
      parameters["bias_hh" + suffix(i)].copy_(p.recurrent[i].bias_hh);
    }
    if (p.outputs == 0) return;
    head = register_module("head", torch::nn::Linear(p.hidden, p.outputs));
    head->weight.copy_(p.weight);
    head->bias.copy_(p.bias);
  }
  // h: every step's output, or the last.
  Tensor finish(const Tensor& h) {
    if (loss == Loss::binary) return head(h).sigmoid().squeeze(-1);
    return head ? head(h) : h;
  }
};

template <class Recurrent, class Options>
struct OverSequence : Model<Recurrent> {
  explicit OverSequence(const bench::Problem& p)
      : Model<Recurrent>(
            p, Recurrent(Options(p.inputs, p.hidden).num_layers(p.layers).batch_first(true)),
            [](size_t i) { return "_l" + std::to_string(i); }) {}

  Tensor forward(const Tensor& x) {
    auto h = std::get<0>(this->recurrent(x));
    return this->finish(this->loss == Loss::next ? h : h.select(1, -1));
  }
};

template <class Cell>
struct OverSteps : Model<Cell> {
  explicit OverSteps(const bench::Problem& p)
      : Model<Cell>(p, Cell(p.inputs, p.hidden), [](size_t) { return ""; }) {
    if (p.layers != 1 || p.every_step())
      throw std::runtime_error("a loop over a cell is written for one layer and its last output");
  }

  Tensor forward(const Tensor& x) {
    auto steps = x.unbind(1);
    auto carry = this->recurrent(steps[0]);
    for (size_t t = 1; t < steps.size(); ++t) carry = this->recurrent(steps[t], carry);
    if constexpr (std::is_same_v<decltype(carry), Tensor>) {
      return this->finish(carry);
    } else {
      return this->finish(std::get<0>(carry));
    }
  }
};

Tensor loss_of(Loss loss, const Tensor& y_hat, const Tensor& y) {
  switch (loss) {
    case Loss::binary:
      return at::binary_cross_entropy(y_hat, y);
    case Loss::next:
      return at::cross_entropy_loss(y_hat.flatten(0, 1), y.flatten());
    default:
      return at::mse_loss(y_hat, y);
  }
}

template <class M>
bench::Start open(const bench::Problem& p, bool train) {
  const Tensor x = dense_input(p);
  if (!train) {
    return [p, x] {
      auto model = std::make_shared<M>(p);
      auto y = std::make_shared<Tensor>();
      auto step = [=] {
        const c10::InferenceMode inference;
        *y = model->forward(x);
      };
      auto value = [=] {
        const c10::InferenceMode inference;
        return loss_of(p.loss, *y, p.y).template item<double>();
      };
      return bench::Work{step, value};
    };
  }
  return [p, x] {
    auto model = std::make_shared<M>(p);
    auto optimizer =
        std::make_shared<torch::optim::Adam>(model->parameters(), torch::optim::AdamOptions(p.lr));
    auto value = std::make_shared<double>();
    auto step = [=] {
      optimizer->zero_grad();
      auto loss = loss_of(p.loss, model->forward(x), p.y);
      loss.backward();
      optimizer->step();
      *value = loss.template item<double>();
    };
    return bench::Work{step, [=] { return *value; }};
  };
}

bench::Start open(const bench::Problem& p, bool whole, bool train) {
  using namespace torch::nn;
  switch (p.cell) {
    case bench::Cell::lstm:
      return whole ? open<OverSequence<LSTM, LSTMOptions>>(p, train)
                   : open<OverSteps<LSTMCell>>(p, train);
    case bench::Cell::gru:
      return whole ? open<OverSequence<GRU, GRUOptions>>(p, train)
                   : open<OverSteps<GRUCell>>(p, train);
    default:
      return whole ? open<OverSequence<RNN, RNNOptions>>(p, train)
                   : open<OverSteps<RNNCell>>(p, train);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view way = argc == 2 ? argv[1] : "";
  if (way != "module" && way != "cells") {
    std::cerr << "libtorch module|cells\n";
    return 1;
  }
  return bench::take_turns("LibTorch " + bench::torch_version(), bench::torch_threads(),
                           [&](const std::string& file, bool train) {
                             return open(bench::read_problem(file), way == "module", train);
                           });
}
