#include "model.h"

namespace lux = luxtorch;
using lux::Out, lux::Step, lux::Tensor, lux::Tree;

namespace {

lux::TransformerEncoder make_blocks(const Options& o) {
  const lux::TransformerEncoderLayer block(
      o.dims, {.nheads = o.heads,
               .activation = lux::swish,
               .norm = lux::TransformerNorm::RMSNorm,
               .gated = true,  // with swish: SwiGLU
               .rotary = lux::RotaryPositionalEmbeddingOptions{.max_sequence_length = o.context},
               .is_causal = true,
               .use_bias = false,
               .cache_length = o.context});
  return {block, o.layers, {.norm = true}};
}

/// How well each vector fits each symbol.
Tensor compared(const Tensor& h, const Tree& ps) {
  return h.matmul(ps["tokens"]["weight"].tensor().t());
}

}  // namespace

GPT::GPT(const Options& o, int64_t symbols)
    : context(o.context),
      tokens(symbols, o.dims, {.init_weight = lux::init::Normal{.std = 0.02}}),
      blocks(make_blocks(o)) {}

Out<Tensor> GPT::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  auto [h, st_tokens] = tokens(x, ps["tokens"], st["tokens"]);
  auto [y, st_blocks] = blocks(h, ps["blocks"], st["blocks"]);
  return {compared(y, ps), lux::named({{"tokens", st_tokens}, {"blocks", st_blocks}})};
}

Out<Step> GPT::step(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
  auto [h, st_tokens] = tokens(x, ps["tokens"], st["tokens"]);
  auto [next, st_blocks] = blocks.step(h, carry, ps["blocks"], st["blocks"]);
  return {Step{compared(next.y, ps), next.carry},
          lux::named({{"tokens", st_tokens}, {"blocks", st_blocks}})};
}
