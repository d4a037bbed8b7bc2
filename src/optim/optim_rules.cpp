#include "optim/optim_rules.h"

#include <fmt/format.h>

#include <cmath>

namespace luxtorch::detail {

namespace {

using kernels::Formula;

// The coefficients of kernels/optimizer_rules.h, in double and once per step.
void no_coefficients(const double*, double, double*) {}
void first(const double* h, double, double* c) { c[0] = h[0]; }
void momentum(const double* h, double, double* c) { c[0] = h[1], c[1] = h[0]; }
void nesterov(const double* h, double, double* c) {
  c[0] = h[1], c[1] = h[0], c[2] = h[1] * h[1], c[3] = (1 + h[1]) * h[0];
}
void rmsprop(const double* h, double, double* c) {
  c[0] = h[1], c[1] = 1 - h[1], c[2] = h[0], c[3] = h[2];
}

// h: lr, beta1, beta2, epsilon.
void moments(const double* h, double* c) {
  c[0] = h[1], c[1] = 1 - h[1], c[2] = h[2], c[3] = 1 - h[2];
}
void adam(const double* h, double t, double* c) {
  moments(h, c);
  c[4] = h[0] / (1 - std::pow(h[1], t));
  c[5] = 1 / std::sqrt(1 - std::pow(h[2], t));
  c[6] = h[3];
}
void adamw_coupled(const double* h, double t, double* c) { adam(h, t, c), c[7] = h[0] * h[4]; }
void adamw_decoupled(const double* h, double t, double* c) { adam(h, t, c), c[7] = h[4]; }
void adamax(const double* h, double t, double* c) {
  c[0] = h[1], c[1] = 1 - h[1], c[2] = h[2], c[3] = h[0] / (1 - std::pow(h[1], t)), c[4] = h[3];
}
void nadam(const double* h, double t, double* c) {
  moments(h, c);
  double b1t = std::pow(h[1], t), b2t = std::pow(h[2], t);
  c[4] = h[0] * h[1] / (1 - h[1] * b1t), c[5] = h[0] * (1 - h[1]) / (1 - b1t),
  c[6] = h[2] / (1 - b2t), c[7] = h[3];
}
void radam(const double* h, double t, double* c) {
  adam(h, t, c);
  double b2t = std::pow(h[2], t), longest = 2 / (1 - h[2]) - 1,
         length = longest - 2 * t * b2t / (1 - b2t);
  if (length > 4) {
    c[4] *=
        std::sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
  } else {
    c[5] = 0;
  }
}
void amsgrad(const double* h, double, double* c) {
  moments(h, c), c[4] = h[0], c[5] = 1, c[6] = h[3];
}
void adagrad(const double* h, double, double* c) { c[0] = h[0], c[1] = h[1]; }
void adadelta(const double* h, double, double* c) { c[0] = h[0], c[1] = 1 - h[0], c[2] = h[1]; }
void lion(const double* h, double, double* c) { moments(h, c), c[4] = h[0]; }
void clip(const double* h, double, double* c) { c[0] = -h[0], c[1] = h[0]; }
void one_over(const double* h, double, double* c) { c[0] = 1 / h[0]; }

double fourth(const double* h) { return h[3]; }
double second(const double* h) { return h[1]; }

const std::vector<RuleKind>& table() {
  const HyperName lr{"lr", 0, 1, true};
  const std::vector<HyperName> lr_rho{lr, {"rho", 1, 1, true}},
      lr_rho_epsilon{lr, {"rho", 1}, {"epsilon", 2}}, like_adam{lr, {"beta", 1, 2}, {"epsilon", 3}},
      like_adamw{lr, {"beta", 1, 2}, {"lambda", 4}, {"epsilon", 3}},
      norm{{"omega", 0, 1, true}, {"p", 1}};
  static const std::vector<RuleKind> kinds{
      {"Descent", {lr}, {}, Formula::Scale, first},
      {"Momentum", lr_rho, {"v"}, Formula::Momentum, momentum},
      {"Nesterov", lr_rho, {"v"}, Formula::Nesterov, nesterov},
      {"RMSProp", lr_rho_epsilon, {"q"}, Formula::RMSProp, rmsprop},
      {"RMSProp centred", lr_rho_epsilon, {"q", "l"}, Formula::CentredRMSProp, rmsprop},
      {"Adam", like_adam, {"m", "v"}, Formula::Adam, adam, true},
      {"AdamW", like_adamw, {"m", "v"}, Formula::AdamW, adamw_coupled, true},
      {"AdamW decoupled", like_adamw, {"m", "v"}, Formula::AdamW, adamw_decoupled, true},
      {"AdaMax", like_adam, {"m", "u"}, Formula::AdaMax, adamax, true},
      {"NAdam", like_adam, {"m", "v"}, Formula::NAdam, nadam, true},
      {"RAdam", like_adam, {"m", "v"}, Formula::RAdam, radam, true},
      {"OAdam", like_adam, {"m", "v", "d"}, Formula::OAdam, adam, true},
      {"AMSGrad", like_adam, {"m", "v", "w"}, Formula::AMSGrad, amsgrad, false, fourth},
      {"AdaBelief", like_adam, {"m", "v"}, Formula::AdaBelief, adam, true},
      {"AdaGrad", {lr, {"epsilon", 1}}, {"a"}, Formula::AdaGrad, adagrad, false, second},
      {"AdaDelta", {{"rho", 0, 1, true}, {"epsilon", 1}}, {"a", "b"}, Formula::AdaDelta, adadelta},
      {"Lion", {lr, {"beta", 1, 2}}, {"m"}, Formula::Lion, lion},
      {"WeightDecay", {{"lambda", 0, 1, true}}, {}, Formula::WeightDecay, first},
      {"SignDecay", {{"lambda", 0, 1, true}}, {}, Formula::SignDecay, first},
      {"ClipGrad", {{"delta", 0, 1, true}}, {}, Formula::ClipGrad, clip},
      {"ClipNorm", norm, {}, Formula::Scale, no_coefficients, false, nullptr, Role::clip_norm},
      {"ClipGlobalNorm",
       norm,
       {},
       Formula::Scale,
       no_coefficients,
       false,
       nullptr,
       Role::clip_global_norm},
      {"AccumGrad",
       {{"n", 0, 1, true}},
       {"sum"},
       Formula::Accumulate,
       one_over,
       true,
       nullptr,
       Role::accumulate},
  };
  return kinds;
}

std::string_view shown(const RuleKind& kind) { return kind.name.substr(0, kind.name.find(' ')); }

// What is allowed, in words, or "" where v is.
std::string_view refused(std::string_view name, double v) {
  if (name == "beta" || name == "rho") return v >= 0 && v < 1 ? "" : "in [0, 1)";
  if (name == "delta" || name == "omega" || name == "p") return v > 0 ? "" : "above 0";
  if (name == "n") return v >= 1 ? "" : "of at least 1";
  return v >= 0 && std::isfinite(v) ? "" : "finite and at least 0";
}

// The changes that are set, by name.
std::vector<std::pair<std::string_view, std::vector<double>>> listed(const Hyperparameters& h) {
  std::vector<std::pair<std::string_view, std::vector<double>>> all;
  auto add = [&](std::string_view name, const std::optional<double>& v) {
    if (v) all.push_back({name, {*v}});
  };
  add("lr", h.lr);
  if (h.beta) all.push_back({"beta", {(*h.beta)[0], (*h.beta)[1]}});
  add("rho", h.rho), add("epsilon", h.epsilon), add("lambda", h.lambda);
  add("delta", h.delta), add("omega", h.omega), add("p", h.p);
  return all;
}

bool adjustable(const Rule& rule, const HyperName& h) { return h.name != "n" && !rule.follows(h); }

}  // namespace

const RuleKind& rule_kind(std::string_view name) {
  for (const auto& kind : table()) {
    if (kind.name == name) return kind;
  }
  throw ArgumentError("Optimizer", fmt::format("expected a rule's name, got {}.", name));
}

void check_values(const RuleKind& kind, std::span<const double> values) {
  for (const auto& h : kind.hyper) {
    for (size_t i = h.first; i < h.first + h.count; ++i) {
      if (auto allowed = refused(h.name, values[i]); !allowed.empty()) {
        throw ArgumentError(std::string(shown(kind)),
                            fmt::format("expected {} {}, got {}.", h.name, allowed, values[i]));
      }
    }
  }
}

std::vector<double> Rule::values_at(int64_t t) const {
  auto now = values;
  for (const auto& h : kind->hyper) {
    if (!follows(h)) continue;
    const auto& s = *schedules[h.first];
    double v = now[h.first] = s(t);
    if (auto allowed = refused(h.name, v); !allowed.empty()) {
      throw ArgumentError("Scheduler", fmt::format("expected {} {}, got {} from {} at step {}.",
                                                   h.name, allowed, v, s.label(), t));
    }
  }
  return now;
}

size_t Program::slots() const {
  size_t n = 0;
  for (const auto& rule : rules_) n += rule.kind->slots.size();
  return n;
}

bool Program::throws_late() const {
  bool moved = false;
  for (const auto& rule : rules_) {
    bool clips = rule.kind->role == Role::clip_norm || rule.kind->role == Role::clip_global_norm;
    if (clips && moved) return true;
    moved = moved || !rule.kind->slots.empty();
  }
  return false;
}

std::string Program::label() const {
  std::string text;
  for (const auto& rule : rules_) {
    if (!text.empty()) text += ", ";
    text += rule.schedules.empty() ? "" : "Scheduler(";
    text += std::string(shown(*rule.kind)) + "(";
    bool leading = true;
    for (const auto& h : rule.kind->hyper) {
      if (!leading) text += ", ";
      leading = false;
      if (!h.positional) text += std::string(h.name) + " = ";
      text += rule.follows(h) ? rule.schedules[h.first]->label()
              : h.count == 2
                  ? fmt::format("({}, {})", rule.values[h.first], rule.values[h.first + 1])
                  : fmt::format("{}", rule.values[h.first]);
    }
    if (rule.kind->name == "RMSProp centred") text += ", centred = true";
    if (rule.kind->name == "AdamW decoupled") text += ", couple = false";
    text += rule.schedules.empty() ? ")" : "))";
  }
  return chain_ ? "OptimiserChain(" + text + ")" : text;
}

Program Program::adjusted(const Hyperparameters& changes) const {
  auto rules = rules_;
  for (const auto& [name, values] : listed(changes)) {
    bool found = false;
    std::string there;
    bool follows = false;
    for (auto& rule : rules) {
      for (const auto& h : rule.kind->hyper) {
        follows = follows || (h.name == name && rule.follows(h));
        if (!adjustable(rule, h)) continue;
        there += (there.empty() ? "" : ", ") + std::string(h.name);
        if (h.name != name) continue;
        found = true;
        std::copy(values.begin(), values.end(),
                  rule.values.begin() + static_cast<std::ptrdiff_t>(h.first));
      }
    }
    if (!found) {
      throw ArgumentError(
          "adjust",
          fmt::format("expected a hyper-parameter of {}, which has {}, got {}.{}", label(),
                      there.empty() ? "none to adjust" : there, name,
                      follows
                          ? " It follows a schedule: Scheduler(optimizer, schedule) sets another"
                            " one."
                          : ""));
    }
  }
  for (const auto& rule : rules) check_values(*rule.kind, rule.values);
  return Program(std::move(rules), chain_);
}

std::optional<Program> Program::scheduled(std::string_view name,
                                          const schedule::Schedule& s) const {
  auto rules = rules_;
  bool found = false;
  for (auto& rule : rules) {
    for (const auto& h : rule.kind->hyper) {
      if (h.name != name) continue;
      rule.schedules.resize(rule.values.size());
      rule.schedules[h.first] = s;
      found = true;
    }
  }
  if (!found) return std::nullopt;
  return Program(std::move(rules), chain_);
}

Tree Program::numbers() const {
  std::vector<Tree> rows;
  for (const auto& rule : rules_) {
    std::vector<Tree> row = {rule.kind->name};
    row.insert(row.end(), rule.values.begin(), rule.values.end());
    rows.push_back(tuple(std::move(row)));
  }
  return tuple(std::move(rows));
}

std::optional<Program> Program::with_numbers(const Tree& saved) const {
  if (!saved.is_tuple() || saved.size() != rules_.size()) return std::nullopt;
  auto rules = rules_;
  for (size_t i = 0; i < rules.size(); ++i) {
    const Tree& row = saved[i];
    bool fits = row.is_tuple() && row.size() == rules[i].values.size() + 1 && row[0].is_string() &&
                row[0].scalar<std::string>() == rules[i].kind->name;
    if (!fits) return std::nullopt;
    for (size_t j = 1; j < row.size(); ++j) rules[i].values[j - 1] = row[j].scalar<double>();
  }
  return Program(std::move(rules), chain_);
}

bool Program::has(const Hyperparameters& changes) const {
  for (const auto& change : listed(changes)) {
    bool found = false;
    for (const auto& rule : rules_) {
      for (const auto& h : rule.kind->hyper)
        found = found || (adjustable(rule, h) && h.name == change.first);
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace luxtorch::detail
