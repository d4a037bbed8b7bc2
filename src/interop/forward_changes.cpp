#include "interop/forward_changes.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "interop/module_parts.h"
#include "luxtorch/core/error.h"
#include "transforms.h"

namespace luxtorch::detail {

ForwardChanges::Watch::Watch(std::vector<Tensor> tensors, bool fresh) : fresh_(fresh) {
  for (auto& t : tensors) {
    if (!t.defined()) continue;
    auto inside = transforms::underlying(t);
    if (inside.is_inference()) continue;  // has no versions
    auto version = static_cast<uint32_t>(inside._version());
    versions_.emplace_back(std::move(inside), version);
  }
}

bool ForwardChanges::Watch::changed() const {
  return std::any_of(versions_.begin(), versions_.end(), [](const auto& t) {
    return static_cast<uint32_t>(t.first._version()) != t.second;
  });
}

void ForwardChanges::learn(const torch::nn::Module& module, bool training, const Watch& x,
                           const Watch& parameters) {
  learn(module, x_[training], x, "its input");
  learn(module, parameters_[training], parameters, "its parameters");
}

void ForwardChanges::learn(const torch::nn::Module& module, std::atomic<Habit>& habit,
                           const Watch& seen, const char* what) {
  if (seen.changed()) {
    habit = Habit::Changes;
    if (!seen.fresh()) {
      throw ArgumentError("functional",
                          "expected " + module_label(module) + " to change " + what +
                              " in place in each call or in none, got a change after "
                              "calls without one: what it was given has been "
                              "changed. Use operators without a trailing underscore.");
    }
  } else if (seen.fresh()) {
    auto unknown = Habit::Unknown;
    habit.compare_exchange_strong(unknown, Habit::Keeps);
  }
}

Tensor plain_copy(const Tensor& t) {
  const transforms::Outside outside;
  const c10::InferenceMode counts_versions(false);
  const at::AutoGradMode recording(false);
  return t.clone();
}

}  // namespace luxtorch::detail
