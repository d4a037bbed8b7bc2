// The names that PyTorch's pickles ask for, and what calling them gives.
#pragma once

#include "io/torch_tensors.h"

namespace luxtorch::torch_archive {

/// Knows what torch.load(weights_only=True) knows, and what C++'s savers write. tensors: must outlive
/// it.
io::Pickle::Visitor visitor_of(Tensors& tensors);

}  // namespace luxtorch::torch_archive
