// The normalizations of a transformer's layers and stacks.
//
// Level of layers/.
#pragma once

#include "luxtorch/layers/transformer_layer.h"

namespace luxtorch {

/// The one that the options ask for.
inline detail::TransformerNormLayer transformer_norm(int64_t dims,
                                                     const TransformerLayerOptions& o) {
  if (o.norm == TransformerNorm::RMSNorm) return RMSNorm(dims, {.epsilon = o.epsilon});
  return LayerNorm(dims, {.epsilon = o.epsilon, .use_bias = o.use_bias});
}

/// Its y; it has no states.
inline Tensor normalized(const detail::TransformerNormLayer& norm, const Tensor& x, const Tree& ps,
                         const Tree& st) {
  return std::visit([&](const auto& n) { return n(x, ps, st).first; }, norm);
}

}  // namespace luxtorch
