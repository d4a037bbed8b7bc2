#include "io/base/dense_bytes.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

namespace luxtorch::io {

bool has_dense_elements(const Tensor& t) {
  return t.layout() == c10::kStrided && !t.is_meta() && !t.is_quantized();
}

Tensor dense(const Tensor& t) {
  at::NoGradGuard no_grad;
  return t.detach().cpu().resolve_conj().resolve_neg().contiguous();
}

std::string_view bytes_of(const Tensor& dense) {
  if (dense.nbytes() == 0) return {};
  return {static_cast<const char*>(dense.const_data_ptr()), dense.nbytes()};
}

}  // namespace luxtorch::io
