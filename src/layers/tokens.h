// Integers as the input of a layer: tokens, numbered from 0.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "layers/check.h"
#include "ops/fast_path.h"

namespace luxtorch {

/// Is x a tensor of tokens? Any integers but booleans.
bool are_tokens(const Tensor& x);

/// The first element outside 0 to count - 1, or numel() where there is none, as on the meta device;
/// under vmap, the first of any sample's. One pass over the tokens.
int64_t first_wrong_token(const Tensor& tokens, int64_t count);

/// Refuses the token at `wrong`, counted through the flattened tokens. count_name: what the layer
/// calls the number of different tokens.
template <class L>
[[noreturn]] void refuse_token(const L& layer, const Tensor& tokens, int64_t wrong, int64_t count,
                               const char* count_name) {
  const bool mapped = ops::is_indirect(tokens);  // of several samples, one of which is meant
  const auto value = mapped ? std::string("another one in a sample")
                            : std::to_string(tokens.flatten()[wrong].template item<int64_t>());
  std::vector<int64_t> position(static_cast<size_t>(tokens.dim()));
  for (auto d = position.size(); d-- > 0;) {
    auto size = tokens.size(static_cast<int64_t>(d));
    position[d] = wrong % size, wrong /= size;
  }
  fail(layer,
       fmt::format("expected tokens from 0 to {}, {} being {}, got {}{}.", count - 1, count_name,
                   count, value, position.empty() ? "" : " at " + shape_text(position)));
}

/// As int64, on the parameters' device, each from 0 to in_dims - 1. leading: how the tokens' shape
/// is written, as "batch, time", of `rank` sizes, or one fewer in an unbatched call. visible: the
/// tokens that count, 0 in the place of the others; asked for only where something is wrong.
template <class L>
Tensor checked_tokens(const L& layer, const Tensor& x, int64_t in_dims, const Tensor& parameter,
                      const char* leading, int64_t rank,
                      const std::function<Tensor(const Tensor&)>& visible = {}) {
  if (x.dim() != rank && x.dim() != rank - 1) [[unlikely]] {
    fail(layer, fmt::format("expected tokens of shape ({}), or x of shape ({}{}{}) and dtype {}, "
                            "got {} of shape {}.",
                            leading, leading, rank == 1 ? " " : ", ", in_dims,
                            dtype_text(parameter.scalar_type()), dtype_text(x.scalar_type()),
                            shape_text(x.sizes())));
  }
  check_device(layer, "the tokens", x, parameter);
  auto tokens = x.to(kInt64);
  auto wrong = first_wrong_token(tokens, in_dims);
  if (wrong == tokens.numel()) [[likely]]
    return tokens;
  auto seen = visible ? visible(tokens) : tokens;
  if ((wrong = first_wrong_token(seen, in_dims)) == seen.numel()) return tokens;
  refuse_token(layer, seen, wrong, in_dims, "in_dims");
}

}  // namespace luxtorch
