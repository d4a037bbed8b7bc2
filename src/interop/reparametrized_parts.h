// The parts of WeightNorm and SpectralNorm, whose layer's parameters PyTorch has as parametrizations:
// LAYER.parametrizations.weight.original0 in place of LAYER.weight.
#pragma once

#include <vector>

#include "interop/model_parts.h"
#include "luxtorch/layers/spectral_norm.h"
#include "luxtorch/layers/weight_norm.h"

namespace luxtorch::detail {

/// `inner` are the parts of the layer inside as if it stood at `where` itself; model_ps has
/// normalized and unnormalized there.
std::vector<ModelPart> weight_norm_parts(const WeightNorm& layer, const ModelPart& where,
                                         const std::vector<ModelPart>& inner, const Tree& model_ps);

/// `inner` are the parts of the layer inside, which has the parameters at `where` and the states
/// below `where` at "layer".
std::vector<ModelPart> spectral_norm_parts(const SpectralNorm& layer, const ModelPart& where,
                                           const std::vector<ModelPart>& inner);

/// Parts that stand for all parameters at `where`, as a cell does, in a part for each of `keys`.
std::vector<ModelPart> parts_by_key(const std::vector<ModelPart>& parts, const ModelPart& where,
                                    const std::vector<std::string>& keys);

}  // namespace luxtorch::detail
