// A transformer encoder, and a model of characters that sees no later ones.
#include "case.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/transformer.h"
#include "luxtorch/losses/loss.h"

namespace {

using namespace comparison;
using namespace luxtorch;

TransformerEncoder blocks(int64_t dims, bool is_causal) {
  const TransformerEncoderLayer layer(
      dims, {.nheads = 4, .hidden = 4 * dims, .activation = gelu, .is_causal = is_causal});
  return {layer, 2, {.norm = true}};
}

struct Characters {
  Embedding tokens{68, 128};
  TransformerEncoder encoder = blocks(128, true);
  Dense head{128, 68};

  LUXTORCH_LAYERS(tokens, encoder, head)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto [h, st_tokens] = tokens(x, ps["tokens"], st["tokens"]);
    auto [z, st_encoder] = encoder(h, ps["encoder"], st["encoder"]);
    auto [y, st_head] = head(z, ps["head"], st["head"]);
    return {y, named({{"tokens", st_tokens}, {"encoder", st_encoder}, {"head", st_head}})};
  }
};

const Registration encoder("models/transformer_encoder",
                           [] { return Case{blocks(64, false), MSELoss{}}; });
const Registration characters("models/char_transformer",
                              [] { return Case{Characters{}, CrossEntropyLoss{.logits = true}}; });

}  // namespace
