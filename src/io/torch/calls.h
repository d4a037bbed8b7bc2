// The names that PyTorch's pickles ask for, and what calling them gives.
#pragma once

#include "io/torch/tensors.h"

namespace luxtorch::torch_archive {

/// Knows what torch.load(weights_only=True) knows, and what C++'s savers write. makes_objects: of
/// everything else, TorchScript too. tensors: must outlive it.
io::Pickle::Visitor visitor_of(Tensors& tensors, bool makes_objects);

/// The kinds of tensors that are none here, named by the function that rebuilds them in Python:
/// sparse, quantised and nested ones as their parts. Throws an unsupported Fault for those that have no values.
io::PickleMade rebuild_other_kind(Tensors& tensors, const io::Pickle& pickle,
                                  std::string_view function,
                                  const std::vector<io::PickleId>& arguments);
bool is_other_kind(std::string_view function);

}  // namespace luxtorch::torch_archive
