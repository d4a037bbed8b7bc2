// Parameters of a layer that a wrapper computes others from, by their names.
#pragma once

#include <string>
#include <vector>

#include "luxtorch/layer.h"

namespace luxtorch {

/// The shapes of the layer's parameters of these names, in their order. ArgumentError of `who`: no
/// name, one twice, or one that is no tensor among the layer's own parameters.
std::vector<Shape> named_shapes(const char* who, const Layer& layer,
                                const std::vector<std::string>& names);

/// The dimension from 0 on. ArgumentError of `who`: the parameter has it not.
int64_t dim_of(const char* who, const std::string& name, ShapeView shape, int64_t dim);

}  // namespace luxtorch
