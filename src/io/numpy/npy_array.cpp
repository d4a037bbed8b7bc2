#include "io/numpy/npy_array.h"

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "io/base/fault.h"
#include "io/base/memory_order.h"

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
    throw Fault("the header", fmt::format("at most {} dimensions", kRank),
                std::to_string(header.shape.size()));
  bool is_text = header.elements != NpyElements::kNumbers;
  uint64_t width = is_text ? header.text_width : c10::elementSize(header.dtype);
  for (int64_t size : header.shape) {
    if (size > kLargest / span) throw Fault("the header", "a shape that memory can hold", shape);
    span *= std::max<int64_t>(size, 1);
    count *= size;
  }
  if (width > 0 && static_cast<uint64_t>(count) > UINT64_MAX / width)
    throw Fault("the header", "a shape that memory can hold", shape);
  return static_cast<uint64_t>(count) * width;
}

// The bytes of a file or of an archive's entry, front to back, and how many are left.
class Source {
 public:
  Source(uint64_t size, const std::function<void(void*, uint64_t)>& read)
      : left_(size), read_(read) {}

  uint64_t left() const { return left_; }
  void take(void* to, uint64_t count, const char* what) {
    if (count > left_) throw Fault("", what, fmt::format("{} bytes", left_));
    read_(to, count);
    left_ -= count;
  }
  void skip(uint64_t count) {
    read_(nullptr, count);
    left_ -= count;
  }
  std::string take(uint64_t count, const char* what) {
    std::string bytes(std::min(count, left_), '\0');
    take(bytes.data(), count, what);
    return bytes;
  }

 private:
  uint64_t left_;
  const std::function<void(void*, uint64_t)>& read_;
};

constexpr uint64_t kStart = 8;  // bytes of the magic number and the version

NpyHeader read_header(Source& source, std::string_view start) {
  if (!start.starts_with(kNpyMagic))
    throw Fault("", "an array in NumPy's format", "something else");
  char version = start[6];
  if (version < 1 || version > 3)
    throw Fault::unsupported(
        "", fmt::format("expected version 1, 2 or 3 of NumPy's format, got {}.", int{version}));
  uint32_t length = 0;
  source.take(&length, version == 1 ? 2 : 4, "a header");
  constexpr uint32_t kLongest = 1U << 20U;
  if (length > kLongest || length > source.left())
    throw Fault("the header",
                fmt::format("at most {} bytes", std::min<uint64_t>(kLongest, source.left())),
                std::to_string(length));
  return parse_npy_header(source.take(length, "a header"));
}

// Elements whose first index is fastest, piece by piece.
void read_turned(Source& source, const Tensor& tensor) {
  constexpr int64_t kPiece = 32 << 20;  // bytes
  auto element = tensor.element_size();
  auto* data = static_cast<char*>(tensor.mutable_data_ptr());
  std::vector<char> buffer;
  for_each_run(tensor.sizes(), kPiece / element,
               [&](std::span<const int64_t> begin, std::span<const int64_t> sizes) {
                 int64_t place = 0, bytes = element;
                 for (size_t d = 0; d < sizes.size(); ++d) {
                   place += begin[d] * tensor.stride(static_cast<int64_t>(d));
                   bytes *= sizes[d];
                 }
                 buffer.resize(static_cast<size_t>(bytes));
                 source.take(buffer.data(), buffer.size(), "elements");
                 copy_strided(sizes, static_cast<size_t>(element), buffer.data(),
                              column_major(sizes), data + place * element, tensor.strides());
               });
}

Tensor read_numbers(Source& source, const NpyHeader& header, uint64_t bytes,
                    const MapElements& map) {
  if (map && bytes > 0 && !header.swapped && !header.fortran) {
    if (auto mapped = map(header.shape, header.dtype)) {
      source.skip(bytes);
      return *mapped;
    }
  }
  const auto& shape = header.shape;
  Tensor tensor = at::empty(shape, at::TensorOptions(header.dtype));
  if (bytes > 0) {
    auto* data = static_cast<char*>(tensor.mutable_data_ptr());
    if (header.fortran && shape.size() > 1) {
      read_turned(source, tensor);
    } else {
      source.take(data, bytes, "elements");
    }
    if (header.swapped) {
      uint64_t width = c10::elementSize(header.dtype) / (tensor.is_complex() ? 2 : 1);
      reverse_each(data, bytes / width, width);
    }
    // C++ allows a bool no other bytes than these two.
    if (header.dtype == Dtype::Bool)
      for (uint64_t i = 0; i < bytes; ++i) data[i] = data[i] != 0 ? 1 : 0;
  }
  return tensor;
}

Tree read_array(Source& source, std::string_view start, const MapElements& map) {
  NpyHeader header = read_header(source, start);
  uint64_t bytes = bytes_of(header);
  if (bytes > source.left())
    throw Fault("", fmt::format("{} bytes for shape ({})", bytes, fmt::join(header.shape, ", ")),
                std::to_string(source.left()));
  if (header.elements == NpyElements::kNumbers) return read_numbers(source, header, bytes, map);
  return npy_texts(header, source.take(bytes, "elements"));
}

void expect_zeros(Source& source, std::string_view start) {
  constexpr uint64_t kPiece = 1U << 16U;
  auto is_zero = [](char c) { return c == 0; };
  bool all = std::ranges::all_of(start, is_zero);
  while (all && source.left() > 0)
    all = std::ranges::all_of(source.take(std::min(kPiece, source.left()), "zeros"), is_zero);
  if (!all) throw Fault("", "nothing, zeros or another array behind the elements", "other bytes");
}

}  // namespace

Tree read_npy(uint64_t size, const std::function<void(void* to, uint64_t count)>& read,
              const MapElements& map) {
  Source source(size, read);
  std::vector<Tree> arrays;
  auto start = source.take(kStart, "a header");
  do {
    arrays.push_back(read_array(source, start, map));
    start = source.take(std::min(kStart, source.left()), "an array");
  } while (start.size() == kStart && start.starts_with(kNpyMagic));
  expect_zeros(source, start);
  return arrays.size() == 1 ? arrays.front() : tuple(std::move(arrays));
}

}  // namespace luxtorch::io
