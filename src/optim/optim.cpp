#include "luxtorch/optim/optim.h"

#include <fmt/format.h>

#include <concepts>
#include <ostream>

#include "optim/flat_parameters.h"
#include "optim/optim_recorded.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

using detail::FlatParameters;
using detail::Program;

namespace {

bool any(const Tree& t) {
  for (const Tensor& x : tree::tensors(t))
    if (x.defined()) return true;
  return false;
}

// The tensors of two trees, of which at most one has one at each place.
Tree either(const Tree& a, const Tree& b) {
  if (!any(a)) return b;
  if (!any(b)) return a;
  return tree::zip([](const Tree& x, const Tree& y) { return x.is_none() ? y : x; }, a, b);
}

}  // namespace

// Rules of optim.h alone, one or a chain.
struct Optimizer::Builtin final : Interface {
  Program rules;
  explicit Builtin(Program p) : rules(std::move(p)) {}

  FlatParameters resume(const Tree& opt_state, const Tree& ps) const {
    FlatParameters flat(ps, rules);
    flat.load_state_(opt_state);
    return flat;
  }
  Tree init(const Tree& ps) const override {
    return transforms::active() ? detail::recorded_init(rules, ps)
                                : FlatParameters(ps, rules).state();
  }
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& opt_state,
                               const Tree& ps) const override {
    if (detail::is_recorded({&grads, &opt_state, &ps}))
      return detail::recorded_update(rules, grads, opt_state, ps, detail::Result::parameters);
    auto flat = resume(opt_state, ps);
    flat.step_(grads);
    return {flat.parameters(), flat.state()};
  }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& opt_state,
                                  const Tree& ps) const override {
    if (detail::is_recorded({&grads, &opt_state, &ps}))
      return detail::recorded_update(rules, grads, opt_state, ps, detail::Result::directions);
    auto flat = resume(opt_state, ps);
    Tree d = flat.transform_(grads);
    return {std::move(d), flat.state()};
  }
  std::pair<Tree, Tree> flush(const Tree& opt_state, const Tree& ps, bool apply) const override {
    const auto result = apply ? detail::Result::parameters : detail::Result::directions;
    if (detail::is_recorded({&opt_state, &ps}))
      return detail::recorded_flush(rules, opt_state, ps, result);
    auto flat = resume(opt_state, ps);
    if (!apply) {
      Tree d = flat.flushed_();
      return {std::move(d), flat.state()};
    }
    flat.flush_();
    return {flat.parameters(), flat.state()};
  }
  std::string label() const override { return rules.label(); }
  Impl adjusted(const Hyperparameters& changes) const override {
    return std::make_shared<Builtin>(rules.adjusted(changes));
  }
  Tree hyperparameters() const override { return rules.numbers(); }
  Impl with(const Tree& saved) const override {
    auto same = rules.with_numbers(saved);
    return same ? std::make_shared<Builtin>(std::move(*same)) : nullptr;
  }
  const Program* program() const override { return &rules; }
};

// A chain with a user's own optimiser in it.
struct Optimizer::Chain final : Interface {
  std::vector<Optimizer> parts;
  explicit Chain(std::vector<Optimizer> p) : parts(std::move(p)) {}

  Tree init(const Tree& ps) const override {
    std::vector<Tree> states;
    for (const auto& o : parts) states.push_back(o.init(ps));
    return tuple(std::move(states));
  }
  void check(const Tree& opt_state) const {
    if (opt_state.is_tuple() && opt_state.size() == parts.size()) return;
    throw TreeError("opt_state", fmt::format("expected the state of {}: a tuple of {}, got {}.",
                                             label(), parts.size(), describe_kind(opt_state)));
  }
  // What the first n parts make of the gradient, and their states.
  std::pair<Tree, std::vector<Tree>> through(size_t n, const Tree& grads, const Tree& opt_state,
                                             const Tree& ps) const {
    check(opt_state);
    Tree d = grads;
    std::vector<Tree> states;
    for (size_t i = 0; i < n; ++i) {
      auto [next, state] = parts[i].transform(d, opt_state[i], ps);
      d = std::move(next);
      states.push_back(std::move(state));
    }
    return {std::move(d), std::move(states)};
  }
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& opt_state,
                               const Tree& ps) const override {
    auto [d, states] = through(parts.size() - 1, grads, opt_state, ps);
    auto [next, last] = parts.back().update(d, opt_state[parts.size() - 1], ps);
    states.push_back(std::move(last));
    return {std::move(next), tuple(std::move(states))};
  }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& opt_state,
                                  const Tree& ps) const override {
    auto [d, states] = through(parts.size(), grads, opt_state, ps);
    return {std::move(d), tuple(std::move(states))};
  }
  std::pair<Tree, Tree> flush(const Tree& opt_state, const Tree& ps, bool apply) const override {
    check(opt_state);
    Tree d, next = ps;  // d: of the parts so far
    std::vector<Tree> states;
    for (size_t i = 0; i < parts.size(); ++i) {
      const bool moves = apply && i + 1 == parts.size();
      Tree state = opt_state[i], passed;
      if (any(d)) {
        auto moved = moves ? parts[i].update(d, state, ps) : parts[i].transform(d, state, ps);
        (moves ? next : passed) = std::move(moved.first);
        state = std::move(moved.second);
      }
      // What went in may wait now for its window with what waited before.
      auto late = parts[i].impl_->flush(state, next, moves);
      if (moves) {
        next = std::move(late.first);
      } else {
        d = either(passed, late.first);
      }
      states.push_back(std::move(late.second));
    }
    return {apply ? std::move(next) : std::move(d), tuple(std::move(states))};
  }
  std::string label() const override {
    std::string text;
    for (const auto& o : parts) text += (text.empty() ? "" : ", ") + o.label();
    return "OptimiserChain(" + text + ")";
  }
  Tree hyperparameters() const override {
    std::vector<Tree> all;
    for (const auto& o : parts) all.push_back(o.hyperparameters());
    return named({{"parts", tuple(std::move(all))}});
  }
  Impl with(const Tree& saved) const override {
    if (!saved.is_named() || !saved.contains("parts")) return nullptr;
    const Tree& all = saved["parts"];
    if (!all.is_tuple() || all.size() != parts.size()) return nullptr;
    std::vector<Optimizer> same;
    for (size_t i = 0; i < parts.size(); ++i) {
      auto part = parts[i].with_hyperparameters(all[i]);
      if (!part) return nullptr;
      same.push_back(std::move(*part));
    }
    return std::make_shared<Chain>(std::move(same));
  }
  Impl adjusted(const Hyperparameters& changes) const override;
  bool transforms() const override { return parts.back().impl_->transforms(); }
};

namespace {

// f(name, member) of each hyper-parameter.
template <class F>
void each(F f) {
  f("lr", &Hyperparameters::lr), f("beta", &Hyperparameters::beta);
  f("rho", &Hyperparameters::rho), f("epsilon", &Hyperparameters::epsilon);
  f("lambda", &Hyperparameters::lambda), f("delta", &Hyperparameters::delta);
  f("omega", &Hyperparameters::omega), f("p", &Hyperparameters::p);
}

// Each set hyper-parameter alone: a chain gives it to the parts that have it.
std::vector<Hyperparameters> apart(const Hyperparameters& h) {
  std::vector<Hyperparameters> all;
  each([&](const char*, auto member) {
    if (h.*member) all.emplace_back().*member = h.*member;
  });
  return all;
}

}  // namespace

Optimizer::Impl Optimizer::Chain::adjusted(const Hyperparameters& changes) const {
  auto next = parts;
  for (const auto& change : apart(changes)) {
    bool found = false;
    std::string refusals;
    for (auto& o : next) {
      const Program* program = o.program();
      bool has = !program || program->has(change);
      try {
        if (has) o = adjust(o, change), found = true;
      } catch (const ArgumentError& e) {
        if (program) throw;  // its own, but out of range
        refusals += std::string(" ") + e.what();
      }
    }
    if (!found) {
      throw ArgumentError("adjust", "expected a hyper-parameter of one of the rules of " + label() +
                                        "." + refusals);
    }
  }
  return std::make_shared<Chain>(std::move(next));
}

Optimizer::Impl Optimizer::of(const Program& program) { return std::make_shared<Builtin>(program); }

Optimizer::Impl Optimizer::rule(std::string_view name, const std::vector<double>& values) {
  const auto& kind = detail::rule_kind(name);
  detail::check_values(kind, values);
  return of(Program({{&kind, values}}, false));
}

Optimizer::Impl Optimizer::chain(const std::vector<Optimizer>& parts) {
  std::vector<detail::Rule> rules;
  bool builtin = true;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i + 1 < parts.size() && !parts[i].impl_->transforms()) {
      throw ArgumentError(
          "OptimiserChain",
          fmt::format("expected {}, which moves parameters itself, in the last place, got it in "
                      "place {} of "
                      "{}. Give it a transform(grads, opt_state, ps) that returns (d, opt_state).",
                      parts[i].label(), i + 1, parts.size()));
    }
    if (const Program* program = parts[i].program()) {
      rules.insert(rules.end(), program->rules().begin(), program->rules().end());
    } else {
      builtin = false;
    }
  }
  if (builtin) return of(Program(std::move(rules), true));
  return std::make_shared<Chain>(parts);
}

Tree Optimizer::as_tree(const Hyperparameters& h) {
  std::vector<Tree::Item> items;
  each([&](const char* name, auto member) {
    if (!(h.*member)) return;
    if constexpr (std::same_as<decltype(member), std::optional<double> Hyperparameters::*>) {
      items.emplace_back(name, *(h.*member));
    } else {
      items.emplace_back(name, tuple({(*(h.*member))[0], (*(h.*member))[1]}));
    }
  });
  return named(std::move(items));
}

std::optional<Hyperparameters> Optimizer::of_tree(const Tree& t) {
  if (!t.is_named()) return std::nullopt;
  Hyperparameters h;
  size_t known = 0;
  each([&](const char* name, auto member) {
    if (!t.contains(name)) return;
    const Tree& value = t[name];
    if constexpr (std::same_as<decltype(member), std::optional<double> Hyperparameters::*>) {
      if (!value.is<double>() && !value.is<int64_t>()) return;
      h.*member = value.scalar<double>();
    } else {
      if (!value.is_tuple() || value.size() != 2) return;
      h.*member = {value[0].scalar<double>(), value[1].scalar<double>()};
    }
    ++known;
  });
  return known == t.size() ? std::optional(h) : std::nullopt;
}

Hyperparameters Optimizer::merged(const Hyperparameters& before, const Hyperparameters& changes) {
  Hyperparameters all = before;
  each([&](const char*, auto member) {
    if (changes.*member) all.*member = changes.*member;
  });
  return all;
}

void Optimizer::cannot_adjust(const std::type_info& type) {
  auto name = type_name(type);
  throw ArgumentError(
      "adjust",
      fmt::format("expected a hyper-parameter of {0}, which has none to adjust. Give it an {0} "
                  "adjust(const Hyperparameters&) const.",
                  name));
}

void Optimizer::cannot_transform(const std::type_info& type) {
  throw UnsupportedError(
      "OptimiserChain",
      fmt::format("expected a transform(grads, opt_state, ps) of {}, got an update alone.",
                  type_name(type)));
}

Tree Optimizer::subtract(const Tree& ps, const Tree& d) {
  Optimizer identity = OptimiserChain();
  return identity.update(d, identity.init(ps), ps).first;
}

std::ostream& operator<<(std::ostream& out, const Optimizer& o) { return out << o.label(); }

Descent::Descent(double lr) : Optimizer(rule("Descent", {lr})) {}
Momentum::Momentum(double lr, double rho) : Optimizer(rule("Momentum", {lr, rho})) {}
Nesterov::Nesterov(double lr, double rho) : Optimizer(rule("Nesterov", {lr, rho})) {}
RMSProp::RMSProp(double lr, RMSPropOptions o)
    : Optimizer(rule(o.centred ? "RMSProp centred" : "RMSProp", {lr, o.rho, o.epsilon})) {}
Adam::Adam(double lr, AdamOptions o)
    : Optimizer(rule("Adam", {lr, o.beta[0], o.beta[1], o.epsilon})) {}
AdamW::AdamW(double lr, AdamWOptions o)
    : Optimizer(rule(o.couple ? "AdamW" : "AdamW decoupled",
                     {lr, o.beta[0], o.beta[1], o.epsilon, o.lambda})) {}
AdaMax::AdaMax(double lr, AdamOptions o)
    : Optimizer(rule("AdaMax", {lr, o.beta[0], o.beta[1], o.epsilon})) {}
NAdam::NAdam(double lr, AdamOptions o)
    : Optimizer(rule("NAdam", {lr, o.beta[0], o.beta[1], o.epsilon})) {}
RAdam::RAdam(double lr, AdamOptions o)
    : Optimizer(rule("RAdam", {lr, o.beta[0], o.beta[1], o.epsilon})) {}
OAdam::OAdam(double lr, OAdamOptions o)
    : Optimizer(rule("OAdam", {lr, o.beta[0], o.beta[1], o.epsilon})) {}
AMSGrad::AMSGrad(double lr, AdamOptions o)
    : Optimizer(rule("AMSGrad", {lr, o.beta[0], o.beta[1], o.epsilon})) {}
AdaBelief::AdaBelief(double lr, AdaBeliefOptions o)
    : Optimizer(rule("AdaBelief", {lr, o.beta[0], o.beta[1], o.epsilon})) {}
AdaGrad::AdaGrad(double lr, double epsilon) : Optimizer(rule("AdaGrad", {lr, epsilon})) {}
AdaDelta::AdaDelta(double rho, double epsilon) : Optimizer(rule("AdaDelta", {rho, epsilon})) {}
Lion::Lion(double lr, LionOptions o) : Optimizer(rule("Lion", {lr, o.beta[0], o.beta[1]})) {}
WeightDecay::WeightDecay(double lambda) : Optimizer(rule("WeightDecay", {lambda})) {}
SignDecay::SignDecay(double lambda) : Optimizer(rule("SignDecay", {lambda})) {}
ClipGrad::ClipGrad(double delta) : Optimizer(rule("ClipGrad", {delta})) {}
ClipNorm::ClipNorm(double omega, ClipNormOptions o)
    : Optimizer(rule("ClipNorm", {omega, o.p, static_cast<double>(o.check_finite)})) {}
ClipGlobalNorm::ClipGlobalNorm(double omega, ClipNormOptions o)
    : Optimizer(rule("ClipGlobalNorm", {omega, o.p, static_cast<double>(o.check_finite)})) {}
AccumGrad::AccumGrad(int64_t n) : Optimizer(rule("AccumGrad", {static_cast<double>(n)})) {}
OptimiserChain::OptimiserChain(const std::vector<Optimizer>& parts) : Optimizer(chain(parts)) {}

}  // namespace luxtorch
