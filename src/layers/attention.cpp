#include "luxtorch/layers/attention.h"

#include <algorithm>

#include "layers/attention_carry.h"
#include "layers/check.h"
#include "luxtorch/ops/attention.h"
#include "luxtorch/ops/positions.h"
#include "ops/fast_path.h"
#include "ops/flops.h"

namespace luxtorch {

namespace {

constexpr const char* kName = "MultiHeadAttention";

AttentionDims with_all(AttentionDims d) {
  auto or_else = [](int64_t size, int64_t other) { return size == 0 ? other : size; };
  d.k_in = or_else(d.k_in, d.q_in), d.v_in = or_else(d.v_in, d.k_in);
  d.qk = or_else(d.qk, d.q_in), d.v = or_else(d.v, d.qk), d.out = or_else(d.out, d.v);
  return d;
}

// Before the members are made, whose own errors would name other sizes.
AttentionDims checked(const AttentionDims& dims, MultiHeadAttentionOptions& options) {
  const AttentionDims d = with_all(dims);
  using Sizes = std::vector<std::pair<const char*, int64_t>>;
  for (const auto& [name, size] : Sizes{{"q_in", d.q_in},
                                        {"k_in", d.k_in},
                                        {"v_in", d.v_in},
                                        {"qk", d.qk},
                                        {"v", d.v},
                                        {"out", d.out}})
    check_positive(kName, name, size);
  const int64_t heads = options.nheads;
  check_positive(kName, ".nheads", heads);
  if (options.kv_heads == 0) options.kv_heads = heads;
  check_positive(kName, ".kv_heads", options.kv_heads);
  for (const auto& [name, size] : Sizes{{"qk", d.qk}, {"v", d.v}}) {
    if (size % heads == 0) continue;
    throw ArgumentError(
        kName, fmt::format("expected {} divisible by .nheads, got {} and {}.", name, size, heads));
  }
  if (heads % options.kv_heads != 0) {
    throw ArgumentError(
        kName, fmt::format("expected .nheads divisible by .kv_heads, got {} and {}.", heads,
                           options.kv_heads));
  }
  const double p = options.attention_dropout_probability;
  if (!(p >= 0 && p < 1)) {
    throw ArgumentError(kName, fmt::format("expected .attention_dropout_probability from 0 to "
                                           "below 1, got {}.",
                                           p));
  }
  if (options.cache_length < 0) {
    throw ArgumentError(
        kName, fmt::format("expected .cache_length of at least 0, got {}.", options.cache_length));
  }
  if (options.rotary && d.qk / heads % 2 != 0) {
    throw ArgumentError(
        kName, fmt::format("expected heads of an even size with .rotary, got {}.", d.qk / heads));
  }
  return d;
}

// (batch, time, heads * size) to (batch, time, heads, size).
Tensor by_head(const Tensor& x, int64_t heads) { return x.unflatten(-1, {heads, -1}); }

}  // namespace

MultiHeadAttention::MultiHeadAttention(AttentionDims dims, MultiHeadAttentionOptions options)
    : dims_(checked(dims, options)),
      options_(std::move(options)),
      q_proj_(Dense(dims_.q_in, dims_.qk, options_.dense)),
      k_proj_(Dense(dims_.k_in, dims_.qk / options_.nheads * options_.kv_heads, options_.dense)),
      v_proj_(Dense(dims_.v_in, dims_.v / options_.nheads * options_.kv_heads, options_.dense)),
      out_proj_(Dense(dims_.v, dims_.out, options_.dense)) {
  const int64_t head = dims_.qk / options_.nheads;
  if (options_.attention_dropout_probability > 0)
    attention_dropout_.emplace(options_.attention_dropout_probability);
  if (options_.qk_norm) {
    q_norm_.emplace(head, RMSNormOptions{.epsilon = options_.epsilon});
    k_norm_ = q_norm_;
  }
  if (options_.rotary) rotary_.emplace(head, *options_.rotary);
}

struct MultiHeadAttention::Inputs {
  const Tensor &q, &k, &v;
  Tensor mask = {};             // (batch, heads, queries, keys)
  Tensor tokens = {};           // a mask of the keys alone: (batch, keys)
  const Tree* carry = nullptr;  // of a step
  Tree* held = nullptr;         // of attend_to
};
struct MultiHeadAttention::Result {
  Tensor y, scores;
  Tree carry, st;
};

bool MultiHeadAttention::check(const Inputs& in, const Tree& ps) const {
  const Tensor parameter = detail::DenseField::parameter(ps["q_proj"], in.q);
  check_input(*this, in.q, dims_.q_in, parameter, "batch, time, ", 2, 3);
  const bool batched = in.q.dim() == 3;
  auto check_other = [&](const char* name, const Tensor& t, int64_t features) {
    if (t.dim() != in.q.dim() || t.size(-1) != features || t.size(-2) != in.k.size(-2) ||
        (batched && t.size(0) != in.q.size(0))) {
      fail(*this,
           fmt::format("expected {} of shape ({}keys, {}){}, got {} beside q {} and k {}.", name,
                       batched ? "batch, " : "", features, batched ? " and q's batch size" : "",
                       shape_text(t.sizes()), shape_text(in.q.sizes()), shape_text(in.k.sizes())));
    }
    check_alike(*this, name, t, parameter);
  };
  check_other("k", in.k, dims_.k_in), check_other("v", in.v, dims_.v_in);
  if (in.mask.defined() && in.mask.scalar_type() != kBool) {
    fail(*this, "expected a mask of booleans, true where a query may attend to a key, got " +
                    dtype_text(in.mask.scalar_type()) + ".");
  }
  check_token_mask(*this, in.held ? "a mask of the memory" : "a mask", in.tokens, in.q,
                   in.k.size(-2), batched);
  return batched;
}

// q: (batch, time, heads, size); k: (batch, kv_heads, keys, size).
void MultiHeadAttention::rotate(Tensor& q, Tensor& k, int64_t past, const Tree& caches) const {
  const int64_t rows = caches["cos_cache"].tensor().size(0);
  if (const int64_t more = std::max(q.size(1), k.size(2)); past + more > rows) {
    fail(*this, fmt::format("expected at most {} tokens, as .rotary has positions "
                            "(.max_sequence_length), got {}.",
                            rows,
                            past == 0 ? std::to_string(more)
                                      : fmt::format("{} in the carry and {} more", past, more)));
  }
  auto from_past = [&](const char* name) {
    return Tree(caches[name].tensor().narrow(0, past, rows - past));
  };
  const Tree of_these =
      past == 0
          ? caches
          : named({{"cos_cache", from_past("cos_cache")}, {"sin_cache", from_past("sin_cache")}});
  q = (*rotary_)(q, Tree(), of_these).first;
  k = (*rotary_)(k.transpose(1, 2), Tree(), of_these).first.transpose(1, 2);
}

MultiHeadAttention::Result MultiHeadAttention::attend(const Inputs& in, const Tree& ps,
                                                      const Tree& st) const {
  const bool batched = check(in, ps);
  Result result{.y = {}, .scores = {}, .carry = {}, .st = st};
  auto with_batch = [&](const Tensor& t) { return batched || !t.defined() ? t : t.unsqueeze(0); };
  auto as_given = [&](const Tensor& t) { return batched ? t : t.squeeze(0); };
  auto projected = [&](const detail::DenseField& p, const char* name, const Tensor& t, int64_t n) {
    return by_head(p(name, with_batch(t), ps, result.st), n);
  };
  const int64_t qk_head = dims_.qk / options_.nheads, v_head = dims_.v / options_.nheads;
  Tensor q = projected(q_proj_, "q_proj", in.q, options_.nheads);
  if (q_norm_) q = (*q_norm_)(q, ps["q_norm"], st["q_norm"]).first;
  KVCache now{
      .k = {}, .v = {}, .mask = with_batch(in.tokens)};  // k, v: (batch, kv_heads, keys, size)
  if (in.held && !in.held->is_none()) {
    const int64_t keys = in.k.size(-2), heads = options_.kv_heads;
    KVCache memory =
        memory_of(*this, *in.held, q, {{{heads, keys, qk_head}, {heads, keys, v_head}}}, batched);
    if (now.mask.defined()) memory.mask = now.mask;
    now = std::move(memory);
  } else {
    now.k = projected(k_proj_, "k_proj", in.k, options_.kv_heads);
    now.v = projected(v_proj_, "v_proj", in.v, options_.kv_heads).transpose(1, 2);
    if (k_norm_) now.k = (*k_norm_)(now.k, ps["k_norm"], st["k_norm"]).first;
    now.k = now.k.transpose(1, 2);
  }
  if (in.held) *in.held = carry_of(now, 0, batched);
  const KVCache earlier = in.carry ? cache_of(*this, *in.carry, now.k, now.v, batched) : KVCache{};
  const int64_t past = earlier.tokens(), time = q.size(1);
  if (in.carry && options_.cache_length > 0 && past + time > options_.cache_length) {
    fail(*this,
         fmt::format("expected at most {} tokens, as .cache_length says, got {} in the carry "
                     "and {} more.",
                     options_.cache_length, past, time));
  }
  if (rotary_) rotate(q, now.k, past, st["rotary"]);
  q = q.transpose(1, 2);
  if (in.carry) {
    now = appended(earlier, now, options_.cache_length,
                   /*recorded=*/needs_graph({q, now.k, now.v, earlier.k, earlier.v}));
    result.carry = carry_of(now, options_.cache_length, batched);
  }
  const Tensor &k = now.k, &v = now.v;
  ops::AttentionOptions options{.mask = in.mask,
                                .is_causal = options_.is_causal,
                                .past = past,
                                .return_scores = options_.return_scores};
  if (now.mask.defined()) options.mask = now.mask.unsqueeze(1).unsqueeze(1);
  if (options_.alibi && !q.is_meta()) {
    options.bias = ops::alibi_bias(options_.nheads, time, k.size(2),
                                   {.past = past, .dtype = q.scalar_type(), .device = q.device()});
  }
  const Tree& dropout = st["attention_dropout"];
  if (attention_dropout_ && dropout["training"].scalar<bool>()) {
    options.fdrop = [&](const Tensor& scores) {
      auto [kept, next] = (*attention_dropout_)(scores, Tree(), dropout);
      result.st = result.st.with("attention_dropout", std::move(next));
      return kept;
    };
  }
  const auto [y, scores] = [&] {
    try {
      return ops::scaled_dot_product_attention(q, k, v, options);
    } catch (const ShapeError& error) {  // of the mask's shape
      fail(*this, error.message());
    }
  }();
  if (detail::is_observed()) {  // before out_proj, in whose row it would stand
    const int64_t products = q.size(0) * options_.nheads * time;
    const Tensor& by_scores = ops::is_recorded(k) ? k : q;
    ops::count_product(products, q.size(3), k.size(2), {&q, &k});          // scores
    ops::count_product(products, k.size(2), v.size(3), {&by_scores, &v});  // their weighted sums
    detail::report_part(*this, y);
  }
  result.y = as_given(out_proj_("out_proj", y.transpose(1, 2).flatten(2), ps, result.st));
  if (options_.return_scores) result.scores = as_given(scores);
  return result;
}

Out<Tree> MultiHeadAttention::call(const Inputs& in, const Tree& ps, const Tree& st) const {
  auto result = attend(in, ps, st);
  Tree y = result.y;
  if (options_.return_scores) y = tuple({result.y, result.scores});
  detail::report(*this, y);
  return {std::move(y), std::move(result.st)};
}

Out<Tree> MultiHeadAttention::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  return call({x, x, x}, ps, st);
}
Out<Tree> MultiHeadAttention::operator()(const Tensor& q, const Tensor& kv, const Tree& ps,
                                         const Tree& st) const {
  return call({q, kv, kv}, ps, st);
}
Out<Tree> MultiHeadAttention::operator()(const Tensor& q, const Tensor& k, const Tensor& v,
                                         const Tree& ps, const Tree& st) const {
  return call({q, k, v}, ps, st);
}
Out<Tree> MultiHeadAttention::operator()(const Tensor& q, const Tensor& k, const Tensor& v,
                                         const Tensor& mask, const Tree& ps, const Tree& st) const {
  return call({q, k, v, mask}, ps, st);
}

Out<Tensor> MultiHeadAttention::attend_to(const Tensor& q, const Tensor& memory, const Tensor& mask,
                                          Tree& held, const Tree& ps, const Tree& st) const {
  Inputs in{q, memory, memory};
  in.tokens = mask, in.held = &held;
  auto result = attend(in, ps, st);
  detail::report(*this, result.y);
  return {std::move(result.y), std::move(result.st)};
}

Out<Step> MultiHeadAttention::step(const Tensor& x, const Tree& carry, const Tree& ps,
                                   const Tree& st) const {
  return step(x, Tensor(), carry, ps, st);
}

Out<Step> MultiHeadAttention::step(const Tensor& x, const Tensor& mask, const Tree& carry,
                                   const Tree& ps, const Tree& st) const {
  if (!options_.is_causal) {
    fail<ArgumentError>(*this,
                        "expected .is_causal = true of a layer that takes steps, got false.");
  }
  auto result = attend({x, x, x, {}, mask, &carry}, ps, st);
  Step step{std::move(result.y), std::move(result.carry)};
  detail::report(*this, step);
  return {std::move(step), std::move(result.st)};
}

std::string MultiHeadAttention::label() const {
  const auto& [q_in, k_in, v_in, qk, v, out] = dims_;
  const bool one = q_in == k_in && q_in == v_in;
  auto text =
      fmt::format("{}({} => ({}, {}) => {}; nheads={}", kName,
                  one ? std::to_string(q_in) : fmt::format("({}, {}, {})", q_in, k_in, v_in), qk, v,
                  out, options_.nheads);
  if (options_.kv_heads != options_.nheads) text += fmt::format(", kv_heads={}", options_.kv_heads);
  if (options_.dense.use_bias) text += ", use_bias=true";
  if (const double p = options_.attention_dropout_probability; p > 0)
    text += fmt::format(", attention_dropout_probability={}", p);
  if (options_.is_causal) text += ", is_causal=true";
  if (options_.return_scores) text += ", return_scores=true";
  if (rotary_) text += ", rotary=" + rotary_->label();
  if (options_.alibi) text += ", alibi=true";
  if (options_.qk_norm) text += ", qk_norm=true";
  if (const double e = options_.epsilon; e != MultiHeadAttentionOptions{}.epsilon)
    text += fmt::format(", epsilon={}", e);
  if (options_.cache_length > 0) text += fmt::format(", cache_length={}", options_.cache_length);
  return text + ")";
}

}  // namespace luxtorch
