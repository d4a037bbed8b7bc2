// What writing and reading safetensors files share: 8 bytes of the header's length (little-endian),
// the header (JSON: an object of dtype, shape and data_offsets by tensor, and __metadata__, texts by
// text), the arrays without a gap. https://github.com/huggingface/safetensors
#pragma once

#include <array>
#include <bit>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/io/safetensors.h"

namespace luxtorch::safetensors {

static_assert(std::endian::native == std::endian::little);

inline constexpr std::string_view kMetadata = "__metadata__";
inline constexpr const char* kTreeKey = "luxtorch.tree";  // the key of our JSON in it
inline constexpr const char* kTiesKey = "luxtorch.ties";  // lists of paths that are one tensor
inline constexpr uint64_t kLongestHeader = 100'000'000;   // the format's limit

struct DtypeName {
  Dtype dtype;
  std::string_view name;
};
inline constexpr std::array kDtypes = {
    DtypeName{Dtype::Double, "F64"}, DtypeName{Dtype::Float, "F32"}, DtypeName{Dtype::Half, "F16"},
    DtypeName{Dtype::BFloat16, "BF16"}, DtypeName{Dtype::Long, "I64"}, DtypeName{Dtype::Int, "I32"},
    DtypeName{Dtype::Short, "I16"}, DtypeName{Dtype::Char, "I8"}, DtypeName{Dtype::UInt64, "U64"},
    DtypeName{Dtype::UInt32, "U32"}, DtypeName{Dtype::UInt16, "U16"}, DtypeName{Dtype::Byte, "U8"},
    DtypeName{Dtype::Bool, "BOOL"}, DtypeName{Dtype::ComplexFloat, "C64"},
    DtypeName{Dtype::Float8_e4m3fn, "F8_E4M3"}, DtypeName{Dtype::Float8_e5m2, "F8_E5M2"},
    DtypeName{Dtype::Float8_e4m3fnuz, "F8_E4M3FNUZ"},
    DtypeName{Dtype::Float8_e5m2fnuz, "F8_E5M2FNUZ"}, DtypeName{Dtype::Float8_e8m0fnu, "F8_E8M0"},
    // Of single numbers; torch's elements are pairs.
    DtypeName{Dtype::Float4_e2m1fn_x2, "F4"}};

/// A file's bytes before they are written. All that can be refused, the constructor refuses.
class Image {
 public:
  Image(const char* who, const Tree& tree, const SaveOptions& options);
  /// Hands the bytes on, front to back.
  void write(const std::function<void(std::string_view)>& to) const;

 private:
  std::string head_;
  std::vector<Tensor> tensors_;  // in the file's order, on their devices
};

}  // namespace luxtorch::safetensors
