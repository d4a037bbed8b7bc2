// One array as an npy file holds it: a magic number, a header in Python's words, the elements.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/base/fault.h"
#include "luxtorch/core/types.h"
#include "luxtorch/tree.h"

namespace luxtorch::io {

inline constexpr std::string_view kNpyMagic = "\x93NUMPY";

/// What comes before an array's elements, a multiple of 64 bytes; "" for a dtype that NumPy lacks.
std::string npy_head(Dtype dtype, ShapeView shape);

enum class NpyElements { kNumbers, kBytes, kUnicode };  // the last two of a fixed width

struct NpyHeader {
  NpyElements elements = NpyElements::kNumbers;
  Dtype dtype = Dtype::Float;  // of numbers
  uint64_t text_width = 0;     // of texts, in bytes
  bool swapped = false;        // big-endian
  bool fortran = false;
  std::vector<int64_t> shape;
};
/// Of the header's text, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }". ml_dtypes'
/// bfloat16 is '<V2', its float8_e5m2 '<f1'. Throws a Fault; for what a tree has no kind for
/// an unsupported one with the descr as its type.
NpyHeader parse_npy_header(std::string_view text);

/// Elements that are in the file as in memory, at the place that `read` has come to; none where they must
/// be copied.
using MapElements = std::function<std::optional<Tensor>(ShapeView shape, Dtype dtype)>;

/// The array of `size` bytes in all, which `read` gives front to back: a tensor; a string or, of a shape
/// other than (), tuples of strings (bytes as they are, text in UTF-8, NULs at the ends left out). Zeros
/// behind it are padding; several arrays, one behind the other, are a tuple. `map` is asked for the
/// elements first; `read` with a null `to` passes over those that it gave. Throws Fault, at the place inside the array.
Tree read_npy(uint64_t size, const std::function<void(void* to, uint64_t count)>& read,
              const MapElements& map = {});

/// The texts of `bytes`, one behind the other, in the header's order and shape.
Tree npy_texts(const NpyHeader& header, std::string_view bytes);

}  // namespace luxtorch::io
