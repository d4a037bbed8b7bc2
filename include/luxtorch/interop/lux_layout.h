// Parameters and states to and from Lux, where Julia's layers have other names or shapes than ours.
//
//     auto [ps, st] = from_lux(model, jld2::load("trained_model.jld2"));    // of @save ... ps_trained st_trained
//     auto [ps_lux, st_lux] = to_lux(model, ps, st);
//     jld2::save("trained_model.jld2", named({{"ps_trained", ps_lux}, {"st_trained", st_lux}}));
//
// Most of ps and st has the names, order and shapes that Lux has (files and their readers keep the
// shape and the place of every element). The exceptions:
//
// - Embedding: weight (vocabulary, dims) here, (dims, vocabulary) in Lux; Scale: sizes reversed.
// - LayerNorm: bias and scale (a, b) here, (b, a, 1) in Lux. from_lux also takes them, those of RMSNorm
//   and Scale, and all other arrays that are reversed, with more or fewer sizes of 1 behind: a LayerNorm
//   of Lux for sequences may have (F, 1, 1). to_lux writes one, which broadcasts alike: where the layer in
//   Lux has another shape, reshape it there.
// - Conv, ConvTranspose: the weight's dimensions reversed and its taps flipped, for a layer of Lux that
//   flips them in each call. A Lux layer with cross_correlation = true does not, and looks the same in a
//   file: LuxOptions::cross_correlation tells which of them the file has.
// - Every other layer that describes its parameters and states: as its specs say (layer_spec.h).
// - StatefulRecurrentCell: carry (batch, out) here, (out, batch) in Lux.
// - BidirectionalRNN, and each layer of a bidirectional RNN, LSTM or GRU: backward_rnn holds the
//   cell's parts here; in Lux it is (rev1 = (), rnn = the cell's, rev2 = ()).
// - compact with several layers in one field: a tuple here, in Lux a NamedTuple with the names "1",
//   "2", ...
//
// Lux 0.5 had other parameters in its cells and in Dense. from_lux recognizes each of them by its
// names or its shape:
//
// - RNNCell: weight_ih, weight_hh, bias (out), which is the sum of the two biases here.
// - LSTMCell: weight_i, weight_h, bias (4*out, 1), which is the sum of the two biases here.
// - GRUCell: weight_i, weight_h, bias_i (out, 1) of the candidate alone, bias_h (3*out, 1).
// - Dense: weight, bias (out, 1).
//
// An RNN, LSTM or GRU of several layers is in Lux a Chain of Recurrences or BidirectionalRNNs. The
// state of the dropout between the layers stays beside the layers.
#pragma once

#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/interop/anatomy.h"

namespace luxtorch {

/// The versions of Lux whose layouts differ.
enum class LuxVersion {
  V1,    ///< 1.0 and later.
  V0_5,  ///< 0.5.
};

/// What the model in Lux is like.
struct LuxOptions {
  /// The version of Lux that is to read what to_lux gives. from_lux recognizes it.
  LuxVersion version = LuxVersion::V1;
  /// Its Conv and ConvTranspose layers were built with cross_correlation = true, which is not Lux's
  /// default: their kernels are not flipped.
  bool cross_correlation = false;
};

namespace detail {
LUXTORCH_API std::pair<Tree, Tree> to_lux(const Anatomy& model, const Tree& ps, const Tree& st,
                                          LuxOptions options);
LUXTORCH_API std::pair<Tree, Tree> from_lux(const Anatomy& model, const Tree& ps, const Tree& st,
                                            LuxOptions options);
LUXTORCH_API std::pair<Tree, Tree> from_lux(const Anatomy& model, const Tree& file,
                                            LuxOptions options);
}  // namespace detail

/// (ps, st) in the layout of Lux's setup. For version V0_5, biases of which
/// Lux 0.5 has only the sum are added, which rounds. TreeError: a ps or st that does not fit the
/// model.
template <class L>
std::pair<Tree, Tree> to_lux(const L& model, const Tree& ps, const Tree& st,
                             LuxOptions options = {}) {
  return detail::to_lux(detail::anatomy(model), ps, st, options);
}

/// (ps, st) from Lux's. Tensors keep their dtypes. A state that is not a tensor is taken over where
/// it is of the kind that the model has; otherwise (Julia's own generators, states that older
/// versions lack) it is that of setup(rng, model).
///
/// TreeError: names that are missing, unexpected or misshaped; the message lists all of them, as
/// the file has them.
template <class L>
std::pair<Tree, Tree> from_lux(const L& model, const Tree& ps, const Tree& st, Rng rng = Rng(0),
                               LuxOptions options = {}) {
  return detail::from_lux(detail::anatomy(model, rng), ps, st, options);
}

/// The same from a file's tree with the entries ps and st, ps_trained and st_trained, or parameters
/// and states. The states may be missing; other entries are ignored.
template <class L>
std::pair<Tree, Tree> from_lux(const L& model, const Tree& file, Rng rng = Rng(0),
                               LuxOptions options = {}) {
  return detail::from_lux(detail::anatomy(model, rng), file, options);
}

}  // namespace luxtorch
