#include "luxtorch/layers/transformer_layer.h"

#include "layers/check.h"
#include "layers/transformer_norm.h"
#include "text.h"

namespace luxtorch {

namespace {

// Before the members are made, whose own errors would name other sizes.
TransformerLayerOptions checked_options(const char* who, int64_t dims,
                                        TransformerLayerOptions options) {
  check_positive(who, "dims", dims);
  check_positive(who, ".nheads", options.nheads);
  if (dims % options.nheads != 0) {
    throw ArgumentError(who, fmt::format("expected dims divisible by .nheads, got {} and {}.", dims,
                                         options.nheads));
  }
  if (options.hidden < 0) {
    throw ArgumentError(who,
                        fmt::format("expected .hidden of at least 1, or 0 for the default, got {}.",
                                    options.hidden));
  }
  if (!(options.dropout >= 0 && options.dropout < 1)) {
    throw ArgumentError(
        who, fmt::format("expected .dropout from 0 to below 1, got {}.", options.dropout));
  }
  check_epsilon(who, options.epsilon);
  return options;
}

MultiHeadAttentionOptions attention_options(const TransformerLayerOptions& o) {
  return {.nheads = o.nheads,
          .kv_heads = o.kv_heads,
          .dense = {.use_bias = o.use_bias},
          .attention_dropout_probability = o.dropout,
          .is_causal = o.is_causal,
          .rotary = o.rotary,
          .qk_norm = o.qk_norm,
          .epsilon = o.epsilon,
          .cache_length = o.cache_length};
}
// The memory has no order that causality or positions could be about, and is there as a whole.
MultiHeadAttentionOptions memory_options(const TransformerLayerOptions& o) {
  auto options = attention_options(o);
  options.is_causal = false, options.rotary.reset(), options.cache_length = 0;
  return options;
}

Tensor parameter_of(const Tree& ps, const Tensor& x) {
  return detail::DenseField::parameter(ps["self_attn"]["out_proj"], x);
}

Tensor with_dropout(const Dropout& dropout, std::string_view name, const Tensor& x, Tree& st) {
  auto [y, next] = dropout(x, Tree(), st[name]);
  st = st.with(name, std::move(next));
  return y;
}

}  // namespace

namespace detail {

TransformerLayer::TransformerLayer(const char* who, int64_t dims, TransformerLayerOptions options,
                                   int branches)
    : dims_(dims),
      options_(checked_options(who, dims, std::move(options))),
      self_attn_(dims, attention_options(options_)),
      norms_(branches, transformer_norm(dims, options_)) {
  const bool use_bias = options_.use_bias;
  if (options_.gated) {
    gated_.emplace(dims, options_.activation,
                   GatedFeedForwardOptions{.hidden = options_.hidden, .use_bias = use_bias});
  } else {
    const int64_t hidden = options_.hidden == 0 ? 4 * dims : options_.hidden;
    linear1_.emplace(Dense(dims, hidden, options_.activation, {.use_bias = use_bias}));
    linear2_.emplace(Dense(hidden, dims, {.use_bias = use_bias}));
  }
  if (options_.dropout > 0) {
    const Dropout dropout(options_.dropout);
    if (linear1_) dropout_ = dropout;
    dropouts_.assign(branches, dropout);
  }
}

Tensor TransformerLayer::residual(size_t number, const Tensor& x, const Tree& ps, Tree& st,
                                  const std::function<Tensor(const Tensor& x)>& branch) const {
  auto normed = [&](const Tensor& t) {
    return normalized(norms_[number], t, ps[kNorms[number]], st[kNorms[number]]);
  };
  Tensor added = branch(options_.norm_first ? normed(x) : x);
  if (!dropouts_.empty()) added = with_dropout(dropouts_[number], kDropouts[number], added, st);
  const Tensor y = x + added;
  return options_.norm_first ? y : normed(y);
}

Tensor TransformerLayer::self_attention(const Tensor& x, const Tensor& mask, Tree* carry,
                                        const Tree& ps, Tree& st) const {
  const Tree &its_ps = ps["self_attn"], its_st = st["self_attn"];
  if (carry) {
    auto [step, next] = self_attn_.step(x, mask, *carry, its_ps, its_st);
    *carry = std::move(step.carry), st = st.with("self_attn", std::move(next));
    return step.y;
  }
  auto [y, next] =
      mask.defined() ? self_attn_(x, x, x, mask, its_ps, its_st) : self_attn_(x, its_ps, its_st);
  st = st.with("self_attn", std::move(next));
  return y.tensor();
}

Tensor TransformerLayer::feed_forward(const Tensor& x, const Tree& ps, Tree& st) const {
  if (gated_) return (*gated_)(x, ps["mlp"], st["mlp"]).first;
  Tensor hidden = (*linear1_)("linear1", x, ps, st);
  if (dropout_) hidden = with_dropout(*dropout_, "dropout", hidden, st);
  return (*linear2_)("linear2", hidden, ps, st);
}

std::string TransformerLayer::label(const char* name) const {
  const TransformerLayerOptions& o = options_;
  const TransformerLayerOptions usual;
  auto text = fmt::format("{}({}, nheads={}", name, dims_, o.nheads);
  auto add = [&](const char* option, const auto& value, const auto& otherwise) {
    if (value != otherwise) text += fmt::format(", {}={}", option, value);
  };
  add("hidden", o.hidden, usual.hidden);
  add("activation", o.activation.name(), usual.activation.name());
  add("dropout", o.dropout, usual.dropout);
  add("norm_first", o.norm_first, usual.norm_first);
  if (o.norm == TransformerNorm::RMSNorm) text += ", norm=RMSNorm";
  add("epsilon", o.epsilon, usual.epsilon);
  add("gated", o.gated, usual.gated);
  add("kv_heads", o.kv_heads, usual.kv_heads);
  if (o.rotary)
    text += ", rotary=" + RotaryPositionalEmbedding(dims_ / o.nheads, *o.rotary).label();
  add("is_causal", o.is_causal, usual.is_causal);
  add("use_bias", o.use_bias, usual.use_bias);
  add("qk_norm", o.qk_norm, usual.qk_norm);
  add("cache_length", o.cache_length, usual.cache_length);
  return text + ")";
}

}  // namespace detail

TransformerEncoderLayer::TransformerEncoderLayer(int64_t dims, TransformerLayerOptions options)
    : TransformerLayer("TransformerEncoderLayer", dims, std::move(options), 2) {}

Tensor TransformerEncoderLayer::run(const Tensor& x, const Tensor& mask, Tree* carry,
                                    const Tree& ps, Tree& st) const {
  check_input(*this, x, dims_, parameter_of(ps, x), "batch, time, ", 2, 3);
  const Tensor attended = residual(
      0, x, ps, st, [&](const Tensor& h) { return self_attention(h, mask, carry, ps, st); });
  return residual(1, attended, ps, st, [&](const Tensor& h) { return feed_forward(h, ps, st); });
}

Out<Tensor> TransformerEncoderLayer::operator()(const Tensor& x, const Tree& ps,
                                                const Tree& st) const {
  return (*this)(x, Tensor(), ps, st);
}

Out<Tensor> TransformerEncoderLayer::operator()(const Tensor& x, const Tensor& mask, const Tree& ps,
                                                const Tree& st) const {
  Tree next = st;
  Tensor y = run(x, mask, nullptr, ps, next);
  detail::report(*this, y);
  return {std::move(y), std::move(next)};
}

Out<Step> TransformerEncoderLayer::step(const Tensor& x, const Tree& carry, const Tree& ps,
                                        const Tree& st) const {
  return step(x, Tensor(), carry, ps, st);
}

Out<Step> TransformerEncoderLayer::step(const Tensor& x, const Tensor& mask, const Tree& carry,
                                        const Tree& ps, const Tree& st) const {
  Tree next = st;
  Step step{.y = {}, .carry = carry};
  step.y = run(x, mask, &step.carry, ps, next);
  detail::report(*this, step);
  return {std::move(step), std::move(next)};
}

std::string TransformerEncoderLayer::label() const {
  return TransformerLayer::label("TransformerEncoderLayer");
}

struct TransformerDecoderLayer::Inputs {
  const Tensor &x, &memory;
  Tensor mask = {}, memory_mask = {};
  Tree *carry = nullptr, *held = nullptr;  // of a step: of self-attention, and of the memory
};

TransformerDecoderLayer::TransformerDecoderLayer(int64_t dims, TransformerLayerOptions options)
    : TransformerLayer("TransformerDecoderLayer", dims, std::move(options), 3),
      multihead_attn_(dims, memory_options(options_)) {}

Tensor TransformerDecoderLayer::run(const Inputs& in, const Tree& ps, Tree& st) const {
  check_input(*this, in.x, dims_, parameter_of(ps, in.x), "batch, time, ", 2, 3);
  const Tensor attended = residual(0, in.x, ps, st, [&](const Tensor& h) {
    return self_attention(h, in.mask, in.carry, ps, st);
  });
  const Tensor informed = residual(1, attended, ps, st, [&](const Tensor& h) {
    const Tree &its_ps = ps["multihead_attn"], its_st = st["multihead_attn"];
    if (in.held) {
      auto [y, next] =
          multihead_attn_.attend_to(h, in.memory, in.memory_mask, *in.held, its_ps, its_st);
      st = st.with("multihead_attn", std::move(next));
      return y;
    }
    auto [y, next] = in.memory_mask.defined()
                         ? multihead_attn_(h, in.memory, in.memory, in.memory_mask, its_ps, its_st)
                         : multihead_attn_(h, in.memory, its_ps, its_st);
    st = st.with("multihead_attn", std::move(next));
    return y.tensor();
  });
  return residual(2, informed, ps, st, [&](const Tensor& h) { return feed_forward(h, ps, st); });
}

Out<Tensor> TransformerDecoderLayer::operator()(const Tensor& x, const Tensor& memory,
                                                const Tree& ps, const Tree& st) const {
  return (*this)(x, memory, Tensor(), Tensor(), ps, st);
}
Out<Tensor> TransformerDecoderLayer::operator()(const Tensor& x, const Tensor& memory,
                                                const Tensor& mask, const Tree& ps,
                                                const Tree& st) const {
  return (*this)(x, memory, mask, Tensor(), ps, st);
}
Out<Tensor> TransformerDecoderLayer::operator()(const Tensor& x, const Tensor& memory,
                                                const Tensor& mask, const Tensor& memory_mask,
                                                const Tree& ps, const Tree& st) const {
  Tree next = st;
  Tensor y = run({x, memory, mask, memory_mask}, ps, next);
  detail::report(*this, y);
  return {std::move(y), std::move(next)};
}

Out<Step> TransformerDecoderLayer::step(const Tensor& x, const Tensor& memory, const Tree& carry,
                                        const Tree& ps, const Tree& st) const {
  return step(x, memory, Tensor(), Tensor(), carry, ps, st);
}

Out<Step> TransformerDecoderLayer::step(const Tensor& x, const Tensor& memory, const Tensor& mask,
                                        const Tensor& memory_mask, const Tree& carry,
                                        const Tree& ps, const Tree& st) const {
  const bool starts = carry.is_none();
  if (!starts && !(carry.is_tuple() && carry.size() == 2)) {
    fail(*this, fmt::format("expected a carry of self-attention and of the memory, a tuple of 2, "
                            "got {}.",
                            describe_kind(carry)));
  }
  Tree next = st, own = starts ? Tree() : carry[0], held = starts ? Tree() : carry[1];
  Step step;
  step.y = run({x, memory, mask, memory_mask, &own, &held}, ps, next);
  step.carry = tuple({std::move(own), std::move(held)});
  detail::report(*this, step);
  return {std::move(step), std::move(next)};
}

std::string TransformerDecoderLayer::label() const {
  return TransformerLayer::label("TransformerDecoderLayer");
}

}  // namespace luxtorch
