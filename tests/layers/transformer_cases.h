// Models and inputs of the tests of transformers, in float64.
#pragma once

#include <utility>

#include "luxtorch/layers/transformer.h"

namespace luxtorch::testing {

inline Tensor numbers(uint64_t seed, const Sizes& shape) {
  return random::normal(Rng(seed), shape, 0, 1, kFloat64);
}

template <class L>
std::pair<Tree, Tree> doubles_of(const L& layer) {
  auto [ps, st] = setup(Rng(0), layer);
  return {tree::to(ps, kFloat64), tree::to(st, kFloat64)};
}

inline const TransformerLayerOptions kGpt{.nheads = 2, .hidden = 5, .is_causal = true};
inline const TransformerLayerOptions kLlama{.nheads = 4,
                                            .hidden = 5,
                                            .activation = swish,
                                            .norm = TransformerNorm::RMSNorm,
                                            .gated = true,
                                            .kv_heads = 2,
                                            .rotary = {{.max_sequence_length = 7}},
                                            .is_causal = true,
                                            .use_bias = false};

}  // namespace luxtorch::testing
