// Parameters to and from PyTorch: a model's ps and st as the state_dict() of the torch.nn module
// that computes the same.
//
//     auto [ps, st] = from_torch(model, io::load("model.pt"));      // of torch.save(model.state_dict(), ...)
//     torch_archive::save("model.pt", to_torch(model, ps, st), {.state_dict = true});
//
// In Python, module.load_state_dict(torch.load("model.pt", weights_only=True)) takes it, strictly.
//
// The layers here and the names in torch:
//
// - Chain: Sequential, "0", "1", ...; functions count too, and a field's own name stays. Parallel,
//   BranchLayer and the other containers are alike.
// - LUXTORCH_LAYERS, compact: a module with attributes of these names; a member of several layers
//   is a ModuleList.
// - RNNCell, LSTMCell, GRUCell: the same names, weight_ih, weight_hh, bias_ih, bias_hh.
// - Recurrence(cell), RNN, LSTM, GRU: nn.RNN, nn.LSTM, nn.GRU with as many layers and directions,
//   weight_ih_l0, weight_ih_l0_reverse, weight_ih_l1, ...
// - BidirectionalRNN(cell): the same with one layer and bidirectional=True.
// - Dense, Embedding: nn.Linear, nn.Embedding.
// - BatchNorm: nn.BatchNorm1d, whose weight is the scale here.
// - WeightNorm, SpectralNorm: the module with torch.nn.utils.parametrizations.weight_norm or
//   spectral_norm, as parametrizations.weight.original0; from_torch also takes the names that
//   torch.nn.utils.weight_norm and spectral_norm give, weight_g and weight_v, or weight_orig and weight_u.
// - RotaryPositionalEmbedding, SinusoidalPositionalEmbedding: their tables are no part of a state dict, as
//   buffers that are not persistent. from_torch takes them where a file has them, and else computes them.
//   to_torch writes a table whose numbers are not those of setup, such as a file's scaled one. A Python
//   module that has the tables must register them with persistent=False; a module whose buffers are
//   persistent takes to_torch's state dict with strict=False alone.
// - Every other layer that describes its parameters and states: as its specs say (layer_spec.h).
// - functional(module): the module's own names.
// - Wrappers, SkipConnection and the like: the names of what they wrap, without a level of their
//   own.
// - A layer with hooks that make its trees (layer.h): the names of its parameters, and of those of its
//   states that are tensors.
//
// States that are not tensors in a new model (training, an rng, a carry, counts) are not part of a
// state dict. Neither are activations, orderings and how two directions are merged. Two directions
// with cells of different kinds are a module forward_rnn and a module backward_rnn.
#pragma once

#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/interop/anatomy.h"

namespace luxtorch {

namespace detail {
LUXTORCH_API Tree to_torch(const Anatomy& model, const Tree& ps, const Tree& st);
LUXTORCH_API std::pair<Tree, Tree> from_torch(const Anatomy& model, const Tree& state_dict);
}  // namespace detail

/// The state dict, nested at the dots of its names: "0.weight" is ["0"]["weight"]. The tensors are
/// those of ps and st, with their dtypes; BatchNorm's num_batches_tracked is 0, since it is not
/// counted here.
///
/// TreeError: a ps or st that does not fit the model; UnsupportedError: what no torch module holds,
/// a trained initial state or parameters that are not tensors.
template <class L>
Tree to_torch(const L& model, const Tree& ps, const Tree& st) {
  return detail::to_torch(detail::anatomy(model), ps, st);
}

/// (ps, st) from a state dict in the form in which the file readers give it: nested, with all of
/// the model's names and no others. The tensors and their dtypes are those of the state dict.
/// States that it does not hold are those of setup(rng, model). num_batches_tracked is ignored,
/// present or not.
///
/// TreeError: names that are missing, unexpected or misshaped; the message lists all of them, as
/// the state dict has them. UnsupportedError: as of to_torch.
template <class L>
std::pair<Tree, Tree> from_torch(const L& model, const Tree& state_dict, Rng rng = Rng(0)) {
  return detail::from_torch(detail::anatomy(model, rng), state_dict);
}

}  // namespace luxtorch
