#include "optim/optim_rules.h"

#include <fmt/format.h>

#include <cmath>

#include "optim/hyperparameters.h"

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

}  // namespace

bool adjustable(const Rule& rule, const HyperName& h) {
  return hyper_word(h.name).adjustable() && !rule.follows(h);
}

const RuleKind& rule_kind(std::string_view name) {
  for (const auto& kind : table()) {
    if (kind.name == name) return kind;
  }
  throw ArgumentError("Optimizer", fmt::format("expected a rule's name, got {}.", name));
}

void check_values(const RuleKind& kind, std::span<const double> values) {
  for (const auto& h : kind.hyper) {
    for (size_t i = h.first; i < h.first + h.count; ++i) {
      if (const auto& word = hyper_word(h.name); !word.allows(values[i])) {
        throw ArgumentError(std::string(shown(kind)),
                            fmt::format("expected {} {}, got {}.", h.name, word.words, values[i]));
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
    if (const auto& word = hyper_word(h.name); !word.allows(v)) {
      throw ArgumentError("Scheduler", fmt::format("expected {} {}, got {} from {} at step {}.",
                                                   h.name, word.words, v, s.label(), t));
    }
  }
  return now;
}

std::string label(const Rule& rule) {
  std::string text = rule.schedules.empty() ? "" : "Scheduler(";
  text += std::string(shown(*rule.kind)) + "(";
  bool leading = true;
  for (const auto& h : rule.kind->hyper) {
    if (!leading) text += ", ";
    leading = false;
    if (!h.positional) text += std::string(h.name) + " = ";
    text += rule.follows(h) ? rule.schedules[h.first]->label()
            : h.count == 2 ? fmt::format("({}, {})", rule.values[h.first], rule.values[h.first + 1])
                           : fmt::format("{}", rule.values[h.first]);
  }
  if (rule.kind->name == "RMSProp centred") text += ", centred = true";
  if (rule.kind->name == "AdamW decoupled") text += ", couple = false";
  return text + (rule.schedules.empty() ? ")" : "))");
}

}  // namespace luxtorch::detail
