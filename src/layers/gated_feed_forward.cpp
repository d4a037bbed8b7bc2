#include "luxtorch/layers/gated_feed_forward.h"

#include "layers/check.h"

namespace luxtorch {

namespace {

constexpr const char* kGatedFeedForward = "GatedFeedForward";

// Before the projections are made, whose own errors would name other sizes.
int64_t hidden_features(int64_t dims, int64_t hidden) {
  check_positive(kGatedFeedForward, "dims", dims);
  if (hidden < 0) {
    throw ArgumentError(
        kGatedFeedForward,
        fmt::format("expected .hidden of at least 1, or 0 for 8/3 dims, got {}.", hidden));
  }
  return hidden == 0 ? (dims + 23) / 24 * 64 : hidden;
}

}  // namespace

GatedFeedForward::GatedFeedForward(int64_t dims, Activation activation,
                                   GatedFeedForwardOptions options)
    : gate_proj_(dims, hidden_features(dims, options.hidden), activation,
                 {.use_bias = options.use_bias}),
      up_proj_(dims, gate_proj_.out_dims(), {.use_bias = options.use_bias}),
      down_proj_(gate_proj_.out_dims(), dims, {.use_bias = options.use_bias}) {}

Out<Tensor> GatedFeedForward::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  const Tensor gate = gate_proj_(x, ps["gate_proj"], st["gate_proj"]).first;
  const Tensor up = up_proj_(x, ps["up_proj"], st["up_proj"]).first;
  Tensor y = down_proj_(gate * up, ps["down_proj"], st["down_proj"]).first;
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string GatedFeedForward::label() const {
  return fmt::format("{}({} => {}, {})", kGatedFeedForward, gate_proj_.in_dims(),
                     gate_proj_.out_dims(), gate_proj_.activation().name());
}

}  // namespace luxtorch
