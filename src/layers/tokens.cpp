#include "layers/tokens.h"

#include <ATen/ops/aminmax.h>
#include <c10/core/ScalarType.h>

namespace luxtorch {

bool are_tokens(const Tensor& x) {
  return c10::isIntegralType(x.scalar_type(), /*includeBool=*/false);
}

int64_t first_wrong_token(const Tensor& tokens, int64_t count) {
  auto all = tokens.numel();
  if (all == 0 || tokens.key_set().has(c10::DispatchKey::FuncTorchBatched)) return all;
  auto [least, most] = at::aminmax(tokens);
  if (least.item<int64_t>() >= 0 && most.item<int64_t>() < count) return all;
  auto wrong = tokens.lt(0).logical_or(tokens.ge(count)).flatten();
  return wrong.nonzero().min().item<int64_t>();
}

}  // namespace luxtorch
