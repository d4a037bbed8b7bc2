// Parameters to and from PyTorch: a model's ps and st as the state_dict() of the torch.nn module that
// computes the same.
//
//     auto [ps, st] = from_torch(model, io::load("model.pt"));      // of torch.save(model.state_dict(), ...)
//     torch_archive::save("model.pt", to_torch(model, ps, st), {.state_dict = true});
//
// In Python, module.load_state_dict(torch.load("model.pt", weights_only=True)) takes it, strictly.
//
// Level 3: what stands between files and models. Names:
//
//     here                              in torch
//     Chain                             Sequential: "0", "1", ..., functions count too; a field's own
//                                       name stays. Likewise Parallel, BranchLayer, ...
//     LUXTORCH_LAYERS, compact          a module with attributes of these names; a member of several
//                                       layers is a ModuleList
//     RNNCell, LSTMCell, GRUCell        the same: weight_ih, weight_hh, bias_ih, bias_hh
//     Recurrence(cell), RNN, LSTM, GRU  nn.RNN, nn.LSTM, nn.GRU of as many layers and directions:
//                                       weight_ih_l0, weight_ih_l0_reverse, weight_ih_l1, ...
//     BidirectionalRNN(cell)            the same of one layer, bidirectional=True
//     Dense, Embedding                  nn.Linear, nn.Embedding
//     BatchNorm                         nn.BatchNorm1d: weight is scale
//     functional(module)                the module's own names
//     wrappers, SkipConnection, ...     what they wrap: no level of their own
//     a layer of one's own              its parameters' names, and those of its states that are tensors
//
// States that are no tensors in a new model (training, an rng, a carry, counts) are no part of a state
// dict, nor are activations, orderings and how two directions are merged. Two directions with cells of
// different kinds are a module forward_rnn and a module backward_rnn.
#pragma once

#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/interop/anatomy.h"

namespace luxtorch {

namespace detail {
LUXTORCH_API Tree to_torch(const Anatomy& model, const Tree& ps, const Tree& st);
LUXTORCH_API std::pair<Tree, Tree> from_torch(const Anatomy& model, const Tree& state_dict);
}  // namespace detail

/// The state dict, nested on its names' dots: "0.weight" is ["0"]["weight"]. The tensors are those of ps
/// and st, of their dtypes; BatchNorm's num_batches_tracked is 0, since nobody here counts.
///
/// Throws a TreeError for a ps or st that is not the model's, and an UnsupportedError for what no torch
/// module holds: a trained initial state, parameters that are no tensors.
template <class L>
Tree to_torch(const L& model, const Tree& ps, const Tree& st) {
  return detail::to_torch(detail::anatomy(model), ps, st);
}

/// (ps, st) from a state dict, as a reader gives it: nested, with all of the model's names and no
/// others. The tensors and their dtypes are the state dict's. States that it does not hold are those of
/// setup(rng, model). num_batches_tracked is left out, present or not.
///
/// Throws one TreeError with all names that are missing, unexpected or misshaped, as the state dict has
/// them, and UnsupportedError as to_torch does.
template <class L>
std::pair<Tree, Tree> from_torch(const L& model, const Tree& state_dict, Rng rng = Rng(0)) {
  return detail::from_torch(detail::anatomy(model, rng), state_dict);
}

}  // namespace luxtorch
