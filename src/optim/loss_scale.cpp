#include "luxtorch/optim/loss_scale.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "luxtorch/core/error.h"
#include "optim/layout.h"

namespace luxtorch {

namespace {

void check(bool fits, const char* name, const char* range, double got) {
  if (fits) return;
  throw ArgumentError("LossScale", fmt::format("expected {} {}, got {}.", name, range, got));
}

bool all_finite(const std::vector<Tensor>& gradients) {
  std::vector<Tensor> flags;
  for (const Tensor& g : gradients) {
    if (!g.defined() || g.numel() == 0) continue;
    const Tensor flag = at::isfinite(g).all();
    flags.push_back(flags.empty() ? flag : flag.to(flags[0].device()));
  }
  return flags.empty() || at::stack(flags).all().item<bool>();  // one wait for a device
}

}  // namespace

LossScale::LossScale(LossScaleOptions o) : options_(o) {
  check(o.initial > 0 && std::isfinite(o.initial), "initial", "above 0 and finite", o.initial);
  check(o.growth >= 1 && std::isfinite(o.growth), "growth", "of at least 1 and finite", o.growth);
  check(o.backoff > 0 && o.backoff <= 1, "backoff", "in (0, 1]", o.backoff);
  check(o.interval >= 1, "interval", "of at least 1", static_cast<double>(o.interval));
}

Tree LossScale::init(const Tree&) const {
  return named({{"scale", options_.initial}, {"finite_steps", int64_t{0}}});
}

std::pair<Tree, Tree> LossScale::transform(const Tree& grads, const Tree& opt_state,
                                           const Tree&) const {
  const double scale = loss_scale(opt_state);
  if (!all_finite(tree::tensors(grads))) {
    return {tree::map([](const Tree&) { return Tree(); }, grads),
            named({{"scale", scale * options_.backoff}, {"finite_steps", int64_t{0}}})};
  }
  Tree unscaled = tree::map_tensors(
      [&](const Tensor& g) {
        return g.defined() ? g.to(detail::arithmetic_of(g.scalar_type())) / scale : g;
      },
      grads);
  const int64_t finite = opt_state["finite_steps"].scalar<int64_t>() + 1;
  const bool full = finite >= options_.interval;
  const double grown = full ? scale * options_.growth : scale;
  return {std::move(unscaled), named({{"scale", std::isfinite(grown) ? grown : scale},
                                      {"finite_steps", full ? int64_t{0} : finite}})};
}

double LossScale::loss_scale(const Tree& opt_state) const {
  return opt_state["scale"].scalar<double>();
}

std::string LossScale::label() const {
  return fmt::format("LossScale({}, growth = {}, backoff = {}, interval = {})", options_.initial,
                     options_.growth, options_.backoff, options_.interval);
}

}  // namespace luxtorch
