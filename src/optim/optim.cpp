#include "luxtorch/optim/optim.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <tuple>

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

Optimizer::Stages Optimizer::rule(const std::type_info& type, const detail::RuleValues& values,
                                  std::string_view variant) {
  const auto& kind = detail::rule_kind(type, variant);
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

namespace {

detail::RuleValues like_adam(double lr, const auto& o) {
  return {{.lr = lr, .beta = o.beta, .epsilon = o.epsilon}};
}

detail::RuleValues norm(double omega, const ClipNormOptions& o) {
  detail::RuleValues values{{.omega = omega, .p = o.p}};
  values.check_finite = o.check_finite;
  return values;
}

detail::RuleValues muon(double lr, const MuonOptions& o) {
  if (o.ns_steps < 1 || o.ns_steps > 99) {
    throw ArgumentError("Muon", fmt::format("expected ns_steps from 1 to 99, got {}.", o.ns_steps));
  }
  detail::RuleValues values{{.lr = lr, .rho = o.rho, .epsilon = o.epsilon, .lambda = o.lambda}};
  values.nesterov = o.nesterov, values.match_rms = o.match_rms_adamw;
  values.ns_steps = static_cast<double>(o.ns_steps);
  std::tie(values.ns_a, values.ns_b, values.ns_c) = std::tuple_cat(o.ns_coefficients);
  return values;
}

detail::RuleValues window(int64_t n) {
  if (n < 1) throw ArgumentError("AccumGrad", fmt::format("expected n of at least 1, got {}.", n));
  detail::RuleValues values;
  values.n = static_cast<double>(n);
  return values;
}

}  // namespace

Descent::Descent(double lr) : Optimizer(rule(typeid(Descent), {{.lr = lr}})) {}
Momentum::Momentum(double lr, double rho)
    : Optimizer(rule(typeid(Momentum), {{.lr = lr, .rho = rho}})) {}
Nesterov::Nesterov(double lr, double rho)
    : Optimizer(rule(typeid(Nesterov), {{.lr = lr, .rho = rho}})) {}
RMSProp::RMSProp(double lr, RMSPropOptions o)
    : Optimizer(rule(typeid(RMSProp), {{.lr = lr, .rho = o.rho, .epsilon = o.epsilon}},
                     o.centred ? "centred" : "")) {}
Rprop::Rprop(double lr, RpropOptions o)
    : Optimizer(rule(typeid(Rprop), {{.lr = lr, .ell = o.ell, .gamma = o.gamma}})) {}
Adam::Adam(double lr, AdamOptions o) : Optimizer(rule(typeid(Adam), like_adam(lr, o))) {}
AdamW::AdamW(double lr, AdamWOptions o)
    : Optimizer(rule(typeid(AdamW),
                     {{.lr = lr, .beta = o.beta, .epsilon = o.epsilon, .lambda = o.lambda}},
                     o.couple ? "" : "decoupled")) {}
AdaMax::AdaMax(double lr, AdamOptions o) : Optimizer(rule(typeid(AdaMax), like_adam(lr, o))) {}
NAdam::NAdam(double lr, AdamOptions o) : Optimizer(rule(typeid(NAdam), like_adam(lr, o))) {}
RAdam::RAdam(double lr, AdamOptions o) : Optimizer(rule(typeid(RAdam), like_adam(lr, o))) {}
OAdam::OAdam(double lr, OAdamOptions o) : Optimizer(rule(typeid(OAdam), like_adam(lr, o))) {}
AMSGrad::AMSGrad(double lr, AdamOptions o) : Optimizer(rule(typeid(AMSGrad), like_adam(lr, o))) {}
AdaBelief::AdaBelief(double lr, AdaBeliefOptions o)
    : Optimizer(rule(typeid(AdaBelief), like_adam(lr, o))) {}
AdaGrad::AdaGrad(double lr, double epsilon)
    : Optimizer(rule(typeid(AdaGrad), {{.lr = lr, .epsilon = epsilon}})) {}
AdaDelta::AdaDelta(double rho, double epsilon)
    : Optimizer(rule(typeid(AdaDelta), {{.rho = rho, .epsilon = epsilon}})) {}
Lion::Lion(double lr, LionOptions o)
    : Optimizer(rule(typeid(Lion), {{.lr = lr, .beta = o.beta}})) {}
LAMB::LAMB(double lr, LAMBOptions o)
    : Optimizer(rule(typeid(LAMB),
                     {{.lr = lr, .beta = o.beta, .epsilon = o.epsilon, .lambda = o.lambda}})) {}
Muon::Muon(double lr, MuonOptions o) : Optimizer(rule(typeid(Muon), muon(lr, o))) {}
WeightDecay::WeightDecay(double lambda)
    : Optimizer(rule(typeid(WeightDecay), {{.lambda = lambda}})) {}
SignDecay::SignDecay(double lambda) : Optimizer(rule(typeid(SignDecay), {{.lambda = lambda}})) {}
ClipGrad::ClipGrad(double delta) : Optimizer(rule(typeid(ClipGrad), {{.delta = delta}})) {}
ClipNorm::ClipNorm(double omega, ClipNormOptions o)
    : Optimizer(rule(typeid(ClipNorm), norm(omega, o))) {}
ClipGlobalNorm::ClipGlobalNorm(double omega, ClipNormOptions o)
    : Optimizer(rule(typeid(ClipGlobalNorm), norm(omega, o))) {}
AccumGrad::AccumGrad(int64_t n) : Optimizer(rule(typeid(AccumGrad), window(n))) {}
OptimiserChain::OptimiserChain(const std::vector<Optimizer>& parts) : Optimizer(chain(parts)) {}

}  // namespace luxtorch
