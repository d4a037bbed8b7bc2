#include "layers/tokens.h"

#include <ATen/ops/aminmax.h>
#include <c10/core/ScalarType.h>

#include "transforms.h"

namespace luxtorch {

bool are_tokens(const Tensor& x) {
  return c10::isIntegralType(x.scalar_type(), /*includeBool=*/false);
}

int64_t first_wrong_token(const Tensor& given, int64_t count) {
  const Tensor tokens = transforms::underlying(given);
  const transforms::Outside outside;
  const int64_t all = given.numel();
  if (all == 0 || given.is_meta()) return all;
  auto [least, most] = at::aminmax(tokens);
  if (least.item<int64_t>() >= 0 && most.item<int64_t>() < count) return all;
  auto wrong = tokens.lt(0).logical_or(tokens.ge(count)).flatten();
  // Under vmap the first of any sample.
  return wrong.nonzero().flatten().remainder(all).min().item<int64_t>();
}

}  // namespace luxtorch
