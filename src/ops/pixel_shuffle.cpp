#include <ATen/ops/pixel_shuffle.h>
#include <ATen/ops/pixel_unshuffle.h>
#include <fmt/format.h>

#include "luxtorch/core/error.h"
#include "ops/upsample.h"
#include "text.h"

namespace luxtorch::ops {

namespace {

// r^N of N spatial dimensions.
int64_t elements_of_block(const Tensor& x, int64_t r) {
  int64_t n = 1;
  for (int64_t d = 2; d < x.dim(); ++d) n *= r;
  return n;
}

void check_factor(const char* who, int64_t r) {
  if (r >= 1) return;
  throw ArgumentError(who, fmt::format("expected r of at least 1, got {}.", r));
}

}  // namespace

std::string shuffle_mismatch(const Tensor& x, int64_t r) {
  if (x.dim() >= 3 && x.size(1) % elements_of_block(x, r) == 0) return "";
  if (x.dim() < 3) {
    return fmt::format("expected x of shape (batch, channels, size, ...), got {}.",
                       shape_text(x.sizes()));
  }
  return fmt::format("expected channels divisible by {} = {}^{}, got {} in x of shape {}.",
                     elements_of_block(x, r), r, x.dim() - 2, x.size(1), shape_text(x.sizes()));
}

std::string unshuffle_mismatch(const Tensor& x, int64_t r) {
  bool fits = x.dim() >= 3;
  for (int64_t d = 2; d < x.dim(); ++d) fits = fits && x.size(d) % r == 0;
  return fits ? ""
              : fmt::format(
                    "expected x of shape (batch, channels, size, ...) with sizes divisible by "
                    "{}, got {}.",
                    r, shape_text(x.sizes()));
}

Tensor shuffled(const Tensor& x, int64_t r) {
  // Torch's gradient of an x without elements has another shape than x.
  if (x.dim() == 4 && !x.is_meta() && x.numel() != 0) return at::pixel_shuffle(x, r);
  // (B, C, r, ..., r, S_1, ...) to (B, C, S_1, r, S_2, r, ...).
  const int64_t dims = x.dim() - 2, channels = x.size(1) / elements_of_block(x, r);
  std::vector<int64_t> apart{x.size(0), channels}, order{0, 1}, together{x.size(0), channels};
  for (int64_t i = 0; i < dims; ++i) apart.push_back(r);
  for (int64_t i = 0; i < dims; ++i) {
    apart.push_back(x.size(2 + i)), together.push_back(x.size(2 + i) * r);
    order.push_back(2 + dims + i), order.push_back(2 + i);
  }
  return x.reshape(apart).permute(order).reshape(together);
}

Tensor unshuffled(const Tensor& x, int64_t r) {
  // Torch's gives an x without elements back in the shape that it has.
  if (x.dim() == 4 && !x.is_meta() && x.numel() != 0) return at::pixel_unshuffle(x, r);
  // (B, C, S_1, r, S_2, r, ...) to (B, C, r, ..., r, S_1, ...).
  const int64_t dims = x.dim() - 2, channels = x.size(1) * elements_of_block(x, r);
  std::vector<int64_t> apart{x.size(0), x.size(1)}, order{0, 1}, together{x.size(0), channels};
  for (int64_t i = 0; i < dims; ++i) {
    apart.push_back(x.size(2 + i) / r), apart.push_back(r), together.push_back(x.size(2 + i) / r);
    order.push_back(3 + 2 * i);
  }
  for (int64_t i = 0; i < dims; ++i) order.push_back(2 + 2 * i);
  return x.reshape(apart).permute(order).reshape(together);
}

Tensor pixel_shuffle(const Tensor& x, int64_t r) {
  check_factor("pixel_shuffle", r);
  if (auto mismatch = shuffle_mismatch(x, r); !mismatch.empty())
    throw ShapeError("pixel_shuffle", mismatch);
  return shuffled(x, r);
}

Tensor pixel_unshuffle(const Tensor& x, int64_t r) {
  check_factor("pixel_unshuffle", r);
  if (auto mismatch = unshuffle_mismatch(x, r); !mismatch.empty())
    throw ShapeError("pixel_unshuffle", mismatch);
  return unshuffled(x, r);
}

}  // namespace luxtorch::ops
