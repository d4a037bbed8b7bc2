#include "train/same_parameters.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <cstring>

#include "luxtorch/core/error.h"

namespace luxtorch::detail {

namespace {

// FNV-1a of 64 bits, by words.
int64_t hash_of(const Tensor& t) {
  const Tensor cpu = t.detach().cpu();
  const auto* bytes = static_cast<const char*>(cpu.const_data_ptr());
  uint64_t hash = 14695981039346656037ull;
  for (size_t left = cpu.nbytes(); left > 0;) {
    const size_t n = left < 8 ? left : 8;
    uint64_t word = 0;
    std::memcpy(&word, bytes, n);
    hash = (hash ^ word) * 1099511628211ull;
    hash ^= hash >> 32;  // the highest bits of a word would reach no lower ones
    bytes += n, left -= n;
  }
  return static_cast<int64_t>(hash);
}

}  // namespace

void check_same_parameters(const Group& group, const FlatParameters& flat, const char* who,
                           int64_t step) {
  const auto& arrays = flat.layout().arrays;
  if (arrays.empty()) return;
  const auto n = static_cast<int64_t>(arrays.size());
  const Tensor own = at::empty({n}, at::TensorOptions().dtype(kInt64));
  for (int64_t a = 0; a < n; ++a)
    own.mutable_data_ptr<int64_t>()[a] = hash_of(flat.parameter(static_cast<size_t>(a)));
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
