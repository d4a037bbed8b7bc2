#include "train/same_parameters.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <cstdint>

#include "group_backend.h"
#include "luxtorch/core/error.h"

namespace luxtorch::detail {

void check_same_parameters(const Group& group, const FlatParameters& flat, const char* who,
                           int64_t step) {
  const auto& arrays = flat.layout().arrays;
  if (arrays.empty()) return;
  const auto n = static_cast<int64_t>(arrays.size());
  const Tensor own = at::empty({n}, at::TensorOptions().dtype(kInt64));
  for (int64_t a = 0; a < n; ++a) {
    const Tensor here = flat.parameter(static_cast<size_t>(a)).detach().cpu();
    own.mutable_data_ptr<int64_t>()[a] = hash_of(here.const_data_ptr(), here.nbytes());
  }
  const Tensor all = group.all_gather(own);
  const auto* hashes = all.const_data_ptr<int64_t>();
  for (int64_t a = 0; a < n; ++a) {
    for (int64_t r = 1; r < group.size(); ++r) {
      if (hashes[r * n + a] == hashes[a]) continue;
      ArgumentError error(
          who,
          fmt::format("expected the same parameters on all processes after step {}, got others "
                      "on rank {} than on rank 0. Does one process change them by itself?",
                      step, r));
      error.prepend_path_(arrays[static_cast<size_t>(a)].path);
      throw error;
    }
  }
}

}  // namespace luxtorch::detail
