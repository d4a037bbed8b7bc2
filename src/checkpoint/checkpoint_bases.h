// The frozen bases of a model's Lora layers, which a checkpoint of their pairs does not hold.
#pragma once

#include "luxtorch/layer_description.h"
#include "luxtorch/tree.h"

namespace luxtorch::detail {

/// A tuple with {path, sha256} for each Lora with a base: its path in the model, "" of the model itself, and
/// Lora::base_sha256.
Tree bases_of(const Description& model);

/// The bases in `saved` that are others than those of the same path in `now`: their paths and digests, as a
/// text; "" if there are none.
std::string other_bases(const Tree& now, const Tree& saved);

}  // namespace luxtorch::detail
