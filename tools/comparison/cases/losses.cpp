// Every loss that torch.nn has too, each with its numbers stated.
#include "case.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/losses/loss.h"

namespace {

using namespace comparison;
using namespace luxtorch;

Layer plain() { return Chain(Dense(16, 32)); }
Layer probability() { return Chain(Dense(16, 32), luxtorch::sigmoid); }
Layer distribution() { return Chain(Dense(16, 32), luxtorch::softmax); }
Layer positive() { return Chain(Dense(16, 32), softplus); }

const Registration mse("losses/mse", [] { return Case{plain(), MSELoss{}}; });
const Registration mae("losses/mae", [] { return Case{plain(), MAELoss{}}; });
const Registration huber("losses/huber", [] { return Case{plain(), HuberLoss{.delta = 0.7}}; });
const Registration hinge("losses/hinge", [] { return Case{plain(), HingeLoss{}}; });
const Registration poisson("losses/poisson",
                           [] { return Case{positive(), PoissonLoss{.epsilon = 1e-8}}; });
const Registration bce("losses/binary_cross_entropy",
                       [] { return Case{probability(), BinaryCrossEntropyLoss{.epsilon = 0.0}}; });
const Registration bce_logits("losses/binary_cross_entropy_logits",
                              [] { return Case{plain(), BinaryCrossEntropyLoss{.logits = true}}; });
const Registration ce("losses/cross_entropy",
                      [] { return Case{plain(), CrossEntropyLoss{.logits = true}}; });
const Registration ce_smoothed("losses/cross_entropy_smoothed", [] {
  return Case{plain(), CrossEntropyLoss{.label_smoothing = 0.1, .logits = true}};
});
const Registration ce_soft("losses/cross_entropy_soft",
                           [] { return Case{plain(), CrossEntropyLoss{.logits = true}}; });
const Registration nll("losses/negative_log_likelihood",
                       [] { return Case{distribution(), CrossEntropyLoss{.epsilon = 0.0}}; });
const Registration kl("losses/kl_divergence",
                      [] { return Case{distribution(), KLDivergenceLoss{.epsilon = 0.0}}; });

}  // namespace
