// Layers of a transformer: of an encoder, or of a GPT, and of a decoder.
//
//     TransformerEncoderLayer layer(24, {.nheads = 4, .hidden = 48, .is_causal = true});
//     auto [y, st2] = layer(x, ps, st);                        // x, y (batch, time, 24)
//     KVCacheCell cell(layer);                                 // the same, some tokens at a time
//     auto [step, st3] = cell(x, carry, ps, st);               // step.y, and step.carry for the next
//
// Stacks of them: transformer.h.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"
#include "luxtorch/layers/attention.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/gated_feed_forward.h"
#include "luxtorch/layers/layer_norm.h"
#include "luxtorch/layers/positions.h"
#include "luxtorch/layers/rms_norm.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch {

/// The normalization in a transformer's layers.
enum class TransformerNorm { LayerNorm, RMSNorm };

/// The options of TransformerEncoderLayer and TransformerDecoderLayer. PyTorch's own defaults are
/// {.hidden = 2048, .activation = relu, .dropout = 0.1, .norm_first = false}.
struct TransformerLayerOptions {
  int64_t nheads = 1;  ///< Heads of attention, a divisor of dims.
  /// Features inside the feed-forward block. 0: 4 dims; with .gated that of GatedFeedForward.
  int64_t hidden = 0;
  Activation activation = gelu;  ///< Of the feed-forward block; with .gated of its gate.
  /// In training: of attention's scores, of hidden features, and of what each branch adds. From 0 to
  /// below 1; of 0 the layer has no states.
  double dropout = 0;
  /// True: each branch adds branch(norm(x)) to x. False: x becomes norm(x + branch(x)).
  bool norm_first = true;
  TransformerNorm norm = TransformerNorm::LayerNorm;  ///< Its kind.
  double epsilon = 1e-5;                              ///< Of all normalizations, at least 0.
  /// The feed-forward block is a GatedFeedForward: GEGLU, with .activation = swish SwiGLU.
  bool gated = false;
  int64_t kv_heads = 0;  ///< Heads of keys and values, a divisor of nheads; 0: nheads.
  /// Rotates queries and keys of self-attention by their positions.
  std::optional<RotaryPositionalEmbeddingOptions> rotary = {};
  bool is_causal = false;    ///< In self-attention token i attends to tokens j <= i alone.
  bool use_bias = true;      ///< False: no biases anywhere, as PyTorch's bias = False.
  bool qk_norm = false;      ///< As of MultiHeadAttention.
  int64_t cache_length = 0;  ///< As of MultiHeadAttention, of self-attention.
};

namespace detail {

using TransformerNormLayer = std::variant<LayerNorm, RMSNorm>;

/// What both layers have: self-attention, feed-forward, and a norm and a dropout for each branch.
class LUXTORCH_API TransformerLayer {
 public:
  /// The last size of x and y.
  int64_t dims() const { return dims_; }
  /// The options.
  const TransformerLayerOptions& options() const { return options_; }
  /// All layers that are visited are members: LayerAccess.
  static constexpr bool luxtorch_visits_members = true;

 protected:
  TransformerLayer(const char* who, int64_t dims, TransformerLayerOptions options, int branches);

  // Calls f(name, layer) for those behind attention, in torch's order.
  template <class F>
  void visit_others(const F& f) const {
    if (gated_) f(std::string_view("mlp"), *gated_);
    if (linear1_) f(std::string_view("linear1"), linear1_->layer());
    if (dropout_) f(std::string_view("dropout"), *dropout_);
    if (linear2_) f(std::string_view("linear2"), linear2_->layer());
    for (size_t i = 0; i < norms_.size(); ++i)
      std::visit([&](const auto& norm) { f(kNorms[i], norm); }, norms_[i]);
    for (size_t i = 0; i < dropouts_.size(); ++i) f(kDropouts[i], dropouts_[i]);
  }
  // x and what the branch of this number adds to it, with its norm and its dropout.
  Tensor residual(size_t number, const Tensor& x, const Tree& ps, Tree& st,
                  const std::function<Tensor(const Tensor& x)>& branch) const;
  // Its output alone. mask: undefined for none; of a step that of the new tokens. carry: nullptr for a
  // call that is no step; it becomes the next one.
  Tensor self_attention(const Tensor& x, const Tensor& mask, Tree* carry, const Tree& ps,
                        Tree& st) const;
  Tensor feed_forward(const Tensor& x, const Tree& ps, Tree& st) const;
  std::string label(const char* name) const;

  static constexpr std::array<std::string_view, 3> kNorms{"norm1", "norm2", "norm3"},
      kDropouts{"dropout1", "dropout2", "dropout3"};

  int64_t dims_;
  TransformerLayerOptions options_;
  MultiHeadAttention self_attn_;
  std::optional<GatedFeedForward> gated_;
  std::optional<DenseField> linear1_, linear2_;
  std::optional<Dropout> dropout_;
  std::vector<TransformerNormLayer> norms_;
  std::vector<Dropout> dropouts_;
};

}  // namespace detail

/// Self-attention, then a feed-forward block of each token, each in a residual connection (Vaswani et
/// al. 2017): torch.nn.TransformerEncoderLayer with batch_first, with norm_first by default (Xiong et al.
/// 2020, "On layer normalization in the transformer architecture"). With .is_causal it is the layer of a
/// GPT.
///
///     x = x + self_attn(norm1(x))                x = norm1(x + self_attn(x))
///     y = x + feed_forward(norm2(x))             y = norm2(x + feed_forward(x))    without .norm_first
///     feed_forward(x) = linear2(activation(linear1(x))), or that of GatedFeedForward
///
/// Calls: x, and (x, mask). x: (batch, time, dims) or (time, dims), of the parameters' dtype and device;
/// y: the same. mask: booleans, true where a token may attend to another (PyTorch's are the opposite),
/// of a shape that broadcasts to (batch, nheads, time, time); .is_causal holds besides.
///
/// step takes the next tokens of a sequence, with a mask where some are padding; its carry is that of
/// MultiHeadAttention.
///
/// Parameters and states, in this order: self_attn, linear1, linear2, norm1, norm2; with .gated mlp in
/// place of linear1 and linear2. With .dropout also the states dropout, dropout1, dropout2.
class LUXTORCH_API TransformerEncoderLayer : public detail::TransformerLayer {
 public:
  /// ArgumentError: dims, .nheads or .kv_heads is below 1, .hidden or .epsilon below 0; .nheads does not
  /// divide dims, or .kv_heads .nheads; .dropout outside 0 to below 1; with .rotary, a head of an odd
  /// size.
  explicit TransformerEncoderLayer(int64_t dims, TransformerLayerOptions options = {});

  /// Calls f(name, layer) for each layer in order: LayerAccess.
  template <class F>
  void luxtorch_layers(const F& f) const {
    f(std::string_view("self_attn"), self_attn_);
    visit_others(f);
  }
  /// ShapeError: x of another shape, dtype or device, or longer than .rotary's positions.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// (x, mask). ShapeError: also of a mask of another shape or dtype.
  Out<Tensor> operator()(const Tensor& x, const Tensor& mask, const Tree& ps, const Tree& st) const;
  /// The next tokens, x, after those of the carry, which is Tree() at the start. Errors as of
  /// MultiHeadAttention::step.
  Out<Step> step(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const;
  /// The same, and mask: (batch, time) or (time), false for padding, as of MultiHeadAttention::step.
  Out<Step> step(const Tensor& x, const Tensor& mask, const Tree& carry, const Tree& ps,
                 const Tree& st) const;
  /// The text in a printed model: "TransformerEncoderLayer(24, nheads=4)".
  std::string label() const;

 private:
  Tensor run(const Tensor& x, const Tensor& mask, Tree* carry, const Tree& ps, Tree& st) const;
};

/// An encoder's layer with attention to the output of an encoder, the memory, between self-attention and
/// feed-forward: torch.nn.TransformerDecoderLayer with batch_first, with norm_first by default.
///
///     x = x + self_attn(norm1(x))
///     x = x + multihead_attn(norm2(x), memory)
///     y = x + feed_forward(norm3(x))             without .norm_first as TransformerEncoderLayer
///
/// Calls: (x, memory), (x, memory, mask) and (x, memory, mask, memory_mask). x: as of
/// TransformerEncoderLayer; memory: (batch, keys, dims), or without batch as x is. The masks are those of
/// self-attention, which broadcasts to (batch, nheads, time, time), and of attention to the memory, to
/// (batch, nheads, time, keys): true where a token may attend. An undefined mask, Tensor(), is none.
/// Self-attention looks at later tokens, too, unless .is_causal or a mask forbids it.
///
/// Parameters and states: as of TransformerEncoderLayer, with multihead_attn behind self_attn, and with
/// norm3 and dropout3.
class LUXTORCH_API TransformerDecoderLayer : public detail::TransformerLayer {
 public:
  /// ArgumentError: as of TransformerEncoderLayer.
  explicit TransformerDecoderLayer(int64_t dims, TransformerLayerOptions options = {});

  /// Calls f(name, layer) for each layer in order: LayerAccess.
  template <class F>
  void luxtorch_layers(const F& f) const {
    f(std::string_view("self_attn"), self_attn_);
    f(std::string_view("multihead_attn"), multihead_attn_);
    visit_others(f);
  }
  /// (x, memory). ShapeError: x or memory of another shape, dtype or device, or x longer than .rotary's
  /// positions.
  Out<Tensor> operator()(const Tensor& x, const Tensor& memory, const Tree& ps,
                         const Tree& st) const;
  /// (x, memory, mask). ShapeError: also of a mask of another shape or dtype.
  Out<Tensor> operator()(const Tensor& x, const Tensor& memory, const Tensor& mask, const Tree& ps,
                         const Tree& st) const;
  /// (x, memory, mask, memory_mask). ShapeError: also of a memory_mask of another shape or dtype.
  Out<Tensor> operator()(const Tensor& x, const Tensor& memory, const Tensor& mask,
                         const Tensor& memory_mask, const Tree& ps, const Tree& st) const;
  /// The next tokens, x, after those of the carry, which is Tree() at the start, then a tuple: the carry
  /// of self-attention, and the memory's keys and values, a tuple (k, v), or (k, v, memory_mask). These
  /// are computed in the first step alone; all steps of a sequence get its memory. Errors as of
  /// MultiHeadAttention::step; ShapeError: also of a memory of another shape than in the first step.
  Out<Step> step(const Tensor& x, const Tensor& memory, const Tree& carry, const Tree& ps,
                 const Tree& st) const;
  /// The same, and mask: (batch, time) or (time), false for padding in x, as of MultiHeadAttention::step;
  /// memory_mask: (batch, keys) or (keys), false for padding in the memory, kept until another one is
  /// given. An undefined mask, Tensor(), is none. ShapeError: also of a mask of another shape or dtype.
  Out<Step> step(const Tensor& x, const Tensor& memory, const Tensor& mask,
                 const Tensor& memory_mask, const Tree& carry, const Tree& ps,
                 const Tree& st) const;
  /// The text in a printed model: "TransformerDecoderLayer(24, nheads=4)".
  std::string label() const;

 private:
  struct Inputs;
  Tensor run(const Inputs& in, const Tree& ps, Tree& st) const;

  MultiHeadAttention multihead_attn_;
};

}  // namespace luxtorch
