// One array as an npy file holds it: a magic number, a header in Python's words, the elements.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/core/types.h"

namespace luxtorch::io {

inline constexpr std::string_view kNpyMagic = "\x93NUMPY";

/// What comes before an array's elements, a multiple of 64 bytes; "" for a dtype that NumPy lacks.
std::string npy_head(Dtype dtype, ShapeView shape);

struct NpyHeader {
  Dtype dtype;
  bool swapped = false;  // big-endian
  bool fortran = false;
  std::vector<int64_t> shape;
};
/// Of the header's text, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }". Throws
/// FileFault and, for dtypes that torch lacks, FileUnsupported.
NpyHeader parse_npy_header(std::string_view text);

/// The array of `size` bytes in all, which `read` gives front to back. map: elements that are in the file as in
/// memory, at the place that `read` has come to; none where they must be copied. Throws FileFault and
/// FileUnsupported, at the place inside the array.
using MapElements = std::function<std::optional<Tensor>(ShapeView shape, Dtype dtype)>;
Tensor read_npy(uint64_t size, const std::function<void(void* to, uint64_t count)>& read,
                const MapElements& map = {});

}  // namespace luxtorch::io
