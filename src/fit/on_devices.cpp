#include "fit/on_devices.h"

namespace luxtorch::detail {

Tree on_devices_of(const TrainState& ts, const Tree& saved) {
  const auto parameters = tree::tensors(ts.parameters());
  const Device otherwise =
      parameters.empty() ? Device(c10::DeviceType::CPU) : parameters[0].device();
  return tree::map(
      [&](const std::string& path, const Tree& leaf) -> Tree {
        if (!leaf.is_tensor() || !leaf.tensor().defined()) return leaf;
        const bool known = ts.states().contains(path) && ts.states().at(path).is_tensor() &&
                           ts.states().at(path).tensor().defined();
        return leaf.tensor().to(known ? ts.states().at(path).tensor().device() : otherwise);
      },
      saved);
}

}  // namespace luxtorch::detail
