#include "python/packed.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <cstring>

namespace luxtorch::python {

namespace {

// Calls f(first row, rows, step) for each step.
template <class F>
void for_steps(const Tensor& sizes, const F& f) {
  const auto* count = sizes.const_data_ptr<int64_t>();
  int64_t row = 0;
  for (int64_t t = 0; t < sizes.numel(); ++t) {
    f(row, count[t], t);
    row += count[t];
  }
}

}  // namespace

Packing::Packing(Tensor batch_sizes) : sizes_(std::move(batch_sizes)) {
  if (active()) sizes_ = sizes_.contiguous();
}

Tensor Packing::lengths() const {
  if (!active()) return {};
  auto lengths = at::empty({batch()}, sizes_.options());
  auto* length = lengths.mutable_data_ptr<int64_t>();
  for_steps(sizes_, [&](int64_t, int64_t rows, int64_t t) {
    for (int64_t b = 0; b < rows; ++b) length[b] = t + 1;
  });
  return lengths;
}

Tensor Packing::padded(const Tensor& rows) const {
  if (!active() || !rows.defined()) return rows;
  const auto from = rows.contiguous();
  const int64_t dims = from.size(1);
  auto steps = at::zeros({sizes_.numel(), batch(), dims}, from.options());
  const auto bytes = static_cast<int64_t>(from.element_size()) * dims;
  const auto* source = static_cast<const char*>(from.const_data_ptr());
  auto* target = static_cast<char*>(steps.mutable_data_ptr());
  for_steps(sizes_, [&](int64_t row, int64_t count, int64_t t) {
    std::memcpy(target + t * batch() * bytes, source + row * bytes, count * bytes);
  });
  return steps;
}

Tensor Packing::packed(const Tensor& steps) const {
  if (!active() || !steps.defined()) return steps;
  const auto from = steps.contiguous();
  int64_t total = 0;
  for_steps(sizes_, [&](int64_t, int64_t count, int64_t) { total += count; });
  const int64_t dims = from.size(2);
  auto rows = at::empty({total, dims}, from.options());
  const auto bytes = static_cast<int64_t>(from.element_size()) * dims;
  const auto* source = static_cast<const char*>(from.const_data_ptr());
  auto* target = static_cast<char*>(rows.mutable_data_ptr());
  for_steps(sizes_, [&](int64_t row, int64_t count, int64_t t) {
    std::memcpy(target + row * bytes, source + t * batch() * bytes, count * bytes);
  });
  return rows;
}

}  // namespace luxtorch::python
