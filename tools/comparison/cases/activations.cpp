// Every activation that torch.nn has a module for.
#include <list>
#include <string>

#include "case.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/ops/activation.h"

namespace {

using namespace comparison;
using namespace luxtorch;

constexpr Activation kActivations[] = {luxtorch::sigmoid,
                                       luxtorch::tanh,
                                       relu,
                                       relu6,
                                       leakyrelu,
                                       elu,
                                       celu,
                                       selu,
                                       gelu,
                                       gelu_tanh,
                                       swish,
                                       mish,
                                       softplus,
                                       softsign,
                                       softshrink,
                                       tanhshrink,
                                       logsigmoid,
                                       hardsigmoid,
                                       hardswish,
                                       hardtanh,
                                       thresholdrelu,
                                       luxtorch::softmax,
                                       logsoftmax};

const std::list<Registration> kCases = [] {
  std::list<Registration> all;
  for (const Activation& f : kActivations)
    all.emplace_back(std::string("activations/") + f.name(),
                     [f] { return Case{Chain(Dense(64, 128), f), MSELoss{}}; });
  return all;
}();

}  // namespace
