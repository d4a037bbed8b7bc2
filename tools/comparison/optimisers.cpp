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
      {"adam", [](double lr) { return Adam(lr, {.beta = {0.9, 0.999}, .epsilon = 1e-8}); }},
      {"adamw",
       [](double lr) {
         return AdamW(lr, {.beta = {0.9, 0.999}, .lambda = 0.01, .epsilon = 1e-8, .couple = true});
       }},
  };
  const auto found = all.find(name);
  if (found == all.end()) throw std::runtime_error("there is no optimiser " + name);
  return found->second(lr);
}

}  // namespace comparison
