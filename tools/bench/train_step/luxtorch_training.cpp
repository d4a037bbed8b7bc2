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

using lux::named;

int train_luxtorch(int argc, char** argv, const std::string& cell, const std::string& classifier,
                   const std::function<lux::Layer(const Problem&)>& make) {
  try {
    if (argc != 2) throw std::runtime_error("expected one argument, the problem's file");
    const Problem p = read_problem(argv[1]);
    const lux::Layer model = make(p);
    auto [ps, st] = lux::setup(lux::Rng(0), model);
    ps = merge(ps, named({{cell, named({{"weight_ih", p.weight_ih},
                                        {"weight_hh", p.weight_hh},
                                        {"bias_ih", p.bias_ih},
                                        {"bias_hh", p.bias_hh}})},
                          {classifier, named({{"weight", p.weight}, {"bias", p.bias}})}}));
    const lux::Tree batch = lux::tuple({p.x, p.y});
    const std::string about =
        std::string("luxtorch ") + lux::version() + ", LibTorch " + torch_version();
    return take_turns(about, torch_threads(), [&, ps = ps, st = st]() -> Step {
      auto ts = std::make_shared<lux::TrainState>(model, ps, st, lux::Adam(kAdamLr));
      return [ts, &batch] {
        auto step = lux::single_train_step_(lux::BinaryCrossEntropyLoss{}, batch, *ts);
        return step.loss.item<double>();
      };
    });
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}

}  // namespace bench
