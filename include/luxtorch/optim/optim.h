// Optimisers: how parameters move along their gradients.
//
//     Adam adam(0.01);
//     Tree opt_state = adam.init(ps);
//     std::tie(ps, opt_state) = adam.update(grads, opt_state, ps);
//
//     Optimizer careful = OptimiserChain(ClipNorm(1.0), AdamW(1e-3, {.lambda = 0.01}));
//
// Level 4: gradients -> optimizer -> TrainState. An optimiser is a value: its hyper-parameters, no
// arrays. update is pure; TrainState does the same arithmetic in place. Formulas and defaults are
// Optimisers.jl's; g is the gradient, x a parameter, x' = x - d, t counts the updates that a
// parameter has had.
//
// Arithmetic and moments are of the parameter's dtype; for float16 and bfloat16 they are float32,
// and x' alone is rounded. Such a parameter stays where it is when d is below half of its last
// place, some x / 300 in bfloat16 and x / 3000 in float16: small learning rates want float32
// parameters. Where g^2 is infinite (|g| above 1.8e19 in float32) the rules that divide by its root
// give d = 0.
//
// Parameters are the floating-point tensors of ps; other leaves stay as they are. Where grads has
// nothing (a leaf or a whole part of the tree) the parameters are skipped: no decay, no moment
// update, t stays. A tensor that ps holds twice is one parameter: its gradients are added and it
// moves once.
//
// Where a tensor of grads, opt_state or ps records a graph or carries a tangent, and under vmap, jvp
// and the like, update and transform are differentiable by all three: a loop of updates can be
// learned through, and mapped. Where a formula has no derivative (a root of 0, a sign) it counts as
// 0. tree::detach makes constants.
//
// Hyper-parameters out of range are an ArgumentError: lr, lambda, epsilon finite and >= 0; beta and
// rho in [0, 1); delta, omega and p > 0.
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

/// What adjust changes: only what is set.
struct Hyperparameters {
  std::optional<double> lr = {};
  std::optional<std::array<double, 2>> beta = {};
  std::optional<double> rho = {};
  std::optional<double> epsilon = {};
  std::optional<double> lambda = {};
  std::optional<double> delta = {};
  std::optional<double> omega = {};
  std::optional<double> p = {};
};

/// What a user's own optimiser is: Tree init(const Tree& ps) const and std::pair<Tree, Tree>
/// update(const Tree& grads, const Tree& opt_state, const Tree& ps) const, which gives (ps',
/// state'). It must leave alone what has no gradient. A `std::string label() const` is used for
/// printing, and an `O adjust(const Hyperparameters&) const`, a copy that differs in what is set, by
/// adjust and to take up a checkpoint.
template <class O>
concept OptimizerLike = requires(const O& o, const Tree& t) {
  { o.init(t) } -> std::convertible_to<Tree>;
  { o.update(t, t, t) } -> std::convertible_to<std::pair<Tree, Tree>>;
};
/// Fit for any place in a chain: transform(grads, opt_state, ps) gives (d, state'), d with grads'
/// structure, x' = x - d.
template <class O>
concept GradientTransform = requires(const O& o, const Tree& t) {
  { o.init(t) } -> std::convertible_to<Tree>;
  { o.transform(t, t, t) } -> std::convertible_to<std::pair<Tree, Tree>>;
};

namespace detail {
class Program;
}
struct Schedules;  // scheduler.h

/// Any optimiser, erased.
class LUXTORCH_API Optimizer {
 public:
  template <class O>
    requires((OptimizerLike<O> || GradientTransform<O>) && !std::derived_from<O, Optimizer>)
  Optimizer(O o);

  /// The moments of a fresh start. Of a rule of this page: a named tree with a part per moment,
  /// each with ps' structure (zeros, unless the rule says otherwise), and for rules that count,
  /// "step", the counts (int64); of a chain: a tuple of its rules' states.
  Tree init(const Tree& ps) const { return impl_->init(ps); }
  /// (ps', opt_state'). Changes none of its arguments. TreeError where grads or opt_state do not
  /// fit ps, ShapeError for shapes, dtypes and devices.
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& opt_state, const Tree& ps) const {
    return impl_->update(grads, opt_state, ps);
  }
  /// (d, opt_state'): what would be subtracted from ps, nothing where there is no gradient.
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& opt_state, const Tree& ps) const {
    return impl_->transform(grads, opt_state, ps);
  }
  /// (ps', opt_state'): what AccumGrad has gathered of a window that is not full, at the end of an
  /// epoch say, moves the parameters by its mean, and a new window begins. Where nothing is gathered
  /// both stay as they are.
  std::pair<Tree, Tree> flush(const Tree& opt_state, const Tree& ps) const {
    return impl_->flush(opt_state, ps, true);
  }
  /// "Adam(0.01, beta = (0.9, 0.999), epsilon = 1e-08)"
  std::string label() const { return impl_->label(); }

  friend LUXTORCH_API std::ostream& operator<<(std::ostream& out, const Optimizer& o);
  /// The same optimiser with other hyper-parameters; an optimiser's state goes on with it. In a
  /// chain they go to every rule that has them. ArgumentError for one that no rule has (the text
  /// lists those that there are) or that is out of range.
  [[nodiscard]] friend Optimizer adjust(const Optimizer& o, const Hyperparameters& changes) {
    return Optimizer(o.impl_->adjusted(changes));
  }

  /// The hyper-parameters, for files: of a rule of this page its name and numbers, of a user's own
  /// optimiser what adjust has changed since it was made.
  Tree hyperparameters() const { return impl_->hyperparameters(); }
  /// The same optimiser with hyperparameters() of another one of its kind; nothing where they do
  /// not fit.
  std::optional<Optimizer> with_hyperparameters(const Tree& saved) const {
    auto impl = impl_->with(saved);
    return impl ? std::optional(Optimizer(std::move(impl))) : std::nullopt;
  }

  /// The rules of this page that it consists of; nullptr for a user's own.
  const detail::Program* program() const { return impl_->program(); }

 protected:
  struct Interface {
    virtual ~Interface() = default;
    virtual Tree init(const Tree& ps) const = 0;
    virtual std::pair<Tree, Tree> update(const Tree& grads, const Tree& opt_state,
                                         const Tree& ps) const = 0;
    virtual std::pair<Tree, Tree> transform(const Tree& grads, const Tree& opt_state,
                                            const Tree& ps) const = 0;
    /// (ps', opt_state'), or with apply = false (d, opt_state').
    virtual std::pair<Tree, Tree> flush(const Tree& opt_state, const Tree& ps, bool apply) const {
      return {apply ? ps : Tree(), opt_state};
    }
    virtual std::string label() const = 0;
    virtual std::shared_ptr<const Interface> adjusted(const Hyperparameters& changes) const = 0;
    virtual Tree hyperparameters() const = 0;
    virtual std::shared_ptr<const Interface> with(const Tree& hyperparameters) const = 0;
    virtual const detail::Program* program() const { return nullptr; }
    virtual bool transforms() const { return true; }
  };
  using Impl = std::shared_ptr<const Interface>;
  explicit Optimizer(Impl impl) : impl_(std::move(impl)) {}

  static Impl of(const detail::Program& program);
  static Impl rule(std::string_view kind, const std::vector<double>& values);
  static Impl chain(const std::vector<Optimizer>& parts);
  static Impl scheduled(const Optimizer& o, const Schedules& schedules);
  [[noreturn]] static void cannot_adjust(const std::type_info& type);
  [[noreturn]] static void cannot_transform(const std::type_info& type);
  static Tree subtract(const Tree& ps, const Tree& d);
  static Tree as_tree(const Hyperparameters& h);
  static std::optional<Hyperparameters> of_tree(const Tree& t);
  static Hyperparameters merged(const Hyperparameters& before, const Hyperparameters& changes);

 private:
  template <class O>
  struct Model;
  struct Builtin;
  struct Chain;
  struct Scheduled;
  Impl impl_;
};

/// d = lr g.
struct LUXTORCH_API Descent : Optimizer {
  explicit Descent(double lr = 0.1);
};

/// v = rho v + lr g, d = v. (torch.optim.SGD keeps lr outside of v: equal while lr stays.)
struct LUXTORCH_API Momentum : Optimizer {
  explicit Momentum(double lr = 0.01, double rho = 0.9);
};

/// d = (1 + rho) lr g - rho^2 v, then v = rho v - lr g.
struct LUXTORCH_API Nesterov : Optimizer {
  explicit Nesterov(double lr = 0.001, double rho = 0.9);
};

struct RMSPropOptions {
  double rho = 0.9;
  double epsilon = 1e-8;
  bool centred = false;
};
/// q = rho q + (1 - rho) g^2, d = lr g / (sqrt(q) + epsilon); centred: l = rho l + (1 - rho) g,
/// sqrt(q - l^2).
struct LUXTORCH_API RMSProp : Optimizer {
  explicit RMSProp(double lr = 0.001, RMSPropOptions options = {});
};

struct AdamOptions {
  std::array<double, 2> beta = {0.9, 0.999};
  double epsilon = 1e-8;
};
/// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, and without their bias towards zero
/// m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t): d = lr m^ / (sqrt(v^) + epsilon). Kingma and Ba
/// 2015; torch.optim.Adam.
struct LUXTORCH_API Adam : Optimizer {
  explicit Adam(double lr = 0.001, AdamOptions options = {});
};

struct AdamWOptions {
  std::array<double, 2> beta = {0.9, 0.999};
  double lambda = 0;  // torch's default is 0.01
  double epsilon = 1e-8;
  bool couple = true;
};
/// With a for Adam's d at lr = 1: couple: d = lr (a + lambda x), as torch.optim.AdamW; else d = lr
/// a + lambda x, as Loshchilov and Hutter 2019.
struct LUXTORCH_API AdamW : Optimizer {
  explicit AdamW(double lr = 0.001, AdamWOptions options = {});
};

/// m as Adam, u = max(beta2 u, |g|), d = lr / (1 - beta1^t) m / (u + epsilon).
struct LUXTORCH_API AdaMax : Optimizer {
  explicit AdaMax(double lr = 0.001, AdamOptions options = {});
};
/// Adam with Nesterov's look ahead: d = lr (beta1 m / (1 - beta1^(t+1)) + (1 - beta1) g / (1 -
/// beta1^t)) / (sqrt(beta2 v / (1 - beta2^t)) + epsilon).
struct LUXTORCH_API NAdam : Optimizer {
  explicit NAdam(double lr = 0.001, AdamOptions options = {});
};
/// Rectified Adam (Liu et al. 2020): plain momentum, d = lr m^, until the variance of v^ can be
/// trusted.
struct LUXTORCH_API RAdam : Optimizer {
  explicit RAdam(double lr = 0.001, AdamOptions options = {});
};
struct OAdamOptions {
  std::array<double, 2> beta = {0.5, 0.9};
  double epsilon = 1e-8;
};
/// Optimistic Adam (Daskalakis et al. 2018): twice Adam's d less the one before.
struct LUXTORCH_API OAdam : Optimizer {
  explicit OAdam(double lr = 0.001, OAdamOptions options = {});
};
/// w = max(w, v), d = lr m / (sqrt(w) + epsilon) without bias correction; m, v and w start at
/// epsilon.
struct LUXTORCH_API AMSGrad : Optimizer {
  explicit AMSGrad(double lr = 0.001, AdamOptions options = {});
};
struct AdaBeliefOptions {
  std::array<double, 2> beta = {0.9, 0.999};
  double epsilon = 1e-16;
};
/// Adam with v = beta2 v + (1 - beta2) (g - m)^2 + epsilon (Zhuang et al. 2020).
struct LUXTORCH_API AdaBelief : Optimizer {
  explicit AdaBelief(double lr = 0.001, AdaBeliefOptions options = {});
};
/// a = a + g^2, which starts at epsilon, d = lr g / (sqrt(a) + epsilon).
struct LUXTORCH_API AdaGrad : Optimizer {
  explicit AdaGrad(double lr = 0.1, double epsilon = 1e-8);
};
/// a = rho a + (1 - rho) g^2, d = g sqrt(b + epsilon) / sqrt(a + epsilon), then b = rho b + (1 -
/// rho) d^2.
struct LUXTORCH_API AdaDelta : Optimizer {
  explicit AdaDelta(double rho = 0.9, double epsilon = 1e-8);
};
struct LionOptions {
  std::array<double, 2> beta = {0.9, 0.999};
};
/// d = lr sign(beta1 m + (1 - beta1) g), then m = beta2 m + (1 - beta2) g (Chen et al. 2023).
struct LUXTORCH_API Lion : Optimizer {
  explicit Lion(double lr = 0.001, LionOptions options = {});
};

/// d = g + lambda x: the gradient of lambda / 2 sum x^2 added. First in a chain.
struct LUXTORCH_API WeightDecay : Optimizer {
  explicit WeightDecay(double lambda = 5e-4);
};
/// d = g + lambda sign(x): that of lambda sum |x|.
struct LUXTORCH_API SignDecay : Optimizer {
  explicit SignDecay(double lambda = 1e-3);
};

/// d = g with every element clamped to [-delta, delta].
struct LUXTORCH_API ClipGrad : Optimizer {
  explicit ClipGrad(double delta = 10);
};

struct ClipNormOptions {
  double p = 2;  // infinity is allowed
  /// A norm that is infinite or NaN is an ArgumentError. On a GPU reading it waits.
  bool check_finite = true;
};
/// d = g min(1, omega / |g|_p), for each parameter array by itself.
struct LUXTORCH_API ClipNorm : Optimizer {
  explicit ClipNorm(double omega = 10, ClipNormOptions options = {});
};
/// The same with the norm of all gradients together: torch.nn.utils.clip_grad_norm_ without its
/// 1e-6.
struct LUXTORCH_API ClipGlobalNorm : Optimizer {
  explicit ClipGlobalNorm(double omega = 1, ClipNormOptions options = {});
};

/// The mean of n gradients, passed on at every n-th update; nothing moves in between, and what comes
/// after it in a chain counts only the n-th ones. First in a chain. Gradients of a window that is
/// not full wait for the next update; flush passes on their mean.
struct LUXTORCH_API AccumGrad : Optimizer {
  explicit AccumGrad(int64_t n);
};

/// Each part changes the gradient for the next one, left to right; the last one's result is
/// subtracted. Empty: d = g. A user's own optimiser without `transform` may only come last, else an
/// ArgumentError.
struct LUXTORCH_API OptimiserChain : Optimizer {
  template <class... O>
    requires(std::convertible_to<O, Optimizer> && ...)
  explicit OptimiserChain(const O&... parts)
      : OptimiserChain(std::vector<Optimizer>{Optimizer(parts)...}) {}
  explicit OptimiserChain(const std::vector<Optimizer>& parts);
};

template <class O>
struct Optimizer::Model final : Interface {
  std::shared_ptr<const O> optimizer, made;  // made: before adjust changed it
  Hyperparameters changes;
  explicit Model(O o) : optimizer(std::make_shared<const O>(std::move(o))), made(optimizer) {}
  Model(std::shared_ptr<const O> now, std::shared_ptr<const O> first, const Hyperparameters& since)
      : optimizer(std::move(now)), made(std::move(first)), changes(since) {}

  Tree init(const Tree& ps) const override { return optimizer->init(ps); }
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& opt_state,
                               const Tree& ps) const override {
    if constexpr (OptimizerLike<O>) {
      return optimizer->update(grads, opt_state, ps);
    } else {
      std::pair<Tree, Tree> out = optimizer->transform(grads, opt_state, ps);
      return {subtract(ps, out.first), std::move(out.second)};
    }
  }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& opt_state,
                                  const Tree& ps) const override {
    if constexpr (GradientTransform<O>) {
      return optimizer->transform(grads, opt_state, ps);
    } else {
      cannot_transform(typeid(O));
    }
  }
  std::string label() const override {
    if constexpr (requires { std::string(optimizer->label()); }) {
      return optimizer->label();
    } else {
      return type_name(typeid(O));
    }
  }
  Impl adjusted(const Hyperparameters& more) const override {
    if constexpr (requires { O(optimizer->adjust(more)); }) {
      return std::make_shared<Model>(std::make_shared<const O>(optimizer->adjust(more)), made,
                                     merged(changes, more));
    } else {
      cannot_adjust(typeid(O));
    }
  }
  Tree hyperparameters() const override { return as_tree(changes); }
  Impl with(const Tree& saved) const override {
    const auto all = of_tree(saved);
    if (!all) return nullptr;
    const Model first(made, made, {});
    return saved.size() == 0 ? std::make_shared<Model>(first) : first.adjusted(*all);
  }
  bool transforms() const override { return GradientTransform<O>; }
};

template <class O>
  requires((OptimizerLike<O> || GradientTransform<O>) && !std::derived_from<O, Optimizer>)
Optimizer::Optimizer(O o) : impl_(std::make_shared<Model<O>>(std::move(o))) {}

}  // namespace luxtorch
