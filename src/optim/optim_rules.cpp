#include "optim/optim_rules.h"

#include <fmt/format.h>

#include <cmath>

namespace luxtorch::detail {

namespace {

using kernels::Formula;
using H = RuleValues;

// The coefficients of kernels/optimizer_rules.h, in double and once per step.
void none(const H&, double, double*) {}
void descent(const H& h, double, double* c) { c[0] = *h.lr; }
void momentum(const H& h, double, double* c) { c[0] = *h.rho, c[1] = *h.lr; }
void nesterov(const H& h, double, double* c) {
  c[0] = *h.rho, c[1] = *h.lr, c[2] = *h.rho * *h.rho, c[3] = (1 + *h.rho) * *h.lr;
}
void rmsprop(const H& h, double, double* c) {
  c[0] = *h.rho, c[1] = 1 - *h.rho, c[2] = *h.lr, c[3] = *h.epsilon;
}
void rprop(const H& h, double, double* c) {
  c[0] = (*h.ell)[0], c[1] = (*h.ell)[1], c[2] = (*h.gamma)[0], c[3] = (*h.gamma)[1];
}

void moments(const H& h, double* c) {
  const auto [b1, b2] = *h.beta;
  c[0] = b1, c[1] = 1 - b1, c[2] = b2, c[3] = 1 - b2;
}
void adam(const H& h, double t, double* c) {
  moments(h, c);
  const auto [b1, b2] = *h.beta;
  c[4] = *h.lr / (1 - std::pow(b1, t));
  c[5] = 1 / std::sqrt(1 - std::pow(b2, t));
  c[6] = *h.epsilon;
}
void adamw_coupled(const H& h, double t, double* c) { adam(h, t, c), c[7] = *h.lr * *h.lambda; }
void adamw_decoupled(const H& h, double t, double* c) { adam(h, t, c), c[7] = *h.lambda; }
// With lr = 1: it scales the direction when its norm is known.
void lamb(const H& h, double t, double* c) {
  H one = h;
  one.lr = 1;
  adamw_coupled(one, t, c);
}
void adamax(const H& h, double t, double* c) {
  const auto [b1, b2] = *h.beta;
  c[0] = b1, c[1] = 1 - b1, c[2] = b2, c[3] = *h.lr / (1 - std::pow(b1, t)), c[4] = *h.epsilon;
}
void nadam(const H& h, double t, double* c) {
  moments(h, c);
  const auto [b1, b2] = *h.beta;
  const double b1t = std::pow(b1, t), b2t = std::pow(b2, t);
  c[4] = *h.lr * b1 / (1 - b1 * b1t), c[5] = *h.lr * (1 - b1) / (1 - b1t), c[6] = b2 / (1 - b2t),
  c[7] = *h.epsilon;
}
void radam(const H& h, double t, double* c) {
  adam(h, t, c);
  const double b2 = (*h.beta)[1], b2t = std::pow(b2, t), longest = 2 / (1 - b2) - 1,
               length = longest - 2 * t * b2t / (1 - b2t);
  if (length > 4) {
    c[4] *=
        std::sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
  } else {
    c[5] = 0;
  }
}
void amsgrad(const H& h, double, double* c) {
  moments(h, c), c[4] = *h.lr, c[5] = 1, c[6] = *h.epsilon;
}
void adagrad(const H& h, double, double* c) { c[0] = *h.lr, c[1] = *h.epsilon; }
void adadelta(const H& h, double, double* c) {
  c[0] = *h.rho, c[1] = 1 - *h.rho, c[2] = *h.epsilon;
}
void lion(const H& h, double, double* c) { moments(h, c), c[4] = *h.lr; }
void decay(const H& h, double, double* c) { c[0] = *h.lambda; }
void clip(const H& h, double, double* c) { c[0] = -*h.delta, c[1] = *h.delta; }
void one_over_n(const H& h, double, double* c) { c[0] = 1 / h.n; }

double epsilon(const H& h, size_t) { return *h.epsilon; }
std::string muon_options(const H& h) {
  const H by_default;
  std::string text;
  if (h.nesterov == 0) text += ", nesterov = false";
  if (h.ns_a != by_default.ns_a || h.ns_b != by_default.ns_b || h.ns_c != by_default.ns_c)
    text += fmt::format(", ns_coefficients = ({}, {}, {})", h.ns_a, h.ns_b, h.ns_c);
  if (h.ns_steps != by_default.ns_steps) text += fmt::format(", ns_steps = {}", h.ns_steps);
  if (h.match_rms != 0) text += ", match_rms_adamw = true";
  return text;
}

double rprop_start(const H& h, size_t slot) { return slot == 0 ? 0 : *h.lr; }

std::vector<RuleKind> make_table() {
  auto first = [](std::string_view name) { return HyperName{&hyper_word(name), true}; };
  auto other = [](std::string_view name) { return HyperName{&hyper_word(name)}; };
  const HyperName lr = first("lr"), rho = other("rho"), epsilon_ = other("epsilon"),
                  beta = other("beta"), lambda = other("lambda");
  const std::vector<HyperName> lr_rho{lr, first("rho")}, lr_rho_epsilon{lr, rho, epsilon_},
      like_adam{lr, beta, epsilon_}, like_adamw{lr, beta, lambda, epsilon_},
      norm{first("omega"), other("p")};
  const std::vector<std::string_view> saved_adamw{"lr", "beta", "epsilon", "lambda"};
  auto row = [](const std::type_info& type, std::string_view name, std::vector<HyperName> hyper,
                std::vector<std::string_view> slots, Formula formula, auto coefficients) {
    RuleKind kind{&type,   "",          name, std::move(hyper), nullptr, {}, {}, std::move(slots),
                  formula, coefficients};
    return kind;
  };
  auto counting = [](RuleKind kind) { return kind.counts = true, kind; };
  auto starting = [](RuleKind kind, auto initial) { return kind.initial = initial, kind; };
  auto variant = [](RuleKind kind, std::string_view which, auto label_end) {
    return kind.variant = which, kind.label_end = label_end, kind;
  };
  auto saved = [](RuleKind kind, std::vector<std::string_view> order) {
    return kind.saved = std::move(order), kind;
  };
  auto special = [](RuleKind kind, Role role, std::vector<double RuleValues::*> extras) {
    return kind.role = role, kind.extras = std::move(extras), kind;
  };
  const RuleKind centred =
      variant(row(typeid(RMSProp), "RMSProp centred", lr_rho_epsilon, {"q", "l"},
                  Formula::CentredRMSProp, rmsprop),
              "centred", [](const H&) -> std::string { return ", centred = true"; });
  const RuleKind adamw = saved(
      counting(row(typeid(AdamW), "AdamW", like_adamw, {"m", "v"}, Formula::AdamW, adamw_coupled)),
      saved_adamw);
  const RuleKind decoupled =
      variant(saved(counting(row(typeid(AdamW), "AdamW decoupled", like_adamw, {"m", "v"},
                                 Formula::AdamW, adamw_decoupled)),
                    saved_adamw),
              "decoupled", [](const H&) -> std::string { return ", couple = false"; });
  RuleKind muon = special(
      row(typeid(Muon), "Muon", {lr, rho, lambda, epsilon_}, {"m"}, Formula::Scale, none),
      Role::muon, {&H::nesterov, &H::ns_steps, &H::ns_a, &H::ns_b, &H::ns_c, &H::match_rms});
  muon.label_end = muon_options;
  return {
      row(typeid(Descent), "Descent", {lr}, {}, Formula::Scale, descent),
      row(typeid(Momentum), "Momentum", lr_rho, {"v"}, Formula::Momentum, momentum),
      row(typeid(Nesterov), "Nesterov", lr_rho, {"v"}, Formula::Nesterov, nesterov),
      row(typeid(RMSProp), "RMSProp", lr_rho_epsilon, {"q"}, Formula::RMSProp, rmsprop),
      centred,
      starting(row(typeid(Rprop), "Rprop",
                   {{&hyper_word("lr"), true, true}, other("ell"), other("gamma")}, {"g", "eta"},
                   Formula::Rprop, rprop),
               rprop_start),
      counting(row(typeid(Adam), "Adam", like_adam, {"m", "v"}, Formula::Adam, adam)),
      adamw,
      decoupled,
      counting(row(typeid(AdaMax), "AdaMax", like_adam, {"m", "u"}, Formula::AdaMax, adamax)),
      counting(row(typeid(NAdam), "NAdam", like_adam, {"m", "v"}, Formula::NAdam, nadam)),
      counting(row(typeid(RAdam), "RAdam", like_adam, {"m", "v"}, Formula::RAdam, radam)),
      counting(row(typeid(OAdam), "OAdam", like_adam, {"m", "v", "d"}, Formula::OAdam, adam)),
      starting(
          row(typeid(AMSGrad), "AMSGrad", like_adam, {"m", "v", "w"}, Formula::AMSGrad, amsgrad),
          epsilon),
      counting(
          row(typeid(AdaBelief), "AdaBelief", like_adam, {"m", "v"}, Formula::AdaBelief, adam)),
      starting(row(typeid(AdaGrad), "AdaGrad", {lr, epsilon_}, {"a"}, Formula::AdaGrad, adagrad),
               epsilon),
      row(typeid(AdaDelta), "AdaDelta", {first("rho"), epsilon_}, {"a", "b"}, Formula::AdaDelta,
          adadelta),
      row(typeid(Lion), "Lion", {lr, beta}, {"m"}, Formula::Lion, lion),
      counting(special(row(typeid(LAMB), "LAMB", like_adamw, {"m", "v"}, Formula::AdamW, lamb),
                       Role::trust_ratio, {})),
      muon,
      row(typeid(WeightDecay), "WeightDecay", {first("lambda")}, {}, Formula::WeightDecay, decay),
      row(typeid(SignDecay), "SignDecay", {first("lambda")}, {}, Formula::SignDecay, decay),
      row(typeid(ClipGrad), "ClipGrad", {first("delta")}, {}, Formula::ClipGrad, clip),
      special(row(typeid(ClipNorm), "ClipNorm", norm, {}, Formula::Scale, none), Role::clip_norm,
              {&RuleValues::check_finite}),
      special(row(typeid(ClipGlobalNorm), "ClipGlobalNorm", norm, {}, Formula::Scale, none),
              Role::clip_global_norm, {&RuleValues::check_finite}),
      counting(
          special(row(typeid(AccumGrad), "AccumGrad", {}, {"sum"}, Formula::Accumulate, one_over_n),
                  Role::accumulate, {&RuleValues::n})),
  };
}

// In the order of a checkpoint.
std::vector<const HyperWord*> saved_order(const RuleKind& kind) {
  std::vector<const HyperWord*> all;
  for (const auto& h : kind.hyper) all.push_back(h.word);
  for (size_t i = 0; i < kind.saved.size(); ++i) all[i] = &hyper_word(kind.saved[i]);
  return all;
}

}  // namespace

const RuleKind& rule_kind(const std::type_info& type, std::string_view variant) {
  static const std::vector<RuleKind> kinds = make_table();
  for (const auto& kind : kinds) {
    if (*kind.type == type && kind.variant == variant) return kind;
  }
  throw ArgumentError("Optimizer", fmt::format("expected a rule of the library, got {} {}.",
                                               type_name(type), variant));
}

void check_values(const RuleKind& kind, const RuleValues& values) {
  for (const auto& h : kind.hyper) h.word->check(std::string(kind.name()), values);
}

const HyperName* Rule::find(const HyperWord& word) const {
  for (const auto& h : kind->hyper) {
    if (h.word == &word) return &h;
  }
  return nullptr;
}

RuleValues Rule::values_at(int64_t t) const {
  RuleValues now = values;
  for (const auto& [word, s] : listed(schedules)) {
    const double v = (*s)(t);
    word->set(now, std::array{v});
    if (!word->allows(std::array{v}, 0)) {
      throw ArgumentError("Scheduler", fmt::format("expected {} {}, got {} from {} at step {}.",
                                                   word->name, word->words, v, s->label(), t));
    }
  }
  return now;
}

std::string Rule::label() const {
  std::string text;
  for (const auto& h : kind->hyper) {
    if (!text.empty()) text += ", ";
    if (!h.positional) text += std::string(h.word->name) + " = ";
    const auto numbers = h.word->numbers(values);
    text += follows(*h.word)      ? (schedules.*(h.word->schedule))->label()
            : numbers.size() == 2 ? fmt::format("({}, {})", numbers[0], numbers[1])
                                  : fmt::format("{}", numbers[0]);
  }
  if (kind->role == Role::accumulate) text = fmt::format("{}", values.n);
  text = fmt::format("{}({}{})", kind->name(), text,
                     kind->label_end ? kind->label_end(values) : std::string());
  return scheduled ? "Scheduler(" + text + ")" : text;
}

Tree Rule::saved() const {
  std::vector<Tree> row = {kind->saved_name};
  for (const auto* word : saved_order(*kind)) {
    for (double v : word->numbers(values)) row.emplace_back(v);
  }
  for (auto extra : kind->extras) row.emplace_back(values.*extra);
  return tuple(std::move(row));
}

bool Rule::take_up(const Tree& row) {
  if (!row.is_tuple() || row.size() != saved().size() || !row[0].is_string() ||
      row[0].scalar<std::string>() != kind->saved_name)
    return false;
  size_t i = 1;
  for (const auto* word : saved_order(*kind)) {
    std::vector<double> numbers = word->numbers(values);
    for (double& v : numbers) v = row[i++].scalar<double>();
    word->set(values, numbers);
  }
  for (auto extra : kind->extras) values.*extra = row[i++].scalar<double>();
  return true;
}

}  // namespace luxtorch::detail
