#include "autocast.h"

#include <ATen/autocast_mode.h>

namespace luxtorch::detail {

void explain_autocast_(Error& error) {
  const bool of_tensors = dynamic_cast<ShapeError*>(&error) || dynamic_cast<TorchError*>(&error);
  if (!of_tensors || error.message().find("autocast") != std::string::npos) return;
  for (auto device : {c10::DeviceType::CPU, c10::DeviceType::CUDA}) {
    if (!at::autocast::is_autocast_enabled(device)) continue;
    error.append_(
        "Torch's autocast is on, which converts what some operators return and which luxtorch does "
        "not follow: turn it off, and convert the model by tree::to(ps, dtype).");
    return;
  }
}

Tensor as_in_products(const Tensor& t) {
  if (!t.defined()) return t;
  const auto device = t.device().type();
  if (!at::autocast::is_autocast_available(device) || !at::autocast::is_autocast_enabled(device))
    return t;
  return at::autocast::cached_cast(at::autocast::get_autocast_dtype(device), t, device);
}

}  // namespace luxtorch::detail
