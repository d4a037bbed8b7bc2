// Every loss that torch.nn has too, each with its numbers stated.
#include "case.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/losses/ctc.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/losses/several.h"

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

// The classes' numbers, in y_hat's dtype.
Tensor classes(double first, double last, const Tensor& y_hat) {
  return linspace(first, last, 32, {.dtype = kFloat64}).to(y_hat.scalar_type());
}

const Registration ce_weighted("losses/cross_entropy_weighted", [] {
  return Case{plain(), [](const Tensor& y_hat, const Tensor& y) {
                return CrossEntropyLoss{.logits = true, .class_weights = classes(0.5, 1.5, y_hat)}(
                    y_hat, y);
              }};
});
const Registration ce_ignored("losses/cross_entropy_ignored", [] {
  return Case{plain(), CrossEntropyLoss{.logits = true, .ignore_index = 3}};
});
const Registration bce_weighted("losses/binary_cross_entropy_logits_weighted", [] {
  return Case{plain(), [](const Tensor& y_hat, const Tensor& y) {
                return BinaryCrossEntropyLoss{.logits = true, .pos_weight = classes(0.5, 2, y_hat)}(
                    y_hat, y);
              }};
});
const Registration gaussian("losses/gaussian_nll", [] {
  return Case{plain(), [](const Tensor& y_hat, const Tensor& y) {
                return GaussianNLLLoss{}(y_hat, y, y.square() + 0.1);
              }};
});
const Registration cosine("losses/cosine_embedding", [] {
  return Case{plain(), [](const Tensor& y_hat, const Tensor& y) {
                return CosineEmbeddingLoss{.margin = 0.2}(y_hat, y, y.select(1, 0).sign());
              }};
});
const Registration triplet("losses/triplet_margin", [] {
  return Case{plain(), [](const Tensor& y_hat, const Tensor& y) {
                return TripletMarginLoss{}(y_hat, y, y.flip(0));
              }};
});
const Registration ctc("losses/ctc", [] {
  return Case{plain(), [](const Tensor& y_hat, const Tensor& y) {
                const Tensor lengths = y.new_full({8}, 32), label_lengths = y.new_full({8}, 10);
                return CTCLoss{}(y_hat.view({32, 8, 32}), y, lengths, label_lengths);
              }};
});

}  // namespace
