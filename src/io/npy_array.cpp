#include "io/npy_array.h"

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "io/file_fault.h"

namespace luxtorch::io {
namespace {

void reverse_each(char* bytes, uint64_t count, uint64_t width) {
  for (uint64_t i = 0; i < count; ++i, bytes += width) std::reverse(bytes, bytes + width);
}

uint64_t bytes_of(const NpyHeader& header) {
  // torch multiplies sizes of 0 as 1 for its strides.
  constexpr int64_t kLargest = int64_t{1} << 58U;
  constexpr size_t kRank = 64;
  int64_t span = 1, count = 1;
  auto shape = fmt::format("({})", fmt::join(header.shape, ", "));
  if (header.shape.size() > kRank)
    throw FileFault{"the header", fmt::format("at most {} dimensions", kRank),
                    std::to_string(header.shape.size())};
  for (int64_t size : header.shape) {
    if (size > kLargest / span)
      throw FileFault{"the header", "a shape that memory can hold", shape};
    span *= std::max<int64_t>(size, 1);
    count *= size;
  }
  return static_cast<uint64_t>(count) * c10::elementSize(header.dtype);
}

}  // namespace

Tensor read_npy(uint64_t size, const std::function<void(void* to, uint64_t count)>& read,
                const MapElements& map) {
  auto take = [&](void* to, uint64_t count, const char* what) {
    if (count > size) throw FileFault{"", what, fmt::format("{} bytes", size)};
    read(to, count);
    size -= count;
  };
  char start[8];
  take(start, sizeof start, "a header");
  if (std::string_view(start, kNpyMagic.size()) != kNpyMagic)
    throw FileFault{"", "an array in NumPy's format", "something else"};
  char version = start[6];
  if (version < 1 || version > 3)
    throw FileUnsupported{
        "", fmt::format("expected version 1, 2 or 3 of NumPy's format, got {}.", int{version})};
  uint32_t length = 0;
  take(&length, version == 1 ? 2 : 4, "a header");
  constexpr uint32_t kLongest = 1U << 20U;
  if (length > kLongest || length > size)
    throw FileFault{"the header",
                    fmt::format("at most {} bytes", std::min<uint64_t>(kLongest, size)),
                    std::to_string(length)};
  std::string text(length, '\0');
  take(text.data(), length, "a header");
  NpyHeader header = parse_npy_header(text);
  uint64_t bytes = bytes_of(header);
  if (bytes != size)
    throw FileFault{"",
                    fmt::format("{} bytes for shape ({})", bytes, fmt::join(header.shape, ", ")),
                    std::to_string(size)};

  if (map && bytes > 0 && !header.swapped && !header.fortran)
    if (auto mapped = map(header.shape, header.dtype)) return *mapped;
  auto shape = header.shape;
  if (header.fortran) std::ranges::reverse(shape);
  Tensor tensor = at::empty(shape, at::TensorOptions(header.dtype));
  if (bytes > 0) {
    auto* data = static_cast<char*>(tensor.mutable_data_ptr());
    take(data, bytes, "elements");
    if (header.swapped) {
      uint64_t width = c10::elementSize(header.dtype) / (tensor.is_complex() ? 2 : 1);
      reverse_each(data, bytes / width, width);
    }
    // C++ allows a bool no other bytes than these two.
    if (header.dtype == Dtype::Bool)
      for (uint64_t i = 0; i < bytes; ++i) data[i] = data[i] != 0 ? 1 : 0;
  }
  if (!header.fortran) return tensor;
  std::vector<int64_t> order(shape.size());
  std::iota(order.rbegin(), order.rend(), 0);
  return tensor.permute(order).contiguous();
}

}  // namespace luxtorch::io
