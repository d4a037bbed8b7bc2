// Ties: a tensor at several places of a tree, which is one parameter.
//
//     ps = ps.with("decoder.weight", ps.at("embedding.weight").tensor());     // tied
//     Tree loaded = with_ties_of(numpy::load("model.npz"), ps);               // one tensor again
//
// Two places hold one tensor if it is the same Tensor, or if they read the same memory in the same
// way and neither records a graph. tree::map_tensors, tree::to, tree::detach, flatten, optimizers,
// TrainState, checkpoints, safetensors and torch_archive keep ties. In .npz, HDF5 and JLD2 files,
// in state dicts and in Lux's layout each place has values of its own: with_ties_of makes them one
// tensor again, and so does TrainState::set_parameters_ of a TrainState with ties.
#pragma once

#include <string>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// For each tensor at several places the paths of these, in order; undefined tensors do not count.
LUXTORCH_API std::vector<std::vector<std::string>> ties(const Tree& t);

/// t with one tensor, that of the first place, where `like` has one at several places. TreeError: t
/// lacks a tensor there, or its tensors there differ in values, shapes, dtypes or devices (the text
/// names both places).
LUXTORCH_API Tree with_ties_of(const Tree& t, const Tree& like);

}  // namespace luxtorch
