#include "optim/optim_recorded.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/sign.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "luxtorch/core/error.h"
#include "optim/layout.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch::detail {

namespace {

// A tensor whose square root has the derivative 0 at 0, not infinity: there the formulas' own limit
// does not depend on it, and infinity times 0 is NaN.
struct Value {
  Tensor t;
  friend Value operator+(const Value& a, const Value& b) { return {a.t + b.t}; }
  friend Value operator-(const Value& a, const Value& b) { return {a.t - b.t}; }
  friend Value operator*(const Value& a, const Value& b) { return {a.t * b.t}; }
  friend Value operator/(const Value& a, const Value& b) { return {a.t / b.t}; }
  friend Value operator+(const Value& a, double b) { return {a.t + b}; }
  friend Value operator*(const Value& a, double b) { return {a.t * b}; }
  friend Value sqrt(const Value& a) {
    const Tensor zero = a.t.detach() == 0;
    return {at::sqrt(a.t.masked_fill(zero, 1)).masked_fill(zero, 0)};
  }
  friend Value abs(const Value& a) { return {at::abs(a.t)}; }
  friend Value sign(const Value& a) { return {at::sign(a.t)}; }
  friend Value maximum(const Value& a, const Value& b) { return {at::maximum(a.t, b.t)}; }
  friend Value clamp(const Value& a, double low, double high) {
    return {at::clamp(a.t, low, high)};
  }
};

template <class Rule>
Tensor direction(const double* c, const Tensor& g, const Tensor& x, Tensor* slots) {
  Value s[kernels::kMaxSlots];
  for (int i = 0; i < Rule::slots; ++i) s[i].t = slots[i];
  Value d = Rule::template direction<Value, double>(c, Value{g}, Value{x}, s);
  for (int i = 0; i < Rule::slots; ++i) slots[i] = s[i].t;
  return d.t;
}

Tensor direction(kernels::Formula formula, const double* c, const Tensor& g, const Tensor& x,
                 Tensor* slots) {
  switch (formula) {
#define LUXTORCH_CASE(rule)    \
  case kernels::Formula::rule: \
    return direction<kernels::rules::rule>(c, g, x, slots);
    LUXTORCH_FOR_EACH_OPTIMIZER_RULE(LUXTORCH_CASE)
#undef LUXTORCH_CASE
  }
  return {};
}

// What a rule has of one parameter.
struct Memory {
  std::vector<Tensor> slots;
  int64_t count = 0;
};

class RecordedRun {
 public:
  RecordedRun(const Program& program, const Tree& ps) : program_(program), layout_(ps, x_) {
    for (const Rule& rule : program_.rules()) {
      memory_.emplace_back(x_.size());
      for (size_t a = 0; a < x_.size(); ++a)
        for (size_t s = 0; s < rule.kind->slots.size(); ++s)
          memory_.back()[a].slots.push_back(at::full_like(wide(x_[a].detach()), rule.initial()));
    }
  }

  void load(const Tree& state) {
    constexpr auto who = "opt_state";
    auto rules = program_.rules();
    if (program_.is_chain() && !(state.is_tuple() && state.size() == rules.size())) {
      throw TreeError(who, fmt::format("expected the state of {}: a tuple of {}, got {}.",
                                       program_.label(), rules.size(), describe_kind(state)));
    }
    for (size_t r = 0; r < rules.size(); ++r) {
      const Tree part = program_.is_chain() ? state[r] : state;
      for (size_t s = 0; s < rules[r].kind->slots.size(); ++s) {
        layout_.for_each(part[rules[r].kind->slots[s]], who, "moments",
                         [&](size_t a, const Tree& leaf) {
                           bool fits = leaf.is_tensor() && leaf.tensor().defined() &&
                                       leaf.tensor().sizes() == layout_.arrays[a].sizes;
                           if (!fits) layout_.refuse(who, a, "a moment", leaf);
                           memory_[r][a].slots[s] = wide(leaf.tensor().to(x_[a].device()), x_[a]);
                         });
      }
      if (rules[r].counts()) {
        layout_.for_each(part["step"], who, "counts", [&](size_t a, const Tree& leaf) {
          memory_[r][a].count = leaf.scalar<int64_t>();
        });
      }
    }
  }

  void go(const Tree& grads) {
    d_.resize(x_.size());
    layout_.for_each(grads, "update", "gradients", [&](size_t a, const Tree& leaf) {
      if (leaf.is_none()) return;
      bool fits = leaf.is_tensor() && leaf.tensor().defined() &&
                  leaf.tensor().sizes() == layout_.arrays[a].sizes &&
                  leaf.tensor().scalar_type() == x_[a].scalar_type() &&
                  leaf.tensor().device() == x_[a].device();
      if (!fits) layout_.refuse("update", a, "a gradient as its parameter", leaf);
      const Tensor g = wide(leaf.tensor());
      d_[a] = d_[a].defined() ? d_[a] + g : g;
    });
    for (size_t r = 0; r < program_.rules().size(); ++r) one(r);
  }

  // Each rule that accumulates passes its windows' means on to the rules after it.
  void flush() {
    std::vector<Tensor> all(x_.size());
    auto rules = program_.rules();
    for (size_t r = 0; r < rules.size(); ++r) {
      if (rules[r].kind->role != Role::accumulate) continue;
      d_.assign(x_.size(), Tensor());
      for (size_t a = 0; a < x_.size(); ++a) {
        auto& [slots, count] = memory_[r][a];
        if (count == 0) continue;
        d_[a] = slots[0] * (rules[r].values[0] / static_cast<double>(count));
        slots[0] = at::zeros_like(slots[0]);
        count = 0;
      }
      for (size_t next = r + 1; next < rules.size(); ++next) one(next);
      for (size_t a = 0; a < x_.size(); ++a)
        if (d_[a].defined()) all[a] = d_[a];
    }
    d_ = std::move(all);
  }

  Tree result(Result result) const {
    std::vector<Tree> parts(x_.size());
    for (size_t a = 0; a < x_.size(); ++a) {
      const Dtype own = x_[a].scalar_type();
      if (result == Result::directions) {
        if (d_[a].defined()) parts[a] = d_[a].to(own);
      } else {
        parts[a] = d_[a].defined() ? (wide(x_[a]) - d_[a]).to(own) : x_[a];
      }
    }
    return layout_.tree(parts, result == Result::parameters);
  }

  Tree state() const {
    std::vector<Tree> states;
    auto rules = program_.rules();
    for (size_t r = 0; r < rules.size(); ++r) {
      std::vector<Tree::Item> items;
      std::vector<Tree> parts(x_.size());
      for (size_t s = 0; s < rules[r].kind->slots.size(); ++s) {
        for (size_t a = 0; a < parts.size(); ++a) parts[a] = memory_[r][a].slots[s];
        items.emplace_back(std::string(rules[r].kind->slots[s]), layout_.tree(parts, false));
      }
      if (rules[r].counts()) {
        for (size_t a = 0; a < parts.size(); ++a) parts[a] = memory_[r][a].count;
        items.emplace_back("step", layout_.tree(parts, false));
      }
      states.push_back(named(std::move(items)));
    }
    return program_.is_chain() ? tuple(std::move(states)) : states.at(0);
  }

 private:
  static Tensor wide(const Tensor& t) { return t.to(arithmetic_of(t.scalar_type())); }
  static Tensor wide(const Tensor& t, const Tensor& like) {
    return t.to(arithmetic_of(like.scalar_type()));
  }

  void one(size_t r) {
    const Rule& rule = program_.rules()[r];
    switch (rule.kind->role) {
      case Role::elementwise:
      case Role::accumulate:
        for (size_t a = 0; a < x_.size(); ++a)
          if (d_[a].defined()) move(rule, memory_[r][a], a);
        break;
      case Role::clip_norm:
        for (size_t a = 0; a < x_.size(); ++a) {
          if (!d_[a].defined()) continue;
          clip(a, checked(rule, norm(d_[a], rule), &layout_.arrays[a].path), rule);
        }
        break;
      case Role::clip_global_norm: {
        std::vector<Tensor> norms;
        for (const Tensor& d : d_) {
          if (!d.defined()) continue;
          const Tensor n = norm(d, rule);
          norms.push_back(norms.empty() ? n : n.to(norms[0].device()));
        }
        if (norms.empty()) break;
        const Tensor all = checked(rule, norm(at::stack(norms), rule), nullptr);
        for (size_t a = 0; a < x_.size(); ++a)
          if (d_[a].defined()) clip(a, all.to(d_[a].device()), rule);
        break;
      }
    }
  }

  void move(const Rule& rule, Memory& memory, size_t a) {
    int64_t t = rule.counts() ? ++memory.count : 0;
    auto values = rule.schedules.empty() ? rule.values : rule.values_at(t);
    double c[kernels::kMaxCoefficients] = {};
    rule.kind->coefficients(values.data(), static_cast<double>(t), c);
    d_[a] = direction(rule.kind->formula, c, d_[a], wide(x_[a]), memory.slots.data());
    if (rule.kind->role != Role::accumulate) return;
    if (t < static_cast<int64_t>(rule.values[0])) {
      d_[a] = Tensor();
    } else {
      memory.count = 0;
      memory.slots[0] = at::zeros_like(memory.slots[0]);
    }
  }

  static Tensor norm(const Tensor& g, const Rule& rule) {
    return at::linalg_vector_norm(g, rule.values[1], std::nullopt, false, kFloat64);
  }

  static Tensor checked(const Rule& rule, Tensor norm, const std::string* path) {
    if (rule.values[2] == 0) return norm;
    const transforms::Outside outside;
    const at::NoGradGuard no_grad;
    const Tensor plain = transforms::underlying(norm);
    if (at::isfinite(plain).all().item<bool>()) return norm;
    ArgumentError error(
        std::string(rule.kind->name),
        "expected a gradient with a finite norm, got one that is not. The loss or its gradient is "
        "not finite; {.check_finite = false} lets it pass.");
    if (path) error.prepend_path_(*path);
    throw error;
  }

  void clip(size_t a, const Tensor& norm, const Rule& rule) {
    const double omega = rule.values[0];
    if (std::isinf(omega)) return;
    d_[a] = d_[a] * (omega / norm.clamp_min(omega)).to(d_[a].scalar_type());
  }

  const Program& program_;
  std::vector<Tensor> x_;
  Layout layout_;
  std::vector<Tensor> d_;                    // undefined: nothing moves
  std::vector<std::vector<Memory>> memory_;  // by rule, by array
};

}  // namespace

bool is_recorded(std::initializer_list<const Tree*> trees) {
  if (transforms::active()) return true;
  const bool recording = at::GradMode::is_enabled();
  for (const Tree* tree : trees) {
    for (const Tensor& t : tree::tensors(*tree)) {
      if (!t.defined()) continue;
      if ((recording && t.requires_grad()) || t._fw_grad(0).defined()) return true;
    }
  }
  return false;
}

Tree recorded_init(const Program& program, const Tree& ps) {
  return RecordedRun(program, ps).state();
}

std::pair<Tree, Tree> recorded_update(const Program& program, const Tree& grads,
                                      const Tree& opt_state, const Tree& ps, Result result) {
  RecordedRun run(program, ps);
  run.load(opt_state);
  run.go(grads);
  return {run.result(result), run.state()};
}

std::pair<Tree, Tree> recorded_flush(const Program& program, const Tree& opt_state, const Tree& ps,
                                     Result result) {
  RecordedRun run(program, ps);
  run.load(opt_state);
  run.flush();
  return {run.result(result), run.state()};
}

}  // namespace luxtorch::detail
