// Optimizers: how parameters change along their gradients.
//
//     Adam adam(0.01);
//     Tree opt_state = adam.init(ps);
//     std::tie(ps, opt_state) = adam.update(grads, opt_state, ps);
//
//     Optimizer careful = OptimiserChain(ClipNorm(1.0), AdamW(1e-3, {.lambda = 0.01}));
//
// An optimizer is a value: it holds hyper-parameters, and no arrays. update is pure; TrainState
// does the same arithmetic in place. Formulas and defaults are those of Optimisers.jl, of LAMB the
// paper's, and of Muon PyTorch's. In the formulas g is the gradient, x a parameter, x' = x - d its new value, and t the number of updates
// that the parameter has had, this one included.
//
// Arithmetic and moments have the parameter's dtype. For float16 and bfloat16 they are float32, and
// only x' is rounded. Such a parameter does not change when d is below half a unit in its last
// place, about x / 300 in bfloat16 and x / 3000 in float16: small learning rates need float32
// parameters. Where g^2 is infinite (|g| above 1.8e19 in float32), the rules that divide by its
// root give d = 0.
//
// Parameters are the floating-point tensors of ps; other leaves are left unchanged. Where grads has
// none (a leaf or a whole part of the tree), the parameters are skipped: no decay, no moment
// update, and t stays. A tensor that ps holds twice is one parameter: its gradients are added, and
// it is updated once.
//
// Where a tensor of grads, opt_state or ps records a graph or carries a tangent, and under vmap,
// jvp and the like, update and transform are differentiable with respect to all three: a loop of
// updates can be differentiated and mapped. Where a formula has no derivative (a root of 0, a
// sign), the derivative counts as 0. tree::detach makes constants.
//
// Hyper-parameters out of range are an ArgumentError: lr, lambda and epsilon must be finite and >=
// 0, beta and rho in [0, 1), delta, omega and p > 0, ell in (0, 1) and > 1, and gamma > 0 in order.
#pragma once

#include <array>
#include <concepts>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/error.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// The hyper-parameters that adjust changes; those that are not set stay as they are.
struct Hyperparameters {
  std::optional<double> lr = {};                   ///< The learning rate.
  std::optional<std::array<double, 2>> beta = {};  ///< Decay rates of two moments.
  std::optional<double> rho = {};                  ///< Momentum, or the decay rate of one moment.
  std::optional<double> epsilon = {};              ///< Added to denominators.
  std::optional<double> lambda = {};               ///< The strength of a decay.
  std::optional<double> delta = {};                ///< The limit of ClipGrad.
  std::optional<double> omega = {};                ///< The limit of ClipNorm and ClipGlobalNorm.
  std::optional<double> p = {};                    ///< Which norm ClipNorm and ClipGlobalNorm take.
  std::optional<std::array<double, 2>> ell = {};   ///< The factors of Rprop's step sizes.
  std::optional<std::array<double, 2>> gamma = {};  ///< The limits of Rprop's step sizes.
};

/// A user's own optimizer has Tree init(const Tree& ps) const and std::pair<Tree, Tree>
/// update(const Tree& grads, const Tree& opt_state, const Tree& ps) const, which gives (ps',
/// state'). It must leave unchanged what has no gradient. It may have a `std::string label() const`
/// for printing, and an `O adjust(const Hyperparameters&) const`, which gives a copy that differs
/// in what is set; adjust and the restoring of checkpoints call it.
template <class O>
concept OptimizerLike = requires(const O& o, const Tree& t) {
  { o.init(t) } -> std::convertible_to<Tree>;
  { o.update(t, t, t) } -> std::convertible_to<std::pair<Tree, Tree>>;
};
/// A user's own optimizer that may have any place in a chain: init as above, and transform(grads,
/// opt_state, ps), which gives (d, state') with d in the structure of grads. The new parameters are
/// x' = x - d. In a chain, grads is what the part before has made of the gradients. TrainState
/// passes views of its memory and copies none of it; views that a state keeps never change. It may have
/// a double loss_scale(const Tree& opt_state) const: a training step differentiates the loss times
/// that, as of LossScale.
template <class O>
concept GradientTransform = requires(const O& o, const Tree& t) {
  { o.init(t) } -> std::convertible_to<Tree>;
  { o.transform(t, t, t) } -> std::convertible_to<std::pair<Tree, Tree>>;
};

namespace detail {

class Program;
struct RuleValues;

/// A user's own optimizer with its type erased. The functions are those of Optimizer.
struct LUXTORCH_API OwnOptimizer {
  virtual ~OwnOptimizer() = default;
  /// The state before the first update.
  virtual Tree init(const Tree& ps) const = 0;
  /// (ps', opt_state'). UnsupportedError: it has no update.
  virtual std::pair<Tree, Tree> update(const Tree& grads, const Tree& opt_state,
                                       const Tree& ps) const = 0;
  /// (d, opt_state'). UnsupportedError: it has no transform.
  virtual std::pair<Tree, Tree> transform(const Tree& grads, const Tree& opt_state,
                                          const Tree& ps) const = 0;
  /// The factor of the loss in the next training step; nothing where it has no loss_scale.
  virtual std::optional<double> loss_scale(const Tree& opt_state) const = 0;
  /// Whether it has update.
  virtual bool updates() const = 0;
  /// Whether it has transform, and so may have any place in a chain.
  virtual bool transforms() const = 0;
  /// The optimizer in one line.
  virtual std::string label() const = 0;
  /// A copy with other hyper-parameters. ArgumentError: it has no adjust.
  virtual std::shared_ptr<const OwnOptimizer> adjusted(const Hyperparameters& changes) const = 0;
  /// What adjust has changed since it was made.
  virtual Tree hyperparameters() const = 0;
  /// As it was made, with these hyper-parameters; nullptr where they do not fit.
  virtual std::shared_ptr<const OwnOptimizer> with(const Tree& hyperparameters) const = 0;

  /// Throws the error for a user's own optimizer without adjust.
  [[noreturn]] static void cannot_adjust(const std::type_info& type);
  /// Throws the error for a user's own optimizer without the function of this name.
  [[noreturn]] static void lacks(const std::type_info& type, const char* function);
  /// A named tree of the hyper-parameters that are set.
  static Tree as_tree(const Hyperparameters& h);
  /// The hyper-parameters that as_tree wrote; nothing for another tree.
  static std::optional<Hyperparameters> of_tree(const Tree& t);
  /// `before`, with what `changes` sets.
  static Hyperparameters merged(const Hyperparameters& before, const Hyperparameters& changes);
};

/// That of the type O.
template <class O>
struct OwnModel;

}  // namespace detail
struct Schedules;       // scheduler.h
struct OptimizerGroup;  // groups.h

/// Any optimizer, with its type erased.
class LUXTORCH_API Optimizer {
 public:
  /// From a user's own optimizer.
  template <class O>
    requires((OptimizerLike<O> || GradientTransform<O>) && !std::derived_from<O, Optimizer>)
  Optimizer(O o) : Optimizer(own(std::make_shared<detail::OwnModel<O>>(std::move(o)))) {}

  /// The state before the first update. For a rule of this header it is a named tree with a part
  /// for each moment, each with the structure of ps (zeros, unless the rule says otherwise), and
  /// for rules that count updates "step", the counts (int64). For a chain it is a tuple of its
  /// parts' states.
  Tree init(const Tree& ps) const;
  /// One update: (ps', opt_state'). The arguments are not changed. TreeError: grads or opt_state
  /// that do not fit ps; ShapeError: their shapes, dtypes or devices do not fit.
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& opt_state, const Tree& ps) const;
  /// (d, opt_state'), where d is what update would subtract from ps, and none where there is no
  /// gradient. Errors as of update; UnsupportedError: a user's own optimizer without transform.
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& opt_state, const Tree& ps) const;
  /// (ps', opt_state') after an update with the mean of the gradients that AccumGrad holds of a
  /// window that is not full, at the end of an epoch for example; then a new window begins. Where
  /// it holds none, both stay as they are.
  std::pair<Tree, Tree> flush(const Tree& opt_state, const Tree& ps) const;
  /// The optimizer in one line: "Adam(0.01, beta = (0.9, 0.999), epsilon = 1e-08)".
  std::string label() const;

  /// Prints the label.
  friend LUXTORCH_API std::ostream& operator<<(std::ostream& out, const Optimizer& o);
  /// The same optimizer with other hyper-parameters; the optimizer's state stays valid for it. In a
  /// chain they apply to every part that has them. ArgumentError: a hyper-parameter that no part
  /// has (the message lists those that there are), that follows a schedule, or that is out of
  /// range.
  [[nodiscard]] friend Optimizer adjust(const Optimizer& o, const Hyperparameters& changes) {
    return o.adjusted(changes);
  }
  /// The same with the parameters of one group of OptimizerGroups alone. ArgumentError, too: there
  /// is no group of this pattern.
  [[nodiscard]] friend Optimizer adjust(const Optimizer& o, const Hyperparameters& changes,
                                        std::string_view group) {
    return o.adjusted(changes, group);
  }

  /// The hyper-parameters, for files: for a rule of this header its name and numbers, for a user's
  /// own optimizer what adjust has changed since it was made.
  Tree hyperparameters() const;
  /// The same optimizer with the hyperparameters() of another one of its kind; nothing where they
  /// do not fit.
  std::optional<Optimizer> with_hyperparameters(const Tree& saved) const;

  /// The stages that it consists of. For the library.
  const detail::Program& program() const { return *program_; }

 protected:
  /// Stages that several optimizers share.
  using Stages = std::shared_ptr<const detail::Program>;
  /// From its stages.
  explicit Optimizer(Stages stages) : program_(std::move(stages)) {}

  /// A user's own optimizer.
  static Stages own(std::shared_ptr<const detail::OwnOptimizer> optimizer);
  /// The rule of a class of this header. ArgumentError: a value out of range.
  static Stages rule(const std::type_info& type, const detail::RuleValues& values,
                     std::string_view variant = "");
  /// As the constructor of OptimiserChain.
  static Stages chain(const std::vector<Optimizer>& parts);
  /// As the constructor of Scheduler.
  static Stages scheduled(const Optimizer& o, const Schedules& schedules);
  /// As the constructor of OptimizerGroups.
  static Stages grouped(const Optimizer& rest, const std::vector<OptimizerGroup>& groups);

 private:
  Optimizer adjusted(const Hyperparameters& changes) const;
  Optimizer adjusted(const Hyperparameters& changes, std::string_view group) const;
  Stages program_;
};

/// Gradient descent: d = lr g.
struct LUXTORCH_API Descent : Optimizer {
  /// lr: the learning rate.
  explicit Descent(double lr = 0.1);
};

/// Gradient descent with momentum: v = rho v + lr g, d = v. (torch.optim.SGD has lr outside of v:
/// the same while lr does not change.)
struct LUXTORCH_API Momentum : Optimizer {
  /// lr: the learning rate; rho: the momentum.
  explicit Momentum(double lr = 0.01, double rho = 0.9);
};

/// Gradient descent with Nesterov's momentum: d = (1 + rho) lr g - rho^2 v, then v = rho v - lr g.
struct LUXTORCH_API Nesterov : Optimizer {
  /// lr: the learning rate; rho: the momentum.
  explicit Nesterov(double lr = 0.001, double rho = 0.9);
};

/// Options of RMSProp.
struct RMSPropOptions {
  double rho = 0.9;       ///< The decay rate of the means.
  double epsilon = 1e-8;  ///< Added to the root.
  bool centred = false;   ///< Divide by the standard deviation in place of the root mean square.
};
/// q = rho q + (1 - rho) g^2, d = lr g / (sqrt(q) + epsilon). When centred, l = rho l + (1 - rho)
/// g, and sqrt(q - l^2) takes the place of sqrt(q).
struct LUXTORCH_API RMSProp : Optimizer {
  /// lr: the learning rate.
  explicit RMSProp(double lr = 0.001, RMSPropOptions options = {});
};

/// Options of Rprop.
struct RpropOptions {
  std::array<double, 2> ell = {0.5, 1.2};    ///< The factors: below 1, and above 1.
  std::array<double, 2> gamma = {1e-6, 50};  ///< The smallest and the largest step size.
};
/// A step size eta for each element, which starts at lr. Where g has the sign of the g of the update
/// before, eta = min(ell2 eta, gamma2); where it has the other one, eta = max(ell1 eta, gamma1) and
/// g counts as 0, now and in the next update. d = eta sign(g) (Riedmiller and Braun 1993;
/// torch.optim.Rprop with its default of lr 0.01). For gradients of all observations together.
struct LUXTORCH_API Rprop : Optimizer {
  /// lr: the first step sizes. No adjust changes it, and it follows no schedule.
  explicit Rprop(double lr = 0.001, RpropOptions options = {});
};

/// Options of Adam, AdaMax, NAdam, RAdam and AMSGrad.
struct AdamOptions {
  std::array<double, 2> beta = {0.9, 0.999};  ///< The decay rates of m and v (of AdaMax, m and u).
  double epsilon = 1e-8;                      ///< Added to the denominator.
};
/// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, and without their bias towards zero
/// m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t): d = lr m^ / (sqrt(v^) + epsilon). Kingma and Ba
/// 2015; torch.optim.Adam.
struct LUXTORCH_API Adam : Optimizer {
  /// lr: the learning rate.
  explicit Adam(double lr = 0.001, AdamOptions options = {});
};

/// Options of AdamW.
struct AdamWOptions {
  std::array<double, 2> beta = {0.9, 0.999};  ///< The decay rates of m and v.
  double lambda = 0;      ///< The strength of the weight decay. The default of torch is 0.01.
  double epsilon = 1e-8;  ///< Added to the denominator.
  bool couple = true;     ///< Multiply the weight decay by lr.
};
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019). With a for Adam's d at lr = 1:
/// d = lr (a + lambda x) with couple, as torch.optim.AdamW; else d = lr a + lambda x.
struct LUXTORCH_API AdamW : Optimizer {
  /// lr: the learning rate.
  explicit AdamW(double lr = 0.001, AdamWOptions options = {});
};

/// m as of Adam, u = max(beta2 u, |g|), d = lr m / ((1 - beta1^t) (u + epsilon)) (Kingma and Ba
/// 2015).
struct LUXTORCH_API AdaMax : Optimizer {
  /// lr: the learning rate.
  explicit AdaMax(double lr = 0.001, AdamOptions options = {});
};
/// Adam with Nesterov's momentum: d = lr (beta1 m / (1 - beta1^(t+1)) + (1 - beta1) g / (1 -
/// beta1^t)) / (sqrt(beta2 v / (1 - beta2^t)) + epsilon).
struct LUXTORCH_API NAdam : Optimizer {
  /// lr: the learning rate.
  explicit NAdam(double lr = 0.001, AdamOptions options = {});
};
/// Rectified Adam (Liu et al. 2020): plain momentum, d = lr m^, in the first updates, where the
/// variance of Adam's step sizes is not finite; then Adam's d times the paper's rectification
/// factor.
struct LUXTORCH_API RAdam : Optimizer {
  /// lr: the learning rate.
  explicit RAdam(double lr = 0.001, AdamOptions options = {});
};
/// Options of OAdam.
struct OAdamOptions {
  std::array<double, 2> beta = {0.5, 0.9};  ///< The decay rates of m and v.
  double epsilon = 1e-8;                    ///< Added to the denominator.
};
/// Optimistic Adam (Daskalakis et al. 2018): twice Adam's d, minus Adam's d of the update before.
struct LUXTORCH_API OAdam : Optimizer {
  /// lr: the learning rate.
  explicit OAdam(double lr = 0.001, OAdamOptions options = {});
};
/// m and v as of Adam, w = max(w, v), d = lr m / (sqrt(w) + epsilon), without bias correction; m, v
/// and w start at epsilon (Reddi et al. 2018).
struct LUXTORCH_API AMSGrad : Optimizer {
  /// lr: the learning rate.
  explicit AMSGrad(double lr = 0.001, AdamOptions options = {});
};
/// Options of AdaBelief.
struct AdaBeliefOptions {
  std::array<double, 2> beta = {0.9, 0.999};  ///< The decay rates of m and v.
  double epsilon = 1e-16;                     ///< Added to v and to the denominator.
};
/// Adam with v = beta2 v + (1 - beta2) (g - m)^2 + epsilon (Zhuang et al. 2020).
struct LUXTORCH_API AdaBelief : Optimizer {
  /// lr: the learning rate.
  explicit AdaBelief(double lr = 0.001, AdaBeliefOptions options = {});
};
/// a = a + g^2, where a starts at epsilon, d = lr g / (sqrt(a) + epsilon) (Duchi et al. 2011).
struct LUXTORCH_API AdaGrad : Optimizer {
  /// lr: the learning rate; epsilon: added to the denominator, and the start of a.
  explicit AdaGrad(double lr = 0.1, double epsilon = 1e-8);
};
/// a = rho a + (1 - rho) g^2, d = g sqrt(b + epsilon) / sqrt(a + epsilon), then b = rho b + (1 -
/// rho) d^2 (Zeiler 2012).
struct LUXTORCH_API AdaDelta : Optimizer {
  /// rho: the decay rate of the means; epsilon: added to both of them.
  explicit AdaDelta(double rho = 0.9, double epsilon = 1e-8);
};
/// Options of Lion.
struct LionOptions {
  std::array<double, 2> beta = {0.9, 0.999};  ///< The weights of m in d and in the next m.
};
/// d = lr sign(beta1 m + (1 - beta1) g), then m = beta2 m + (1 - beta2) g (Chen et al. 2023).
struct LUXTORCH_API Lion : Optimizer {
  /// lr: the learning rate.
  explicit Lion(double lr = 0.001, LionOptions options = {});
};

/// Options of LAMB.
struct LAMBOptions {
  std::array<double, 2> beta = {0.9, 0.999};  ///< The decay rates of m and v.
  double lambda = 0.01;                       ///< The strength of the weight decay.
  double epsilon = 1e-6;                      ///< Added to the denominator.
};
/// For large batches (You et al. 2020). With a for Adam's d at lr = 1, r = a + lambda x and d = lr r
/// |x| / |r|, with the norms of each parameter array; where one of them is 0, d = lr r. On a GPU the
/// norms wait for the device.
struct LUXTORCH_API LAMB : Optimizer {
  /// lr: the learning rate.
  explicit LAMB(double lr = 0.001, LAMBOptions options = {});
};

/// Options of Muon; the defaults are those of torch.optim.Muon.
struct MuonOptions {
  double rho = 0.95;      ///< The momentum.
  double lambda = 0.1;    ///< The strength of the weight decay.
  double epsilon = 1e-7;  ///< The smallest norm that a direction is divided by.
  bool nesterov = true;   ///< Look ahead: u = (1 - rho) g + rho m in place of u = m.
  /// a, b and c of the iteration u = a u + (b A + c A^2) u, with A = u u^T.
  std::array<double, 3> ns_coefficients = {3.4445, -4.775, 2.0315};
  int64_t ns_steps = 5;  ///< How many iterations, from 1 to 99.
  /// Multiply o by 0.2 sqrt(max(rows, columns)), the size of AdamW's steps, in place of sqrt(max(1,
  /// rows / columns)).
  bool match_rms_adamw = false;
};
/// Momentum whose direction is made nearly orthogonal (Jordan et al. 2024; torch.optim.Muon): m =
/// rho m + (1 - rho) g, o = u after Newton and Schulz's iteration in bfloat16, and d = lr (lambda x +
/// s o), where s is one of the factors above. For matrices alone: another parameter is an
/// ArgumentError, at init. An update that records a graph or is under a transform is an
/// UnsupportedError.
struct LUXTORCH_API Muon : Optimizer {
  /// lr: the learning rate. ArgumentError: ns_steps out of range.
  explicit Muon(double lr = 0.001, MuonOptions options = {});
};

/// d = g + lambda x, which adds the gradient of lambda / 2 sum x^2. For the first place in a chain.
struct LUXTORCH_API WeightDecay : Optimizer {
  /// lambda: the strength of the decay.
  explicit WeightDecay(double lambda = 5e-4);
};
/// d = g + lambda sign(x), which adds the gradient of lambda sum |x|. For the first place in a
/// chain.
struct LUXTORCH_API SignDecay : Optimizer {
  /// lambda: the strength of the decay.
  explicit SignDecay(double lambda = 1e-3);
};

/// d = g with every element clamped to [-delta, delta].
struct LUXTORCH_API ClipGrad : Optimizer {
  /// delta: the largest absolute value, above 0.
  explicit ClipGrad(double delta = 10);
};

/// Options of ClipNorm and ClipGlobalNorm.
struct ClipNormOptions {
  double p = 2;  ///< Which norm, above 0; infinity is allowed.
  /// A norm that is infinite or NaN is an ArgumentError. On a GPU the check waits for the device.
  bool check_finite = true;
};
/// d = g min(1, omega / |g|_p), for each parameter array by itself.
struct LUXTORCH_API ClipNorm : Optimizer {
  /// omega: the largest norm, above 0.
  explicit ClipNorm(double omega = 10, ClipNormOptions options = {});
};
/// d = g min(1, omega / |all g|_p), with the norm of all gradients together:
/// torch.nn.utils.clip_grad_norm_ without its 1e-6.
struct LUXTORCH_API ClipGlobalNorm : Optimizer {
  /// omega: the largest norm, above 0.
  explicit ClipGlobalNorm(double omega = 1, ClipNormOptions options = {});
};

/// Passes on the mean of n gradients at every n-th update. Parameters do not change in between, and
/// the rules after it in a chain count only the n-th updates. For the first place in a chain.
/// Gradients of a window that is not full wait for the next update; flush passes on their mean.
struct LUXTORCH_API AccumGrad : Optimizer {
  /// ArgumentError: n below 1.
  explicit AccumGrad(int64_t n);
};

/// Optimizers one after the other: each part changes the gradient for the next one, from left to
/// right, and the last one's result is subtracted from the parameters. An empty chain has d = g.
/// (Optimisers.jl gives the name.)
struct LUXTORCH_API OptimiserChain : Optimizer {
  /// ArgumentError: a user's own optimizer without `transform` that is not the last part.
  template <class... O>
    requires(std::convertible_to<O, Optimizer> && ...)
  explicit OptimiserChain(const O&... parts)
      : OptimiserChain(std::vector<Optimizer>{Optimizer(parts)...}) {}
  /// The same from a vector.
  explicit OptimiserChain(const std::vector<Optimizer>& parts);
};

namespace detail {

template <class O>
struct OwnModel final : OwnOptimizer {
  std::shared_ptr<const O> optimizer, made;  // made: before adjust changed it
  Hyperparameters changes;
  explicit OwnModel(O o) : optimizer(std::make_shared<const O>(std::move(o))), made(optimizer) {}
  OwnModel(std::shared_ptr<const O> now, std::shared_ptr<const O> first,
           const Hyperparameters& since)
      : optimizer(std::move(now)), made(std::move(first)), changes(since) {}

  Tree init(const Tree& ps) const override { return optimizer->init(ps); }
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& opt_state,
                               const Tree& ps) const override {
    if constexpr (OptimizerLike<O>) {
      return optimizer->update(grads, opt_state, ps);
    } else {
      lacks(typeid(O), "update");
    }
  }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& opt_state,
                                  const Tree& ps) const override {
    if constexpr (GradientTransform<O>) {
      return optimizer->transform(grads, opt_state, ps);
    } else {
      lacks(typeid(O), "transform");
    }
  }
  std::optional<double> loss_scale(const Tree& opt_state) const override {
    if constexpr (requires { double(optimizer->loss_scale(opt_state)); }) {
      return optimizer->loss_scale(opt_state);
    } else {
      return std::nullopt;
    }
  }
  bool updates() const override { return OptimizerLike<O>; }
  bool transforms() const override { return GradientTransform<O>; }
  std::string label() const override {
    if constexpr (requires { std::string(optimizer->label()); }) {
      return optimizer->label();
    } else {
      return type_name(typeid(O));
    }
  }
  std::shared_ptr<const OwnOptimizer> adjusted(const Hyperparameters& more) const override {
    if constexpr (requires { O(optimizer->adjust(more)); }) {
      return std::make_shared<OwnModel>(std::make_shared<const O>(optimizer->adjust(more)), made,
                                        merged(changes, more));
    } else {
      cannot_adjust(typeid(O));
    }
  }
  Tree hyperparameters() const override { return as_tree(changes); }
  std::shared_ptr<const OwnOptimizer> with(const Tree& saved) const override {
    const auto all = of_tree(saved);
    if (!all) return nullptr;
    const OwnModel first(made, made, {});
    return saved.size() == 0 ? std::make_shared<OwnModel>(first) : first.adjusted(*all);
  }
};

}  // namespace detail

}  // namespace luxtorch
