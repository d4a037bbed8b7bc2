#include "luxtorch_training.h"

#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>

#include "luxtorch/losses/loss.h"
#include "luxtorch/train/train_state.h"
#include "luxtorch/version.h"
#include "turns.h"

namespace bench {

using lux::named, lux::Tensor, lux::Tree;

namespace {

// f of the loss.
template <class F>
auto with_loss(Loss loss, F f) {
  switch (loss) {
    case Loss::binary:
      return f(lux::BinaryCrossEntropyLoss{});
    case Loss::next:
      return f(lux::CrossEntropyLoss{.logits = true});
    default:
      return f(lux::MSELoss{});
  }
}

Start training(const Model& model, const Tree& ps, const Tree& st, const Tree& batch,
               const Problem& p) {
  auto objective = with_loss(p.loss, [](auto loss) -> lux::Objective { return loss; });
  return [=, lr = p.lr] {
    struct State {
      lux::TrainState ts;
      double loss;
    };
    auto s = std::make_shared<State>(State{lux::TrainState(model.layer, ps, st, lux::Adam(lr)), 0});
    return Work{[=] { s->loss = single_train_step_(objective, batch, s->ts).loss.item<double>(); },
                [=] { return s->loss; }};
  };
}

Start forward(const Model& model, const Tree& ps, const Tree& st, const Tree& batch,
              const Problem& p) {
  return [=, kind = p.loss] {
    struct State {
      Tensor y;
      std::optional<double> loss;  // once: the output stays the same
    };
    auto s = std::make_shared<State>();
    return Work{[=] { s->y = lux::predict<Tensor>(model.layer, batch[0], ps, st); },
                [=] {
                  if (!s->loss) {
                    s->loss = with_loss(kind, [&](auto loss) {
                      return loss(s->y, batch[1].tensor()).template item<double>();
                    });
                  }
                  return *s->loss;
                }};
  };
}

}  // namespace

Tree recurrent_parameters(const LayerParameters& p) {
  return named({{"weight_ih", p.weight_ih},
                {"weight_hh", p.weight_hh},
                {"bias_ih", p.bias_ih},
                {"bias_hh", p.bias_hh}});
}

Tree head_parameters(const Problem& p) { return named({{"weight", p.weight}, {"bias", p.bias}}); }

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
    const Tree batch = lux::tuple({p.x, p.y});
    return train ? training(model, ps, st, batch, p) : forward(model, ps, st, batch, p);
  });
}

}  // namespace bench
