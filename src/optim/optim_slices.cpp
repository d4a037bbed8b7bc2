#include "optim/optim_slices.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "optim/muon.h"

namespace luxtorch::detail {

namespace {

// Below this many elements one thread is faster than waking others.
constexpr int64_t kSerial = 1 << 15;
constexpr int64_t kChunk = 1 << 14;

struct Chunk {
  size_t slice;
  int64_t begin, end;
};

// Which parts of the slices' memory are worked on at a time. The cut does not depend on the number
// of threads.
std::vector<Chunk> chunks(const std::vector<Slice>& slices) {
  std::vector<Chunk> all;
  for (size_t i = 0; i < slices.size(); ++i) {
    if (!slices[i].active || !slices[i].loops) continue;
    for (int64_t b = 0; b < slices[i].n; b += kChunk)
      all.push_back({i, b, std::min(slices[i].n, b + kChunk)});
  }
  return all;
}

template <class F>
void for_each_chunk(const std::vector<Chunk>& all, const F& f) {
  int64_t n = 0;
  for (const auto& c : all) n += c.end - c.begin;
  auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(static_cast<size_t>(i), all[static_cast<size_t>(i)]);
  };
  auto size = static_cast<int64_t>(all.size());
  if (n <= kSerial) {
    run(0, size);
  } else {
    detail::parallel_for(0, size, 1, run);
  }
}

template <class T>
void run_block(kernels::Formula formula, const Slice& slice, const Chunk& chunk, size_t first_slot,
               size_t slots, bool apply, const double* c) {
  T typed[kernels::kMaxCoefficients];
  for (int i = 0; i < kernels::kMaxCoefficients; ++i) typed[i] = static_cast<T>(c[i]);
  kernels::Block<T> block{.n = chunk.end - chunk.begin,
                          .x = static_cast<T*>(slice.x) + chunk.begin,
                          .g = static_cast<const T*>(slice.g) + chunk.begin,
                          .d = apply ? nullptr : static_cast<T*>(slice.d) + chunk.begin,
                          .s = {},
                          .c = typed};
  for (size_t i = 0; i < slots; ++i)
    block.s[i] = static_cast<T*>(slice.s[first_slot + i]) + chunk.begin;
  kernels::run(formula, block);
}

class Run {
 public:
  Run(std::span<const Stage* const> stages, std::span<const Place> places,
      std::span<const Mask> masks, std::vector<Slice>& slices,
      std::vector<std::vector<int64_t>>& counts, Pass pass, const OwnStage& own,
      const CombineSums& combine)
      : stages_(stages),
        places_(places),
        masks_(masks),
        slices_(slices),
        counts_(counts),
        pass_(pass),
        own_(own),
        combine_(combine) {}

  void all() {
    ask_schedules();
    for (size_t i = 0; i < stages_.size(); ++i) {
      last_ = places_[i].last;
      if (const Rule* rule = stages_[i]->rule()) {
        here_ = &masks_[i];
        const auto others = hide();
        one(*rule, i, places_[i].slot);
        for (size_t k : others) slices_[k].active = true;
      } else if (pass_ != Pass::flush || std::ranges::any_of(slices_, &Slice::active)) {
        own_(i, slices_);
        if (last_ && pass_ != Pass::transform) pass_on();
      }
    }
    if (stages_.empty()) last_ = true, pass_on();
  }

 private:
  using Coefficients = std::array<double, kernels::kMaxCoefficients>;

  static bool is_in(const Mask& mask, const Slice& slice) {
    return mask.empty() || mask[slice.array];
  }

  // The slices of other groups than this stage's, which it must not see.
  std::vector<size_t> hide() {
    std::vector<size_t> hidden;
    if (here_->empty()) return hidden;
    for (size_t k = 0; k < slices_.size(); ++k) {
      if (!slices_[k].active || is_in(*here_, slices_[k])) continue;
      slices_[k].active = false;
      hidden.push_back(k);
    }
    return hidden;
  }

  bool applies() const { return last_ && pass_ != Pass::transform; }

  // Before anything moves: a schedule may complain.
  void ask_schedules() {
    for (size_t r = 0; r < stages_.size(); ++r) {
      const Rule* rule = stages_[r]->rule();
      if (!rule || !rule->scheduled) continue;
      scheduled_.resize(stages_.size());
      for (const auto& slice : slices_)
        if (slice.active && is_in(masks_[r], slice)) values(*rule, r, counts_[r][slice.array] + 1);
    }
  }

  // A rule's hyper-parameters at update t. Parameters that were never skipped share one t.
  const RuleValues& values(const Rule& rule, size_t r, int64_t t) {
    if (!rule.scheduled) return rule.values;
    for (const auto& [known, at_known] : scheduled_[r]) {
      if (known == t) return at_known;
    }
    return scheduled_[r].emplace_back(t, rule.values_at(t)).second;
  }

  void one(const Rule& rule, size_t r, size_t slot) {
    const auto& kind = *rule.kind;
    switch (kind.role) {
      case Role::elementwise:
        move(kind, slot, coefficients(rule, r), applies());
        break;
      case Role::accumulate:
        accumulate(rule, r, slot);
        break;
      case Role::clip_norm: {
        auto norms = power_sums(*rule.values.p);
        for (size_t i = 0; i < slices_.size(); ++i)
          norms[i] = checked_norm(rule, norms[i], slices_[i].path);
        scale_by([&](size_t i) { return factor(rule, norms[i]); });
        break;
      }
      case Role::clip_global_norm: {
        double p = *rule.values.p, total = 0;
        for (double v : power_sums(p))
          total = std::isinf(p) ? kernels::rules::maximum(v, total) : total + v;
        double f = factor(rule, checked_norm(rule, total, nullptr));
        scale_by([&](size_t) { return f; });
        break;
      }
      case Role::trust_ratio: {
        move(kind, slot, coefficients(rule, r), false);
        const auto size = power_sums(2, true), way = power_sums(2);
        scale_by([&](size_t i) {
          const bool both = size[i] > 0 && way[i] > 0;
          return *at_its_count(rule, r, slices_[i]).lr * (both ? std::sqrt(size[i] / way[i]) : 1);
        });
        break;
      }
      case Role::muon:
        for (Slice& slice : slices_) {
          if (!slice.active) continue;
          if (rule.counts()) ++counts_[r][slice.array];
          muon(at_its_count(rule, r, slice), slice, slot);
        }
        if (applies()) pass_on();
        break;
    }
  }

  const RuleValues& at_its_count(const Rule& rule, size_t r, const Slice& slice) {
    return values(rule, r, counts_[r][slice.array]);
  }

  static void muon(const RuleValues& h, Slice& slice, size_t slot) {
    auto tensor = [&](const void* p, const Tensor& t) {
      if (!slice.loops) return t.to(arithmetic_of(slice.dtype));
      return at::from_blob(const_cast<void*>(p), *slice.sizes, at::TensorOptions(slice.dtype));
    };
    muon_step(h, tensor(slice.g, slice.tg), tensor(slice.x, slice.tx),
              slice.loops ? tensor(slice.s[slot], {}) : slice.ts[slot],
              slice.loops ? tensor(slice.d, {}) : slice.td);
    slice.g = slice.d, slice.tg = slice.td;
  }

  // One set of coefficients per slice: parameters that were skipped once are behind in their
  // counts.
  std::vector<Coefficients> coefficients(const Rule& rule, size_t r) {
    std::vector<Coefficients> all(slices_.size());
    int64_t before = -1;
    const Coefficients* same = nullptr;
    for (size_t i = 0; i < slices_.size(); ++i) {
      if (!slices_[i].active) continue;
      int64_t t = rule.counts() ? ++counts_[r][slices_[i].array] : 0;
      if (same && t == before) {
        all[i] = *same;
      } else {
        rule.kind->coefficients(values(rule, r, t), static_cast<double>(t), all[i].data());
      }
      same = &all[i], before = t;
    }
    return all;
  }

  void move(const RuleKind& kind, size_t slot, const std::vector<Coefficients>& c, bool apply) {
    auto work = chunks(slices_);
    for_each_chunk(work, [&](size_t, const Chunk& chunk) {
      const Slice& slice = slices_[chunk.slice];
      auto run = slice.dtype == kFloat32 ? run_block<float> : run_block<double>;
      run(kind.formula, slice, chunk, slot, kind.slots.size(), apply, c[chunk.slice].data());
    });
    for (size_t i = 0; i < slices_.size(); ++i) {
      Slice& slice = slices_[i];
      if (!slice.active) continue;
      if (!slice.loops) {
        run_on_tensors(kind.formula, slice.tx, slice.tg, apply ? Tensor() : slice.td,
                       slice.ts.data() + slot, c[i].data());
      }
      slice.g = slice.d, slice.tg = slice.td;
    }
  }

  template <class F>
  void scale_by(const F& f) {
    std::vector<Coefficients> c(slices_.size());
    bool needed = last_;
    for (size_t i = 0; i < slices_.size(); ++i) {
      c[i] = {slices_[i].active ? f(i) : 1.0};
      needed = needed || c[i][0] != 1;
    }
    // A gradient below the limit goes on as it is.
    if (needed) move(rule_kind(typeid(Descent)), 0, c, applies());
  }

  void pass_on() {
    scale_by([](size_t) { return 1.0; });
  }

  void accumulate(const Rule& rule, size_t r, size_t slot) {
    const double n = rule.values.n;
    move(*rule.kind, slot, coefficients(rule, r), false);
    std::vector<Coefficients> to_mean(slices_.size());
    bool early = false;
    for (size_t i = 0; i < slices_.size(); ++i) {
      Slice& slice = slices_[i];
      if (!is_in(*here_, slice)) continue;
      int64_t& count = counts_[r][slice.array];
      const bool full = slice.active && static_cast<double>(count) >= n;
      to_mean[i] = {1.0};
      if (!full && pass_ == Pass::flush && count > 0) {
        // A window that ends early: from the sum of what has come, each part divided by n.
        to_mean[i] = {n / static_cast<double>(count)};
        slice.active = early = true;
        if (slice.loops) {
          slice.g = slice.s[slot];
        } else {
          slice.tg = slice.ts[slot];
        }
      } else {
        slice.active = full;
      }
      if (slice.active) count = 0;
    }
    if (early) move(rule_kind(typeid(Descent)), 0, to_mean, false);
    for (Slice& slice : slices_) {
      if (!slice.active) continue;
      if (slice.loops) {
        size_t bytes = static_cast<size_t>(slice.n) *
                       (slice.dtype == kFloat32 ? sizeof(float) : sizeof(double));
        std::fill_n(static_cast<char*>(slice.s[slot]), bytes, char(0));
      } else {
        slice.ts[slot].zero_();
      }
    }
    if (applies()) pass_on();
  }

  // sum |g|^p of each slice, or of its parameter (max |g| for infinity).
  std::vector<double> power_sums(double p, bool of_parameters = false) {
    auto work = chunks(slices_);
    std::vector<double> parts(work.size());
    for_each_chunk(work, [&](size_t i, const Chunk& chunk) {
      const Slice& slice = slices_[chunk.slice];
      int64_t n = chunk.end - chunk.begin;
      const void* from = of_parameters ? slice.x : slice.g;
      parts[i] = slice.dtype == kFloat32
                     ? kernels::power_sum(static_cast<const float*>(from) + chunk.begin, n, p)
                     : kernels::power_sum(static_cast<const double*>(from) + chunk.begin, n, p);
    });
    std::vector<double> sums(slices_.size(), 0.0);
    for (size_t i = 0; i < work.size(); ++i) {
      double& sum = sums[work[i].slice];
      sum = std::isinf(p) ? kernels::rules::maximum(parts[i], sum) : sum + parts[i];
    }
    for (size_t i = 0; i < slices_.size(); ++i) {
      const Slice& slice = slices_[i];
      if (!slice.active || slice.loops || slice.n == 0) continue;
      // float64 is slow on many GPUs.
      const Tensor& from = of_parameters ? slice.tx : slice.tg;
      bool wide = slice.dtype == kFloat64 || slice.tg.device().is_cpu();
      auto accumulated = wide ? kFloat64 : kFloat32;
      double norm =
          at::linalg_vector_norm(from, p, std::nullopt, false, accumulated).item<double>();
      sums[i] = std::isinf(p) ? norm : std::pow(norm, p);
    }
    if (combine_) combine_(sums, p);
    return sums;
  }

  static double checked_norm(const Rule& rule, double power_sum, const std::string* path) {
    double p = *rule.values.p;
    double norm = p == 2                    ? std::sqrt(power_sum)
                  : p == 1 || std::isinf(p) ? power_sum
                                            : std::pow(power_sum, 1 / p);
    if (rule.values.check_finite != 0 && !std::isfinite(norm)) {
      ArgumentError error(
          std::string(rule.kind->name()),
          fmt::format(
              "expected a gradient with a finite norm, got {}. The loss or its gradient is not "
              "finite; {{.check_finite = false}} lets it pass.",
              norm));
      if (path) error.prepend_path_(*path);
      throw error;
    }
    return norm;
  }

  static double factor(const Rule& rule, double norm) {
    const double omega = *rule.values.omega;
    return norm <= omega ? 1.0 : omega / norm;
  }

  std::span<const Stage* const> stages_;
  std::span<const Place> places_;
  std::span<const Mask> masks_;
  std::vector<Slice>& slices_;
  std::vector<std::vector<int64_t>>& counts_;
  Pass pass_;
  bool last_ = false;
  const Mask* here_ = nullptr;  // of the stage that runs
  const OwnStage& own_;
  const CombineSums& combine_;
  std::vector<std::vector<std::pair<int64_t, RuleValues>>> scheduled_;  // by stage, by t
};

}  // namespace

void run_stages(std::span<const Stage* const> stages, std::span<const Place> places,
                std::span<const Mask> masks, std::vector<Slice>& slices,
                std::vector<std::vector<int64_t>>& counts, Pass pass, const OwnStage& own,
                const CombineSums& combine) {
  Run(stages, places, masks, slices, counts, pass, own, combine).all();
}

}  // namespace luxtorch::detail
