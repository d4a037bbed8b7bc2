// Stacks of a transformer's layers.
//
//     TransformerEncoderLayer layer(24, {.nheads = 4, .hidden = 48, .is_causal = true});
//     TransformerEncoder model(layer, 6, {.norm = true});      // six, and a last normalization
//     auto [y, st2] = model(x, ps, st);                        // x, y (batch, time, 24)
//     KVCacheCell cell(model);                                 // the same, some tokens at a time
//     auto [step, st3] = cell(x, carry, ps, st);               // step.y, and step.carry for the next
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"
#include "luxtorch/layers/checkpointed.h"
#include "luxtorch/layers/transformer_layer.h"

namespace luxtorch {

/// The options of TransformerEncoder and TransformerDecoder.
struct TransformerStackOptions {
  /// A normalization of the layers' kind behind the last one, which layers with .norm_first need.
  bool norm = false;
  /// The layers keep only their inputs for the backward pass: `checkpointed`.
  bool checkpointed = false;
};
/// The options of TransformerEncoder.
using TransformerEncoderOptions = TransformerStackOptions;
/// The options of TransformerDecoder.
using TransformerDecoderOptions = TransformerStackOptions;

namespace detail {

/// The layers of a stack, each an object of its own, and the last normalization.
class LUXTORCH_API TransformerStack {
 public:
  /// All layers that are visited are members: LayerAccess.
  static constexpr bool luxtorch_visits_members = true;
  /// Calls f(name, layers) and f(name, layer): LayerAccess.
  template <class F>
  void luxtorch_layers(const F& f) const {
    f(std::string_view("layers"), layers_);
    if (norm_) std::visit([&](const auto& norm) { f(std::string_view("norm"), norm); }, *norm_);
  }

 protected:
  TransformerStack(std::vector<Layer> layers, std::optional<TransformerNormLayer> norm);

  // next(i, h, ps, st): the output of layer number i, whose st becomes the new one.
  using Next = std::function<Tensor(size_t i, const Tensor& h, const Tree& ps, Tree& st)>;
  Tensor run(const Tensor& x, const Tree& ps, Tree& st, const Next& next) const;
  // next(i, h, carry, ps, st): the step of layer number i. carry: of all layers, or Tree().
  using NextStep = std::function<Out<Step>(size_t i, const Tensor& h, const Tree& carry,
                                           const Tree& ps, const Tree& st)>;
  Out<Step> run_step(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st,
                     const NextStep& next) const;

  std::vector<Layer> layers_;  // of one type; with .checkpointed in Checkpointed
  std::optional<TransformerNormLayer> norm_;
};

}  // namespace detail

/// A stack of equal layers, each with parameters of its own: torch.nn.TransformerEncoder.
///
/// Calls: x and (x, mask), as of TransformerEncoderLayer; the mask goes to every layer. step takes the
/// next tokens of a sequence; its carry is a tuple with the carry of each layer.
///
/// Parameters and states: layers, a tuple; with .norm, norm.
class LUXTORCH_API TransformerEncoder : public detail::TransformerStack {
 public:
  /// num_layers layers like this one. ArgumentError: num_layers is below 1.
  TransformerEncoder(TransformerEncoderLayer layer, int64_t num_layers,
                     TransformerEncoderOptions options = {});

  /// Errors: those of the layers.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// (x, mask). Errors: those of the layers.
  Out<Tensor> operator()(const Tensor& x, const Tensor& mask, const Tree& ps, const Tree& st) const;
  /// The next tokens, x, after those of the carry, which is Tree() at the start. Steps keep what the
  /// backward pass needs also with .checkpointed. Errors: those of the layers; a ShapeError if the carry
  /// has not a part for each layer.
  Out<Step> step(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const;
  /// The same, and mask: (batch, time) or (time), false for padding, as of MultiHeadAttention::step.
  Out<Step> step(const Tensor& x, const Tensor& mask, const Tree& carry, const Tree& ps,
                 const Tree& st) const;
  /// The text in a printed model, above its layers.
  std::string label() const { return "TransformerEncoder"; }
};

/// A stack of equal layers with attention to one memory, each with parameters of its own:
/// torch.nn.TransformerDecoder.
///
///     TransformerDecoder decoder(TransformerDecoderLayer(24, {.nheads = 4, .is_causal = true}), 6);
///     auto [y, st2] = decoder(x, memory, ps, st);              // memory: an encoder's output
///     auto [step, st3] = decoder.step(x, memory, carry, ps, st);
///
/// Calls: (x, memory), (x, memory, mask) and (x, memory, mask, memory_mask), as of
/// TransformerDecoderLayer; memory and masks go to every layer. step takes the next tokens of a sequence;
/// its carry is a tuple with the carry of each layer.
///
/// Parameters and states: layers, a tuple; with .norm, norm.
class LUXTORCH_API TransformerDecoder : public detail::TransformerStack {
 public:
  /// num_layers layers like this one. ArgumentError: num_layers is below 1.
  TransformerDecoder(TransformerDecoderLayer layer, int64_t num_layers,
                     TransformerDecoderOptions options = {});

  /// (x, memory). Errors: those of the layers.
  Out<Tensor> operator()(const Tensor& x, const Tensor& memory, const Tree& ps,
                         const Tree& st) const;
  /// (x, memory, mask). Errors: those of the layers.
  Out<Tensor> operator()(const Tensor& x, const Tensor& memory, const Tensor& mask, const Tree& ps,
                         const Tree& st) const;
  /// (x, memory, mask, memory_mask). An undefined mask, Tensor(), is none. Errors: those of the layers.
  Out<Tensor> operator()(const Tensor& x, const Tensor& memory, const Tensor& mask,
                         const Tensor& memory_mask, const Tree& ps, const Tree& st) const;
  /// The next tokens, x, after those of the carry, which is Tree() at the start. All steps of a sequence
  /// get its memory, whose keys and values are computed in the first one alone. Steps keep what the
  /// backward pass needs also with .checkpointed. Errors: those of the layers; a ShapeError if the carry
  /// has not a part for each layer.
  Out<Step> step(const Tensor& x, const Tensor& memory, const Tree& carry, const Tree& ps,
                 const Tree& st) const;
  /// The same, with masks of the tokens and of the memory as of TransformerDecoderLayer::step.
  Out<Step> step(const Tensor& x, const Tensor& memory, const Tensor& mask,
                 const Tensor& memory_mask, const Tree& carry, const Tree& ps,
                 const Tree& st) const;
  /// The text in a printed model, above its layers.
  std::string label() const { return "TransformerDecoder"; }
};

}  // namespace luxtorch
