// How PyTorch's files name dtypes: those of before 2.1 by a storage's class, "torch.FloatStorage", later
// ones by their own name, "torch.uint16", beside torch.storage.UntypedStorage.
#pragma once

#include <array>
#include <string_view>

#include "luxtorch/core/types.h"

namespace luxtorch::torch_archive {

struct DtypeName {
  Dtype dtype;
  std::string_view name;  // behind "torch."
  bool is_storage;
};
inline constexpr std::array kDtypes = {
    DtypeName{Dtype::Float, "FloatStorage", true},
    DtypeName{Dtype::Double, "DoubleStorage", true},
    DtypeName{Dtype::Half, "HalfStorage", true},
    DtypeName{Dtype::BFloat16, "BFloat16Storage", true},
    DtypeName{Dtype::Long, "LongStorage", true},
    DtypeName{Dtype::Int, "IntStorage", true},
    DtypeName{Dtype::Short, "ShortStorage", true},
    DtypeName{Dtype::Char, "CharStorage", true},
    DtypeName{Dtype::Byte, "ByteStorage", true},
    DtypeName{Dtype::Bool, "BoolStorage", true},
    DtypeName{Dtype::ComplexFloat, "ComplexFloatStorage", true},
    DtypeName{Dtype::ComplexDouble, "ComplexDoubleStorage", true},
    DtypeName{Dtype::UInt16, "uint16", false},
    DtypeName{Dtype::UInt32, "uint32", false},
    DtypeName{Dtype::UInt64, "uint64", false},
    DtypeName{Dtype::ComplexHalf, "complex32", false},
    DtypeName{Dtype::Float8_e4m3fn, "float8_e4m3fn", false},
    DtypeName{Dtype::Float8_e5m2, "float8_e5m2", false},
    DtypeName{Dtype::Float8_e4m3fnuz, "float8_e4m3fnuz", false},
    DtypeName{Dtype::Float8_e5m2fnuz, "float8_e5m2fnuz", false},
    DtypeName{Dtype::Float8_e8m0fnu, "float8_e8m0fnu", false},
    DtypeName{Dtype::Float4_e2m1fn_x2, "float4_e2m1fn_x2", false}};
// The integers of quantised tensors.
inline constexpr std::array kQuantised = {DtypeName{Dtype::Char, "QInt8Storage", true},
                                          DtypeName{Dtype::Byte, "QUInt8Storage", true},
                                          DtypeName{Dtype::Int, "QInt32Storage", true}};

inline constexpr std::string_view kPrefix = "torch.";
inline constexpr std::string_view kUntyped = "torch.storage.UntypedStorage";
inline constexpr std::string_view kRebuild1 = "torch._utils._rebuild_tensor";
inline constexpr std::string_view kRebuild2 = "torch._utils._rebuild_tensor_v2";
inline constexpr std::string_view kRebuild3 = "torch._utils._rebuild_tensor_v3";

}  // namespace luxtorch::torch_archive
