// LossScale: training in float16 without losing small gradients.
//
//     TrainState ts(mixed(model, kFloat16), ps, st, OptimiserChain(LossScale(), Adam(1e-3)));
//     single_train_step_(MSELoss{}, batch, ts);   // y_hat, and so the loss, is float32
//
// The smallest float16 above 0 is 6e-8, so small gradients vanish. A training step differentiates the
// loss times a scale, and LossScale divides the gradients by it again, in float32. bfloat16 and float32
// need no scale.
#pragma once

#include <string>
#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// The options of LossScale; the defaults are those of torch.amp.GradScaler.
struct LossScaleOptions {
  double initial = 65536;   ///< The first scale, above 0.
  double growth = 2;        ///< The factor after `interval` finite steps in a row, at least 1.
  double backoff = 0.5;     ///< The factor after a step that is not finite, in (0, 1].
  int64_t interval = 2000;  ///< How many finite steps let the scale grow, at least 1.
};

/// Divides gradients by the scale of the loss, and adapts the scale. It is a part of an OptimiserChain,
/// the first one, since the parts after it see gradients of the loss itself.
///
/// Where a gradient is infinite or NaN, the update changes nothing: no parameter, no moment, no count of
/// the parts after it; ts.step counts it. Then the scale is multiplied by backoff. The scale and the number
/// of finite steps are the state, {"scale", "finite_steps"}, so checkpoints keep them.
///
/// The loss must be float32: in float16 the first scale is infinite. A Scheduler belongs around a rule
/// of the chain: around the chain it counts steps that were left out. Losses are given without the scale. Gradients that a training step gives, and that apply_gradients
/// takes, are those of the scaled loss. With a LossScale a TrainState does not check that the loss is
/// finite, unless TrainStateOptions::check_finite is true.
class LUXTORCH_API LossScale {
 public:
  /// ArgumentError: an option out of its range.
  explicit LossScale(LossScaleOptions options = {});

  /// The first scale and no finite steps.
  Tree init(const Tree& ps) const;
  /// (grads / scale, state'); nothing in place of all gradients where one is not finite.
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& opt_state, const Tree& ps) const;
  /// The factor of the loss in the next step.
  double loss_scale(const Tree& opt_state) const;
  /// "LossScale(65536, growth = 2, backoff = 0.5, interval = 2000)".
  std::string label() const;

 private:
  LossScaleOptions options_;
};

}  // namespace luxtorch
