#include "luxtorch_training.h"

#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "luxtorch/train/loss.h"
#include "luxtorch/train/train_state.h"
#include "luxtorch/version.h"
#include "turns.h"

namespace bench {

using lux::named, lux::Tensor, lux::Tree;

namespace {

lux::Objective objective(Loss loss) {
  switch (loss) {
    case Loss::binary:
      return lux::BinaryCrossEntropyLoss{};
    case Loss::next:
      return lux::CrossEntropyLoss{.logits = true};
    default:
      return lux::MSELoss{};
  }
}

Start training(const Model& model, const Tree& ps, const Tree& st, const Tree& batch,
               const lux::Objective& objective, double lr) {
  return [=] {
    struct State {
      lux::TrainState ts;
      double loss;
    };
    auto s = std::make_shared<State>(lux::TrainState(model.layer, ps, st, lux::Adam(lr)), 0);
    return Work{[=] { s->loss = single_train_step_(objective, batch, s->ts).loss.item<double>(); },
                [=] { return s->loss; }};
  };
}

Start forward(const Model& model, const Tree& ps, const Tree& st, const Tree& batch,
              const lux::Objective& objective) {
  const double loss = [&] {
    return objective(model.layer, ps, testmode(st), batch).loss.item<double>();
  }();
  return [=] {
    auto y = std::make_shared<Tensor>();
    return Work{[=] { *y = lux::predict<Tensor>(model.layer, batch[0], ps, st); },
                [=] { return loss; }};
  };
}

}  // namespace

Tree recurrent_parameters(const LayerParameters& p) {
  return named({{"weight_ih", p.weight_ih},
                {"weight_hh", p.weight_hh},
                {"bias_ih", p.bias_ih},
                {"bias_hh", p.bias_hh}});
}

Tree head_parameters(const Problem& p) {
  return named({{"weight", p.weight}, {"bias", p.bias}});
}

void expect_one_layer_and_its_last_output(const Problem& p) {
  if (p.layers != 1 || p.loss != Loss::binary)
    throw std::runtime_error("a loop over a cell is written for one layer and its last output");
}

int run_luxtorch(const std::function<Model(const Problem&)>& make) {
  const auto about = std::string("luxtorch ") + lux::version() + ", LibTorch " + torch_version();
  return take_turns(about, torch_threads(), [&](const std::string& file, bool train) -> Start {
    const Problem p = read_problem(file);
    const Model model = make(p);
    auto [initial, st] = lux::setup(lux::Rng(0), model.layer);
    const Tree ps = merge(initial, model.parameters);
    const Tree batch = lux::tuple({dense_input(p), p.y});
    if (train) return training(model, ps, st, batch, objective(p.loss), p.lr);
    return forward(model, ps, st, batch, objective(p.loss));
  });
}

}  // namespace bench
