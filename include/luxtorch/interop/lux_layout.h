// Parameters and states to and from Lux: where Julia's layers have other names or shapes than ours.
//
//     auto [ps, st] = from_lux(model, jld2::load("trained_model.jld2"));    // of @save ... ps_trained st_trained
//     auto [ps_lux, st_lux] = to_lux(model, ps, st);
//     jld2::save("trained_model.jld2", named({{"ps_trained", ps_lux}, {"st_trained", st_lux}}));
//
// Level 3: what stands between files and models. Most of ps and st is as Lux has it: names, order, shapes
// (files and their readers keep the shape and the place of every element). These are not:
//
//     here                                      in Lux
//     Embedding: weight (vocabulary, dims)      weight (dims, vocabulary)
//     StatefulRecurrentCell: carry (batch, out) carry (out, batch)
//     BidirectionalRNN, and each layer of a bidirectional RNN, LSTM or GRU:
//       backward_rnn: the cell's                backward_rnn: (rev1 = (), rnn = the cell's, rev2 = ())
//     compact: several layers in one field, a tuple
//                                               a NamedTuple with the names "1", "2", ...
//
// In Lux 0.5 cells and Dense were others; from_lux knows them by their names, one by one:
//
//     RNNCell     weight_ih, weight_hh, bias (out): the sum of the two here
//     LSTMCell    weight_i, weight_h, bias (4*out, 1): likewise
//     GRUCell     weight_i, weight_h, bias_i (out, 1) of the candidate alone, bias_h (3*out, 1)
//     Dense       weight, bias (out, 1)
//
// RNN, LSTM and GRU of several layers are in Lux a Chain of Recurrences or BidirectionalRNNs; the state
// of the dropout between them stays beside its layers.
#pragma once

#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/interop/anatomy.h"

namespace luxtorch {

enum class LuxVersion {
  One,       // 1.0 and later
  ZeroFive,  // 0.5
};

struct LuxOptions {
  LuxVersion version = LuxVersion::One;
};

namespace detail {
LUXTORCH_API std::pair<Tree, Tree> to_lux(const Anatomy& model, const Tree& ps, const Tree& st,
                                          LuxOptions options);
LUXTORCH_API std::pair<Tree, Tree> from_lux(const Anatomy& model, const Tree& ps, const Tree& st);
LUXTORCH_API std::pair<Tree, Tree> from_lux(const Anatomy& model, const Tree& file);
}  // namespace detail

/// (ps, st) as Lux's setup lays them out. For version ZeroFive the two biases become one, which rounds.
/// Throws a TreeError for a ps or st that is not the model's.
template <class L>
std::pair<Tree, Tree> to_lux(const L& model, const Tree& ps, const Tree& st,
                             LuxOptions options = {}) {
  return detail::to_lux(detail::anatomy(model), ps, st, options);
}

/// (ps, st) from Lux's. Tensors keep their dtypes. States that are no tensors are taken where they are
/// of our kind, and else those of setup(rng, model): Julia's own generators, what older versions lack.
///
/// Throws one TreeError with all names that are missing, unexpected or misshaped, as the file has them.
template <class L>
std::pair<Tree, Tree> from_lux(const L& model, const Tree& ps, const Tree& st, Rng rng = Rng(0)) {
  return detail::from_lux(detail::anatomy(model, rng), ps, st);
}

/// From a file's tree with ps and st, ps_trained and st_trained, or parameters and states; the states
/// may be missing. Other names beside them are left aside.
template <class L>
std::pair<Tree, Tree> from_lux(const L& model, const Tree& file, Rng rng = Rng(0)) {
  return detail::from_lux(detail::anatomy(model, rng), file);
}

}  // namespace luxtorch
