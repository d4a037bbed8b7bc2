// Ties: a tensor at several places of a tree, which is one parameter.
//
//     ps = share_parameters(ps, {{"embedding.weight", "decoder.weight"}});    // tied
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

/// ps with the parts of each group made one: the same tensors stand at all of its paths, those of the
/// first path, or of new_parts, which has a part for each group. A part is a tensor or a tree, such
/// as all parameters of a layer. In training their gradients are summed, and they move once (Lux's
/// share_parameters).
///
/// TreeError, with the path: ps has no such part; it differs from the first one, or from the new
/// one, in structure, shapes or dtypes; a path is there twice, or is below another. ArgumentError:
/// another number of new parts than of groups.
LUXTORCH_API Tree share_parameters(const Tree& ps,
                                   const std::vector<std::vector<std::string>>& groups,
                                   const std::vector<Tree>& new_parts = {});

}  // namespace luxtorch
