// The model: a GPT, which is a stack of transformer layers that see no symbol after their own.
//
// tokens (batch, time) -> logits (batch, time, symbols). A symbol becomes a vector of `dims` numbers; each layer adds what
// attention finds in the vectors before, and what a gated feed-forward makes of the vector itself; the last vectors are
// compared with those of all symbols, which is what "tied embedding" means: one matrix reads and writes. Positions are
// angles by which attention turns its queries and keys (rotary), so the network has no table of them.
#pragma once

#include <luxtorch/luxtorch.h>

#include "options.h"

struct GPT {
  int64_t context;
  luxtorch::Embedding tokens;
  luxtorch::TransformerEncoder blocks;
  LUXTORCH_LAYERS(tokens, blocks)

  GPT(const Options& o, int64_t symbols);

  /// All of a text at once, as in training.
  luxtorch::Out<luxtorch::Tensor> operator()(const luxtorch::Tensor& x, const luxtorch::Tree& ps,
                                             const luxtorch::Tree& st) const;
  /// What comes next in a text. The carry has the keys and values of what came before; Tree() at the start.
  luxtorch::Out<luxtorch::Step> step(const luxtorch::Tensor& x, const luxtorch::Tree& carry,
                                     const luxtorch::Tree& ps, const luxtorch::Tree& st) const;
};
