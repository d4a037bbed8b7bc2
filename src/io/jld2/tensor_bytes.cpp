#include "io/jld2/tensor_bytes.h"

#include <ATen/ops/empty.h>
#include <c10/util/Half.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>

#include "io/hdf5/fault.h"
#include "io/jld2/memory_order.h"
#include "io/plain_hdf5/marks.h"

namespace luxtorch::jld2 {

using hdf5::Bytes;
using hdf5::Datatype;
using Kind = Datatype::Kind;

namespace {
constexpr uint64_t kPiece = 8 << 20;  // bytes

// Fresh memory comes page by page, which costs more than the copy into it; large pages are asked
// for where there are any.
void want_large_pages(const Tensor& tensor) {
  constexpr uintptr_t kLargePage = 2 << 20;
  if (tensor.nbytes() < 2 * kLargePage) return;
  auto begin = reinterpret_cast<uintptr_t>(tensor.const_data_ptr());
  auto end = (begin + tensor.nbytes()) / kLargePage * kLargePage;
  begin = (begin + kLargePage - 1) / kLargePage * kLargePage;
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace

std::optional<Dtype> dtype_of(const Datatype& type) {
  switch (type.kind) {
    case Kind::kBool:
      return Dtype::Bool;
    case Kind::kFloat:
      return type.size == 2 ? Dtype::Half : type.size == 4 ? Dtype::Float : Dtype::Double;
    case Kind::kInteger:
      switch (type.size) {
        case 1:
          return type.is_signed ? Dtype::Char : Dtype::Byte;
        case 2:
          return type.is_signed ? Dtype::Short : Dtype::UInt16;
        case 4:
          return type.is_signed ? Dtype::Int : Dtype::UInt32;
        case 8:
          return type.is_signed ? Dtype::Long : Dtype::UInt64;
        default:
          return {};
      }
    default:
      return {};
  }
}

std::optional<Dtype> complex_dtype(const Datatype& type) {
  if (type.kind != Kind::kCompound || type.members.size() != 2) return {};
  const auto& re = type.members[0];
  const auto& im = type.members[1];
  bool named_so = (re.name == "re" && im.name == "im") || (re.name == "r" && im.name == "i") ||
                  (re.name == "real" && im.name == "imag");
  bool pair = named_so && re.type->kind == Kind::kFloat && im.type->kind == Kind::kFloat &&
              re.type->size == im.type->size;
  if (!pair || re.offset != 0 || im.offset != re.type->size || type.size != 2 * re.type->size)
    return {};
  return type.size == 4   ? Dtype::ComplexHalf
         : type.size == 8 ? Dtype::ComplexFloat
                          : Dtype::ComplexDouble;
}

std::optional<Dtype> number_dtype(const Datatype& type) {
  return type.kind == Kind::kCompound ? complex_dtype(type) : dtype_of(type);
}

double real_number(const Datatype& type, Bytes bytes) {
  switch (type.size) {
    case 2:
      return static_cast<double>(
          static_cast<float>(c10::Half(bytes.get<uint16_t>(0), c10::Half::from_bits())));
    case 4:
      return static_cast<double>(std::bit_cast<float>(bytes.get<uint32_t>(0)));
    default:
      return std::bit_cast<double>(bytes.get<uint64_t>(0));
  }
}

Tensor scalar_tensor(const Datatype& type, Bytes bytes) {
  return tensor_from(*number_dtype(type), {}, bytes);
}

Tensor tensor_from(Dtype dtype, const std::vector<uint64_t>& size, Bytes bytes,
                   const std::function<void(Bytes)>& copied) {
  std::vector<int64_t> sizes = hdf5::torch_sizes(size);
  Tensor tensor = at::empty(sizes, at::TensorOptions(dtype));
  if (tensor.numel() == 0) return tensor;
  want_large_pages(tensor);
  size_t element = tensor.element_size();
  auto count = static_cast<uint64_t>(tensor.numel());
  Bytes data = bytes.sub(0, count * element);
  // Julia's last index is its slowest, so that a range of it is one run of bytes.
  int64_t whole = sizes.empty() ? 1 : sizes.back();
  uint64_t slice = data.size() / static_cast<uint64_t>(whole);
  auto step = static_cast<int64_t>(std::max<uint64_t>(1, kPiece / slice));
  auto from_strides = column_major(sizes);
  auto to_strides = row_major(sizes);
  auto* out = static_cast<char*>(tensor.mutable_data_ptr());
  std::vector<int64_t> part = sizes;
  for (int64_t from = 0; from < whole; from += step) {
    int64_t length = std::min(step, whole - from);
    if (!part.empty()) part.back() = length;
    Bytes piece =
        data.sub(static_cast<uint64_t>(from) * slice, static_cast<uint64_t>(length) * slice);
    copy_strided(part, element, piece.data(), from_strides,
                 out + static_cast<size_t>(from) * element, to_strides);
    if (copied) copied(piece);
  }
  if (dtype == Dtype::Bool) {
    // C++ allows a bool no other bytes than these two.
    auto* values = static_cast<uint8_t*>(tensor.mutable_data_ptr());
    for (uint64_t i = 0; i < count; ++i) values[i] = values[i] != 0 ? 1 : 0;
  }
  return tensor;
}

Tree tuple_of_numbers(const Tensor& vector) {
  std::vector<Tree> elements;
  for (int64_t i = 0; i < vector.numel(); ++i) {
    at::Scalar value = vector[i].item();
    if (value.isBoolean())
      elements.emplace_back(value.toBool());
    else if (value.isFloatingPoint())
      elements.emplace_back(value.toDouble());
    else if (value.isIntegral(false) && vector.scalar_type() != Dtype::UInt64)
      elements.emplace_back(value.toLong());
    else
      elements.emplace_back(Tensor(vector[i]));
  }
  return tuple(std::move(elements));
}

}  // namespace luxtorch::jld2
