// Keys and values of earlier tokens, with room for more.
//
// Level of layers/.
#pragma once

#include <initializer_list>

#include "luxtorch/core/types.h"

namespace luxtorch {

/// What a carry of attention holds.
struct KVCache {
  Tensor k, v;         // (batch, kv_heads, tokens, size), undefined before the first token
  Tensor mask = {};    // (batch, tokens), false for padding; undefined: all are tokens
  int64_t writes = 0;  // their memory's count of writes: another count now, and others wrote there
  int64_t held = 0;    // how many tokens their memory holds: k and v may be the first of them alone

  int64_t tokens() const { return k.defined() && k.dim() == 4 ? k.size(2) : 0; }
};

/// Is one of the defined tensors part of a graph, or of a transform?
bool needs_graph(std::initializer_list<Tensor> tensors);

/// The tokens of `earlier` and then those of `added`, with a mask where one of them has one. room: for
/// how many tokens memory is held, 0: for these alone. With room, and nothing recorded, the tokens are
/// written behind the earlier ones, unless other tokens are there; what `earlier` holds stays.
KVCache appended(const KVCache& earlier, const KVCache& added, int64_t room, bool recorded);

}  // namespace luxtorch
