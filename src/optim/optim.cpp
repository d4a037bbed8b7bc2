#include "luxtorch/optim/optim.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "optim/flat_parameters.h"
#include "optim/optim_recorded.h"

namespace luxtorch {

using detail::FlatParameters;
using detail::Program;
using detail::Stage;

namespace {

// A user's own optimizer alone moves what it is given.
const detail::OwnOptimizer* own_alone(const Program& program) {
  return program.alone() ? program.alone()->own() : nullptr;
}

bool accumulates(const Program& program) {
  return std::ranges::any_of(program.stages(), [](const Stage* s) { return s->accumulates(); });
}

}  // namespace

Tree Optimizer::init(const Tree& ps) const {
  if (const auto* own = own_alone(*program_)) return own->init(ps);
  return detail::is_recorded({&ps}) ? detail::recorded_init(*program_, ps)
                                    : FlatParameters(ps, *program_).state();
}

std::pair<Tree, Tree> Optimizer::update(const Tree& grads, const Tree& opt_state,
                                        const Tree& ps) const {
  if (const auto* own = own_alone(*program_); own && own->updates())
    return own->update(grads, opt_state, ps);
  if (!detail::is_recorded({&grads, &opt_state, &ps})) {
    try {
      FlatParameters flat(ps, *program_, opt_state);
      flat.step_(grads);
      return {flat.parameters(), flat.state()};
    } catch (const detail::GraphFound&) {  // once more, with the graph
    }
  }
  return detail::recorded_update(*program_, grads, opt_state, ps, detail::Result::parameters);
}

std::pair<Tree, Tree> Optimizer::transform(const Tree& grads, const Tree& opt_state,
                                           const Tree& ps) const {
  if (const auto* own = own_alone(*program_)) return own->transform(grads, opt_state, ps);
  if (!detail::is_recorded({&grads, &opt_state, &ps})) {
    try {
      FlatParameters flat(ps, *program_, opt_state);
      Tree d = flat.transform_(grads);
      return {std::move(d), flat.state()};
    } catch (const detail::GraphFound&) {  // once more, with the graph
    }
  }
  return detail::recorded_update(*program_, grads, opt_state, ps, detail::Result::directions);
}

std::pair<Tree, Tree> Optimizer::flush(const Tree& opt_state, const Tree& ps) const {
  if (!accumulates(*program_)) return {ps, opt_state};
  if (!detail::is_recorded({&opt_state, &ps})) {
    try {
      FlatParameters flat(ps, *program_, opt_state);
      flat.flush_();
      return {flat.parameters(), flat.state()};
    } catch (const detail::GraphFound&) {  // once more, with the graph
    }
  }
  return detail::recorded_flush(*program_, opt_state, ps);
}

std::string Optimizer::label() const { return program_->label(); }
Tree Optimizer::hyperparameters() const { return program_->hyperparameters(); }

std::optional<Optimizer> Optimizer::with_hyperparameters(const Tree& saved) const {
  auto same = program_->with_hyperparameters(saved);
  if (!same) return std::nullopt;
  return Optimizer(std::make_shared<const Program>(std::move(*same)));
}

Optimizer Optimizer::adjusted(const Hyperparameters& changes) const {
  return Optimizer(std::make_shared<const Program>(program_->adjusted(changes)));
}

Optimizer::Stages Optimizer::own(std::shared_ptr<const detail::OwnOptimizer> optimizer) {
  return std::make_shared<const Program>(Stage{std::move(optimizer)});
}

Optimizer::Stages Optimizer::rule(std::string_view name, const std::vector<double>& values) {
  const auto& kind = detail::rule_kind(name);
  detail::check_values(kind, values);
  return std::make_shared<const Program>(Stage{detail::Rule{&kind, values}});
}

Optimizer::Stages Optimizer::chain(const std::vector<Optimizer>& parts) {
  std::vector<Program> programs;
  for (size_t i = 0; i < parts.size(); ++i) {
    programs.push_back(parts[i].program());
    if (i + 1 == parts.size() || programs.back().transforms()) continue;
    throw ArgumentError(
        "OptimiserChain",
        fmt::format("expected {}, which moves parameters itself, in the last place, got it in "
                    "place {} of "
                    "{}. Give it a transform(grads, opt_state, ps) that returns (d, opt_state).",
                    parts[i].label(), i + 1, parts.size()));
  }
  return std::make_shared<const Program>(Program::chain(std::move(programs)));
}

Optimizer::Stages Optimizer::scheduled(const Optimizer& o, const Schedules& schedules) {
  return std::make_shared<const Program>(Program::scheduled(o.program(), schedules));
}

namespace detail {

void OwnOptimizer::cannot_adjust(const std::type_info& type) {
  throw ArgumentError(
      "adjust",
      fmt::format("expected a hyper-parameter of {0}, which has none to adjust. Give it an {0} "
                  "adjust(const Hyperparameters&) const.",
                  type_name(type)));
}

void OwnOptimizer::lacks(const std::type_info& type, const char* function) {
  throw UnsupportedError("OptimiserChain",
                         fmt::format("expected a {}(grads, opt_state, ps) of {}, which has none.",
                                     function, type_name(type)));
}

}  // namespace detail

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
