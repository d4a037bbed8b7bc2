#include "optim/optim_recorded.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "luxtorch/core/error.h"
#include "optim/layout.h"
#include "optim/recorded_formulas.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch::detail {

namespace {

// What a rule has of one parameter.
struct Memory {
  std::vector<Tensor> slots;
  int64_t count = 0;
};

class RecordedRun {
 public:
  RecordedRun(const Program& program, const Tree& ps)
      : program_(program), stages_(program_.stages()), ps_(ps), layout_(ps, x_) {
    for (const Stage* stage : stages_) {
      memory_.emplace_back(x_.size());
      for (size_t a = 0; a < x_.size(); ++a)
        for (size_t s = 0; s < stage->slots(); ++s)
          memory_.back()[a].slots.push_back(
              at::full_like(wide(x_[a].detach()), stage->rule()->initial(s)));
    }
    masks_ = program_.masks(layout_);
    own_.resize(stages_.size());
    steps_.resize(program_.scheduled_from().size());
    moved_.resize(x_.size());
    d_.resize(x_.size());
  }

  void begin() {
    for (size_t i = 0; i < stages_.size(); ++i)
      if (stages_[i]->own()) own_[i] = stages_[i]->own()->init(ps_);
  }

  void load(const Tree& state) {
    constexpr auto who = "opt_state";
    StateParts parts = program_.split(state);
    steps_ = parts.steps;
    for (size_t r = 0; r < stages_.size(); ++r) {
      const Tree& part = parts.stages[r];
      const Rule* rule = stages_[r]->rule();
      if (!rule) {
        own_[r] = part;
        continue;
      }
      for (size_t s = 0; s < rule->kind->slots.size(); ++s) {
        layout_.for_each(part[rule->kind->slots[s]], who, "moments",
                         [&](size_t a, const Tree& leaf) {
                           if (!covers(r, a)) return;
                           bool fits = leaf.is_tensor() && leaf.tensor().defined() &&
                                       leaf.tensor().sizes() == layout_.arrays[a].sizes;
                           if (!fits) layout_.refuse(who, a, "a moment", leaf);
                           memory_[r][a].slots[s] = wide(leaf.tensor().to(x_[a].device()), x_[a]);
                         });
      }
      if (rule->counts()) {
        layout_.for_each(part["step"], who, "counts", [&](size_t a, const Tree& leaf) {
          if (covers(r, a)) memory_[r][a].count = leaf.scalar<int64_t>();
        });
      }
    }
  }

  void go(const Tree& grads, Result result) {
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
    for (int64_t& step : steps_) ++step;
    all(result);
  }

  void flush() {
    flushes_ = true;
    const auto from = program_.scheduled_from();
    for (size_t i = 0; i < from.size(); ++i)
      if (holds_before(from[i])) ++steps_[i];
    all(Result::parameters);
  }

  Tree result(Result result) const {
    std::vector<Tree> parts(x_.size());
    for (size_t a = 0; a < x_.size(); ++a) {
      const Dtype own = x_[a].scalar_type();
      if (result == Result::directions) {
        if (d_[a].defined()) parts[a] = d_[a].to(own);
      } else {
        parts[a] = moved_[a].defined() ? moved_[a]
                   : d_[a].defined()   ? (wide(x_[a]) - d_[a]).to(own)
                                       : x_[a];
      }
    }
    return layout_.tree(parts, result == Result::parameters);
  }

  Tree state() const {
    StateParts all{.stages = own_, .steps = steps_};
    for (size_t r = 0; r < stages_.size(); ++r) {
      const Rule* rule = stages_[r]->rule();
      if (!rule) continue;
      std::vector<Tree::Item> items;
      std::vector<Tree> parts(x_.size());
      for (size_t s = 0; s < rule->kind->slots.size(); ++s) {
        for (size_t a = 0; a < parts.size(); ++a)
          if (covers(r, a)) parts[a] = memory_[r][a].slots[s];
        items.emplace_back(std::string(rule->kind->slots[s]), layout_.tree(parts, false));
      }
      if (rule->counts()) {
        for (size_t a = 0; a < parts.size(); ++a)
          if (covers(r, a)) parts[a] = memory_[r][a].count;
        items.emplace_back("step", layout_.tree(parts, false));
      }
      all.stages[r] = named(std::move(items));
    }
    return program_.joined(all);
  }

 private:
  static Tensor wide(const Tensor& t) { return t.to(arithmetic_of(t.scalar_type())); }
  static Tensor wide(const Tensor& t, const Tensor& like) {
    return t.to(arithmetic_of(like.scalar_type()));
  }

  bool covers(size_t stage, size_t array) const {
    return masks_[stage].empty() || masks_[stage][array];
  }

  bool holds_before(size_t stage) const {
    for (size_t r = 0; r < stage; ++r) {
      if (!stages_[r]->accumulates()) continue;
      for (const Memory& memory : memory_[r])
        if (memory.count > 0) return true;
    }
    return false;
  }

  void all(Result result) {
    auto steps = steps_;
    for (int64_t& step : steps) step = std::max<int64_t>(1, step);
    const Program now = program_.at(steps);
    const auto stages = now.stages();
    for (size_t r = 0; r < stages.size(); ++r) {
      const bool moves = r + 1 == stages.size() && result == Result::parameters;
      if (const Rule* rule = stages[r]->rule()) {
        // Other groups' directions wait beside.
        std::vector<Tensor> others(x_.size());
        for (size_t a = 0; a < x_.size(); ++a)
          if (!covers(r, a)) std::swap(d_[a], others[a]);
        one(*rule, r);
        for (size_t a = 0; a < x_.size(); ++a)
          if (!covers(r, a)) d_[a] = std::move(others[a]);
      } else {
        one(*stages[r]->own(), r, moves && stages[r]->own()->updates());
      }
    }
  }

  // A user's own optimizer.
  void one(const OwnOptimizer& own, size_t r, bool updates) {
    std::vector<Tree> parts(x_.size());
    bool any = false;
    for (size_t a = 0; a < x_.size(); ++a) {
      if (!d_[a].defined()) continue;
      any = true;
      parts[a] = d_[a].to(x_[a].scalar_type());
    }
    if (flushes_ && !any) return;
    const Tree d = layout_.tree(parts, false);
    auto [next, state] = updates ? own.update(d, own_[r], ps_) : own.transform(d, own_[r], ps_);
    own_[r] = std::move(state);
    d_.assign(x_.size(), Tensor());
    const std::string who = own.label();
    layout_.for_each(
        next, who.c_str(), updates ? "parameters" : "directions", [&](size_t a, const Tree& leaf) {
          if (leaf.is_none()) return;
          bool fits = leaf.is_tensor() && leaf.tensor().defined() &&
                      leaf.tensor().sizes() == layout_.arrays[a].sizes &&
                      leaf.tensor().device() == x_[a].device();
          if (!fits)
            layout_.refuse(who.c_str(), a,
                           updates ? "a parameter" : "a direction like its parameter", leaf);
          if (updates) {
            moved_[a] = leaf.tensor().to(x_[a].scalar_type());
          } else {
            d_[a] = wide(leaf.tensor(), x_[a]);
          }
        });
    for (size_t a = 0; updates && a < x_.size(); ++a)
      if (!moved_[a].defined()) layout_.refuse(who.c_str(), a, "a parameter", Tree());
  }

  void one(const Rule& rule, size_t r) {
    switch (rule.kind->role) {
      case Role::elementwise:
        for (size_t a = 0; a < x_.size(); ++a)
          if (d_[a].defined()) move(rule, memory_[r][a], a);
        break;
      case Role::accumulate:
        for (size_t a = 0; a < x_.size(); ++a)
          if (covers(r, a)) accumulate(rule, memory_[r][a], a);
        break;
      case Role::trust_ratio:
        for (size_t a = 0; a < x_.size(); ++a)
          if (d_[a].defined()) move(rule, memory_[r][a], a), trust(rule, memory_[r][a].count, a);
        break;
      case Role::muon:
        throw UnsupportedError("Muon",
                               "expected constants, got tensors that record a graph or are under a "
                               "transform: the iteration runs in bfloat16. tree::detach makes "
                               "constants.");
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
    const auto values = rule.values_at(t);
    double c[kernels::kMaxCoefficients] = {};
    rule.kind->coefficients(values, static_cast<double>(t), c);
    d_[a] = recorded_direction(rule.kind->formula, c, d_[a], wide(x_[a]), memory.slots.data());
  }

  void accumulate(const Rule& rule, Memory& memory, size_t a) {
    if (d_[a].defined()) move(rule, memory, a);
    const double n = rule.values.n;
    const auto count = static_cast<double>(memory.count);
    const bool early = flushes_ && count > 0 && count < n;
    if (early) d_[a] = memory.slots[0] * (n / count);
    if (!early && count < n) {
      d_[a] = Tensor();
    } else {
      memory.count = 0;
      memory.slots[0] = at::zeros_like(memory.slots[0]);
    }
  }

  // LAMB's scale: lr |x| / |d|, lr where either is 0.
  void trust(const Rule& rule, int64_t t, size_t a) {
    auto norm = [](const Tensor& v, const Tensor& none) {
      const Tensor sum = v.to(kFloat64).square().sum();
      return at::sqrt(sum.masked_fill(none, 1));
    };
    const Tensor x = wide(x_[a]);
    const Tensor none = (x == 0).all().logical_or((d_[a] == 0).all());
    const Tensor ratio = norm(x, none) / norm(d_[a], none) * *rule.values_at(t).lr;
    d_[a] = d_[a] * ratio.to(d_[a].scalar_type());
  }

  static Tensor norm(const Tensor& g, const Rule& rule) {
    return at::linalg_vector_norm(g, *rule.values.p, std::nullopt, false, kFloat64);
  }

  static Tensor checked(const Rule& rule, Tensor norm, const std::string* path) {
    if (rule.values.check_finite == 0) return norm;
    const transforms::Outside outside;
    const at::NoGradGuard no_grad;
    const Tensor plain = transforms::underlying(norm);
    if (at::isfinite(plain).all().item<bool>()) return norm;
    ArgumentError error(
        std::string(rule.kind->name()),
        "expected a gradient with a finite norm, got one that is not. The loss or its gradient is "
        "not finite; {.check_finite = false} lets it pass.");
    if (path) error.prepend_path_(*path);
    throw error;
  }

  void clip(size_t a, const Tensor& norm, const Rule& rule) {
    const double omega = *rule.values.omega;
    if (std::isinf(omega)) return;
    d_[a] = d_[a] * (omega / norm.clamp_min(omega)).to(d_[a].scalar_type());
  }

  const Program& program_;
  std::vector<const Stage*> stages_;
  const Tree& ps_;
  std::vector<Tensor> x_;
  Layout layout_;
  std::vector<Tensor> d_;                    // undefined: nothing moves
  std::vector<Tensor> moved_;                // parameters that a user's own optimizer has moved
  std::vector<std::vector<Memory>> memory_;  // by stage, by array
  std::vector<Tree> own_;                    // by stage
  std::vector<Mask> masks_;                  // by stage
  std::vector<int64_t> steps_;               // of the programs that follow schedules
  bool flushes_ = false;
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
  RecordedRun run(program, ps);
  run.begin();
  return run.state();
}

std::pair<Tree, Tree> recorded_update(const Program& program, const Tree& grads,
                                      const Tree& opt_state, const Tree& ps, Result result) {
  RecordedRun run(program, ps);
  run.load(opt_state);
  run.go(grads, result);
  return {run.result(result), run.state()};
}

std::pair<Tree, Tree> recorded_flush(const Program& program, const Tree& opt_state,
                                     const Tree& ps) {
  RecordedRun run(program, ps);
  run.load(opt_state);
  run.flush();
  return {run.result(Result::parameters), run.state()};
}

}  // namespace luxtorch::detail
