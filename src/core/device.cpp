#include "luxtorch/core/device.h"

#include <ATen/DeviceAccelerator.h>

#include "luxtorch/core/error.h"

namespace luxtorch {

Device cpu_device() { return Device(c10::DeviceType::CPU); }

Device gpu_device(bool force, int index) {
  auto type = at::accelerator::getAccelerator(false);
  int count = type ? at::accelerator::deviceCount() : 0;
  if (index < count && count > 0) {
    return Device(*type, static_cast<c10::DeviceIndex>(index < 0 ? at::accelerator::getDeviceIndex()
                                                                 : index));
  }
  if (!force) return cpu_device();
  throw UnsupportedError("gpu_device",
                         "expected GPU number " + std::to_string(std::max(index, 0)) + ", got " +
                             std::to_string(count) +
                             " GPUs that torch can use. Use gpu_device() to fall back to the CPU.");
}

Device device(std::string_view name) {
  if (name == "cpu") return cpu_device();
  if (name == "gpu") return gpu_device();
  std::optional<Device> wanted;
  try {
    wanted = Device(std::string(name));
  } catch (const c10::Error&) {
    throw ArgumentError("device",
                        "expected cpu, gpu, cuda or cuda:N, got \"" + std::string(name) + "\".");
  }
  if (wanted->is_cpu()) return *wanted;
  auto there = gpu_device(true, wanted->has_index() ? wanted->index() : 0);
  if (there.type() != wanted->type()) {
    throw UnsupportedError(
        "device", "expected " + std::string(name) + ", got a machine with " + there.str() + ".");
  }
  return there;
}

}  // namespace luxtorch
