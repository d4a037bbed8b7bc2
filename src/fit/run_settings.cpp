#include "fit/run_settings.h"

#include <ATen/core/Tensor.h>

#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch::detail {

void check_settings(const char* who, const Tree& settings) {
  if (!settings.is_named())
    throw ArgumentError(
        who, "expected for .settings a named tree, got " + describe_kind(settings) + ".");
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_string() && !leaf.is_scalar())
          throw ArgumentError(who, "expected numbers, strings and bools in .settings, got " +
                                       describe_kind(leaf) + " at " + path + ".");
      },
      settings);
}

int64_t count_parameters(const TrainState& ts) {
  int64_t count = 0;
  tree::map_tensors(
      [&](const Tensor& t) {
        count += t.numel();
        return t;
      },
      ts.parameters());
  return count;
}

}  // namespace luxtorch::detail
