#include "optimisers.h"

#include <functional>
#include <map>
#include <stdexcept>

namespace comparison {

using namespace luxtorch;

// Every number is stated, also where it is a default: the defaults here and there differ.
Optimizer make_optimiser(const std::string& name, double lr) {
  static const std::map<std::string, std::function<Optimizer(double lr)>> all{
      {"sgd", [](double lr) { return Descent(lr); }},
      {"momentum", [](double lr) { return Momentum(lr, 0.9); }},
      {"nesterov", [](double lr) { return Nesterov(lr, 0.9); }},
      {"adam", [](double lr) { return Adam(lr, {.beta = {0.9, 0.999}, .epsilon = 1e-8}); }},
      {"adam_l2",
       [](double lr) {
         return OptimiserChain(WeightDecay(0.05),
                               Adam(lr, {.beta = {0.9, 0.999}, .epsilon = 1e-8}));
       }},
      {"adamw",
       [](double lr) {
         return AdamW(lr, {.beta = {0.9, 0.999}, .lambda = 0.01, .epsilon = 1e-8, .couple = true});
       }},
      // PyTorch adds epsilon before it takes the maximum, luxtorch after: one so small is the same.
      {"adamax", [](double lr) { return AdaMax(lr, {.beta = {0.9, 0.999}, .epsilon = 1e-30}); }},
      {"adagrad", [](double lr) { return AdaGrad(lr, 1e-8); }},
      {"adadelta", [](double) { return AdaDelta(0.9, 1e-8); }},  // has no learning rate
      {"rmsprop", [](double lr) { return RMSProp(lr, {.rho = 0.9, .epsilon = 1e-8}); }},
      {"rmsprop_centred",
       [](double lr) { return RMSProp(lr, {.rho = 0.9, .epsilon = 1e-8, .centred = true}); }},
      {"rprop", [](double lr) { return Rprop(lr, {.ell = {0.5, 1.2}, .gamma = {1e-6, 50}}); }},
      {"clipped", [](double lr) { return OptimiserChain(ClipGrad(0.01), Momentum(lr, 0.9)); }},
  };
  const auto found = all.find(name);
  if (found == all.end()) throw std::runtime_error("there is no optimiser " + name);
  return found->second(lr);
}

}  // namespace comparison
