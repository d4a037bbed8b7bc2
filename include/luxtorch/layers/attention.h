// Multi-head attention, and its key-value cache.
//
//     MultiHeadAttention attention(64, {.nheads = 8, .is_causal = true});
//     auto [y, st2] = attention(x, ps, st);                    // x (batch, time, 64)
//     auto [cross, st3] = attention(x, kv, ps, st);            // queries of x, keys and values of kv
//     KVCacheCell cell(attention);                             // the same, some tokens at a time
//     auto [step, st4] = cell(x, carry, ps, st);               // step.y, and step.carry for the next
//     auto [first, st5] = cell(x, mask, Tree(), ps, st);       // mask (batch, time): false for padding
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/positions.h"
#include "luxtorch/layers/rms_norm.h"

namespace luxtorch {

/// Sizes of MultiHeadAttention: features of its inputs, of all heads together, and of y. 0 stands for
/// the size that its comment names.
struct AttentionDims {
  int64_t q_in;      ///< Of q.
  int64_t k_in = 0;  ///< Of k; 0: q_in.
  int64_t v_in = 0;  ///< Of v; 0: k_in.
  int64_t qk = 0;    ///< Of the projected queries, all heads; 0: q_in.
  int64_t v = 0;     ///< Of the projected values, for as many heads as queries have; 0: qk.
  int64_t out = 0;   ///< Of y; 0: v.
};

/// The options of MultiHeadAttention.
struct MultiHeadAttentionOptions {
  int64_t nheads = 1;    ///< Divides qk and v.
  int64_t kv_heads = 0;  ///< Heads of keys and values, a divisor of nheads; 0: nheads.
  DenseOptions dense = {.use_bias = false};  ///< Of the four projections.
  double attention_dropout_probability = 0;  ///< Of the scores, in training.
  bool is_causal = false;                    ///< Token i attends to tokens j <= i alone.
  bool return_scores = false;                ///< y is a tuple (y, scores).
  /// Rotates queries and keys by their positions; the options of RotaryPositionalEmbedding.
  std::optional<RotaryPositionalEmbeddingOptions> rotary = {};
  bool alibi = false;  ///< Adds ops::alibi_bias to the products of queries and keys.
  /// Divides each head's queries and keys by their root mean square, times a learned scale of the
  /// head's size, before .rotary (Dehghani et al. 2023).
  bool qk_norm = false;
  double epsilon = 1e-6;  ///< Of .qk_norm.
  /// How many tokens a carry has room for: a step without gradients writes into memory of that size
  /// instead of copying all earlier keys and values. 0: no limit, and a copy in every step. A carry
  /// still holds what it held, also after a step from it; two steps from one carry at the same time, by
  /// two threads, are not allowed.
  int64_t cache_length = 0;
};

namespace detail {

/// A layer's own Dense, which layer_map may replace by any layer. Each copy has a Dense of its own, by
/// whose address errors and summaries know its place.
class LUXTORCH_API DenseField {
 public:
  explicit DenseField(Dense dense);
  DenseField(const DenseField& other);
  DenseField(DenseField&&) = default;
  DenseField& operator=(DenseField other) noexcept;
  ~DenseField() = default;

  /// What is there now.
  const Layer& layer() const { return layer_; }
  /// y, with the parts `name` of ps and st; its new states become that of st.
  Tensor operator()(std::string_view name, const Tensor& x, const Tree& ps, Tree& st) const;
  /// A parameter, from its part of ps, whose dtype and device x must have: the weight, or the first of a
  /// floating dtype where another layer stands there. x, if there is none.
  static Tensor parameter(const Tree& its_ps, const Tensor& x);

 private:
  Layer layer_;
};

}  // namespace detail

/// y = out_proj(attention(q_proj(q), k_proj(k), v_proj(v))) of several heads (Vaswani et al. 2017):
/// Lux's MultiHeadAttention, torch.nn.MultiheadAttention; ops::scaled_dot_product_attention says more.
///
/// Calls: x, which stands for (x, x, x); (q, kv), for (q, kv, kv); (q, k, v); (q, k, v, mask). q:
/// (batch, time, q_in), k and v: (batch, keys, k_in) and (batch, keys, v_in), or all without batch; of
/// the parameters' dtype and device. mask: booleans, true where a query may attend to a key
/// (torch.nn.MultiheadAttention's are the opposite), of a shape that broadcasts to (batch, nheads, time,
/// keys); a key must be allowed by mask and by .is_causal. y: (batch, time, out); with .return_scores a
/// tuple (y, scores), scores (batch, nheads, time, keys) after dropout.
///
/// step takes the next tokens of a sequence, any number at once. Its carry holds the keys and values of
/// those before: a tuple (k, v), each (batch, kv_heads, tokens, size of a head), or without batch as x
/// is. Tree() starts a sequence. In all cuts the y are those of one causal call. step with a mask of the
/// new tokens keeps padding from being attended to, then and in all later steps: so prompts of unequal
/// length, padded at their start, are one batch. Positions count padding. The carry then has a third
/// element, the mask of all tokens so far; with .cache_length also a last one, two numbers that say what
/// was written.
///
/// Parameters and states, in this order: q_proj, k_proj, v_proj, attention_dropout, out_proj; then q_norm
/// and k_norm with .qk_norm, and the caches of .rotary. In PyTorch the first three are rows of
/// in_proj_weight (of q_proj_weight, k_proj_weight and v_proj_weight where inputs differ in size) and
/// in_proj_bias. layer_map may put any other layers in the places of the four projections. Where one of
/// the first three is no Dense then, or one has a bias and another has none, these three have their own
/// names there. Of a stack, map the stack and not the layer that it is made of: the stack's copies of that
/// layer would share the layer put there, so that errors and summaries cannot tell its places apart.
class LUXTORCH_API MultiHeadAttention {
 public:
  /// ArgumentError: a size below 1; nheads does not divide qk or v, or kv_heads nheads; a probability
  /// outside 0 to below 1; with .rotary, a head of an odd size; a .cache_length below 0.
  explicit MultiHeadAttention(AttentionDims dims, MultiHeadAttentionOptions options = {});
  /// All sizes are dims.
  explicit MultiHeadAttention(int64_t dims, MultiHeadAttentionOptions options = {})
      : MultiHeadAttention(AttentionDims{.q_in = dims}, std::move(options)) {}

  /// All layers that are visited are members: LayerAccess.
  static constexpr bool luxtorch_visits_members = true;
  /// Calls f(name, layer) for each layer in order: LayerAccess.
  template <class F>
  void luxtorch_layers(const F& f) const {
    f(std::string_view("q_proj"), q_proj_.layer()), f(std::string_view("k_proj"), k_proj_.layer());
    f(std::string_view("v_proj"), v_proj_.layer());
    f(std::string_view("attention_dropout"), attention_dropout_);
    f(std::string_view("out_proj"), out_proj_.layer());
    if (q_norm_) f(std::string_view("q_norm"), *q_norm_), f(std::string_view("k_norm"), *k_norm_);
    if (rotary_) f(std::string_view("rotary"), *rotary_);
  }
  /// Of x alone. ShapeError: another shape, dtype or device; more time steps than .rotary has positions.
  Out<Tree> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// (q, kv). ShapeError: as of x.
  Out<Tree> operator()(const Tensor& q, const Tensor& kv, const Tree& ps, const Tree& st) const;
  /// (q, k, v). ShapeError: as of x; k and v of other lengths.
  Out<Tree> operator()(const Tensor& q, const Tensor& k, const Tensor& v, const Tree& ps,
                       const Tree& st) const;
  /// (q, k, v, mask). ShapeError: also of a mask of another shape or dtype.
  Out<Tree> operator()(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                       const Tree& ps, const Tree& st) const;
  /// The next tokens, x (batch, time, q_in) or (time, q_in), after those of the carry; y alone, without
  /// scores. ShapeError: as of x; a carry of another batch size, shape, dtype or device; more tokens than
  /// .cache_length or .rotary have room for. ArgumentError: the layer is not .is_causal.
  Out<Step> step(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const;
  /// The same, and mask: booleans (batch, time) or (time), true for a token and false for padding, to
  /// which no token attends. y of padding has no meaning. Undefined: all are tokens. ShapeError: also of
  /// a mask of another shape, dtype or device.
  Out<Step> step(const Tensor& x, const Tensor& mask, const Tree& carry, const Tree& ps,
                 const Tree& st) const;
  /// The text in a printed model: "MultiHeadAttention(64 => (64, 64) => 64; nheads=8)".
  std::string label() const;

 private:
  friend class TransformerDecoderLayer;
  struct Inputs;
  struct Result;
  // (q, memory) without scores. mask: of the memory's tokens, as of step. held: nothing, and it becomes the
  // memory's keys and values and the mask; or these, from an earlier call.
  Out<Tensor> attend_to(const Tensor& q, const Tensor& memory, const Tensor& mask, Tree& held,
                        const Tree& ps, const Tree& st) const;
  bool check(const Inputs& in, const Tree& ps) const;  // is there a batch?
  void rotate(Tensor& q, Tensor& k, int64_t past, const Tree& caches) const;
  Result attend(const Inputs& in, const Tree& ps, const Tree& st) const;
  Out<Tree> call(const Inputs& in, const Tree& ps, const Tree& st) const;

  AttentionDims dims_;
  MultiHeadAttentionOptions options_;
  detail::DenseField q_proj_, k_proj_, v_proj_;
  std::optional<Dropout> attention_dropout_;
  detail::DenseField out_proj_;
  std::optional<RMSNorm> q_norm_, k_norm_;
  std::optional<RotaryPositionalEmbedding> rotary_;
};

/// The cell of a layer that has a step: a call with x alone starts a sequence. Parameters and states are
/// the layer's. StatefulRecurrentCell(KVCacheCell(attention)) keeps the carry in its states, and
/// update_state(st, "carry", Tree()) clears it.
template <class L>
class KVCacheCell {
 public:
  /// layer: MultiHeadAttention, or another one whose step(x, carry, ps, st) gives an Out<Step>.
  explicit KVCacheCell(L layer) : layer_(std::move(layer)) {}
  LUXTORCH_WRAPS(layer_)

  /// The first tokens of a sequence. Errors are the layer's.
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return (*this)(x, Tree(), ps, st);
  }
  /// The next tokens. Errors are the layer's.
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    auto out = layer_.step(x, carry, ps, st);
    detail::report(*this, out.first);
    return out;
  }
  /// The next tokens, with the mask of the layer's step: false for padding. Errors are the layer's.
  Out<Step> operator()(const Tensor& x, const Tensor& mask, const Tree& carry, const Tree& ps,
                       const Tree& st) const {
    auto out = layer_.step(x, mask, carry, ps, st);
    detail::report(*this, out.first);
    return out;
  }
  /// The text in a printed model, above the layer.
  std::string label() const { return "KVCacheCell"; }

 private:
  L layer_;
};

}  // namespace luxtorch
