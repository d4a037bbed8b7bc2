// Arrays of texts of a fixed width as strings.
#include <ATen/ops/arange.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "io/base/fault.h"
#include "io/hdf5/marks.h"
#include "io/numpy/npy_array.h"
#include "utf8.h"

namespace luxtorch::io {
namespace {

void append_character(std::string& text, uint32_t code) {
  if (code > 0x10ffff) throw Fault("", "characters of Unicode", fmt::format("{:#x}", code));
  if (code >= 0xd800 && code < 0xe000)
    throw Fault::unsupported("",
                             fmt::format("expected text that UTF-8 holds, got half of a character, "
                                         "{:#x}.",
                                         code));
  detail::append_code_point(text, code);
}

std::string from_utf32(std::string_view bytes, bool swapped) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 4) {
    uint32_t code = 0;
    std::memcpy(&code, bytes.data() + at, sizeof code);
    append_character(text, swapped ? __builtin_bswap32(code) : code);
  }
  return text;
}

// Texts that are shorter than the array's width end in NULs there.
std::string_view without_nuls(std::string_view bytes, size_t width) {
  while (bytes.size() >= width && bytes.substr(bytes.size() - width) == std::string(width, '\0'))
    bytes.remove_suffix(width);
  return bytes;
}

std::string text_at(const NpyHeader& header, std::string_view bytes, int64_t i) {
  auto text = bytes.substr(static_cast<uint64_t>(i) * header.text_width, header.text_width);
  if (header.elements == NpyElements::kBytes) return std::string(without_nuls(text, 1));
  return from_utf32(without_nuls(text, sizeof(uint32_t)), header.swapped);
}

// Where the elements of an array, its last dimension fastest, lie in the file.
Tensor places(const NpyHeader& header, int64_t count) {
  Tensor in_order = at::arange(count, kInt64);
  if (!header.fortran) return in_order;
  std::vector<int64_t> reversed(header.shape.rbegin(), header.shape.rend());
  std::vector<int64_t> order(reversed.size());
  std::iota(order.rbegin(), order.rend(), 0);
  return in_order.view(reversed).permute(order).contiguous();
}

}  // namespace

Tree npy_texts(const NpyHeader& header, std::string_view bytes) {
  constexpr int64_t kMost = 10'000'000;
  int64_t count = 1;
  for (int64_t size : header.shape) count *= size;  // read_npy checked it
  if (count > kMost)
    throw Fault::unsupported("", fmt::format("expected at most {} texts, got {}.", kMost, count));
  if (header.shape.empty()) return text_at(header, bytes, 0);
  Tensor place = places(header, count);
  const auto* from = place.const_data_ptr<int64_t>();
  std::vector<Tree> texts;
  texts.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) texts.emplace_back(text_at(header, bytes, from[i]));
  try {
    return hdf5::nested_tuples(std::move(texts), {header.shape.begin(), header.shape.end()});
  } catch (const Fault& fault) {
    throw Fault::unsupported("", fmt::format("expected {}, got {}.", fault.expected, fault.got));
  }
}

}  // namespace luxtorch::io
