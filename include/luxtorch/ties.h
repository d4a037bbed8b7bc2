// Ties: tensors that stand at several places of a tree, each of them one parameter.
//
//     ps = ps.with("decoder.weight", ps.at("embedding.weight").tensor());     // tied
//     Tree loaded = with_ties_of(numpy::load("model.npz"), ps);               // one tensor again
//
// Level 1. Two places hold one tensor if it is the same Tensor, or if they read the same memory in
// the same way and neither records a graph. tree::map_tensors, tree::to, tree::detach, flatten,
// optimisers, TrainState, checkpoints, safetensors and torch_archive keep ties. In .npz, HDF5 and
// JLD2 files, in state dicts and in Lux' layout each place has values of its own: with_ties_of, and
// TrainState::set_parameters_ of a TrainState with ties, bring them together again.
#pragma once

#include <string>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// The paths of each tensor that stands at several places, in order.
LUXTORCH_API std::vector<std::vector<std::string>> ties(const Tree& t);

/// t with one tensor, that of the first place, where `like` has one at several. TreeError: t lacks a
/// tensor there; two places of one tensor have other values (the text names both), shapes, dtypes or
/// devices.
LUXTORCH_API Tree with_ties_of(const Tree& t, const Tree& like);

}  // namespace luxtorch
