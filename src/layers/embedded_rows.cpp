#include "layers/embedded_rows.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/where.h>

#include "layers/check.h"
#include "transforms.h"

namespace luxtorch {

int64_t checked_padding(const char* layer, int64_t padding, int64_t vocabulary) {
  if (padding >= -vocabulary && padding < vocabulary)
    return padding < 0 ? padding + vocabulary : padding;
  throw ArgumentError(layer, fmt::format("expected .padding_idx from {} to {}, got {}.",
                                         -vocabulary, vocabulary - 1, padding));
}

Initializer with_zero_row(const Initializer& chosen, std::optional<int64_t> padding) {
  const Initializer init = chosen ? chosen : init::randn;
  if (!padding) return init;
  return [init, row = *padding](Rng rng, ShapeView shape) {
    Tensor weight = init(rng, shape);
    if (!weight.defined() || weight.sizes() != shape) return weight;  // setup refuses it
    weight = weight.clone();
    weight.select(0, row).zero_();
    return weight;
  };
}

Tensor embedded_rows(const Tensor& weight, const Tensor& tokens, std::optional<int64_t> padding) {
  if (!padding) return at::embedding(weight, tokens);
  // Torch's operator leaves the row out of gradients, but not out of tangents.
  if (!transforms::active()) return at::embedding(weight, tokens, *padding);
  const auto y = at::embedding(weight, tokens);
  return at::where(tokens.eq(*padding).unsqueeze(-1), transforms::detached(y), y);
}

}  // namespace luxtorch
