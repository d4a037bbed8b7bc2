// The projections of MultiHeadAttention in PyTorch's state dicts, where they are rows of larger tensors.
//
// Level of interop/.
#pragma once

#include <span>

#include "interop/model_parts.h"
#include "luxtorch/layers/attention.h"

namespace luxtorch::detail {

/// Gives the projections' parts in `parts`, those of the attention at `where`, torch's names: weights are
/// rows of in_proj_weight, or of q_proj_weight, k_proj_weight and v_proj_weight where the inputs differ in
/// size; biases are rows of in_proj_bias. Where layer_map has put another layer into one of the three
/// places, all keep their own names.
void pack_projections(std::span<ModelPart> parts, const Description& attention,
                      const ModelPart& where);

}  // namespace luxtorch::detail
