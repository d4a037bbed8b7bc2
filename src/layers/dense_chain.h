// Runs of Dense layers in a Chain, which are one operator.
#pragma once

#include <cstddef>
#include <optional>

#include "luxtorch/layers/containers.h"

namespace luxtorch::detail {

/// The output of so many layers.
struct DenseChain {
  Tensor y;
  size_t count = 0;
};

/// The Dense layers from position `first` on, two at least, at x, a tensor. nullopt where there are none, where each is
/// to be seen by itself (a summary, an error), and where kernels do not apply.
std::optional<DenseChain> run_dense_chain(const NamedLayers& layers, size_t first, const Tree& x,
                                          const Tree& ps);

}  // namespace luxtorch::detail
