#include "io/jld2/tensor_bytes.h"

#include <ATen/ops/empty.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <bit>

#include "io/hdf5/fault.h"
#include "io/jld2/memory_order.h"
#include "io/large_pages.h"
#include "io/plain_hdf5/marks.h"

namespace luxtorch::jld2 {

using hdf5::Bytes;
using hdf5::Datatype;
using Kind = Datatype::Kind;

namespace {
constexpr size_t kPiece = 32 << 20;  // bytes of a file that are in memory at a time
constexpr size_t kWorthAsking = 1 << 20;
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
              re.type->size == im.type->size && re.type->is_big_endian == im.type->is_big_endian;
  if (!pair || re.offset != 0 || im.offset != re.type->size || type.size != 2 * re.type->size)
    return {};
  return type.size == 4   ? Dtype::ComplexHalf
         : type.size == 8 ? Dtype::ComplexFloat
                          : Dtype::ComplexDouble;
}

std::optional<Dtype> number_dtype(const Datatype& type) {
  return type.kind == Kind::kCompound ? complex_dtype(type) : dtype_of(type);
}

bool is_big_endian(const Datatype& type) {
  return type.kind == Kind::kCompound ? type.members[0].type->is_big_endian : type.is_big_endian;
}

double real_number(const Datatype& type, Bytes bytes) {
  uint8_t reversed[8];
  if (type.is_big_endian) {
    Bytes number = bytes.sub(0, type.size);
    std::reverse_copy(number.data(), number.data() + number.size(), reversed);
    bytes = Bytes(reversed, type.size);
  }
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
  return tensor_from(type, *number_dtype(type), {}, bytes);
}

Tensor tensor_from(const Datatype& type, Dtype dtype, const std::vector<uint64_t>& size,
                   Bytes bytes, const hdf5::File* mapped) {
  Tensor tensor = tensor_from(dtype == Dtype::Bool ? Dtype::Byte : dtype, size, bytes, mapped);
  if (dtype == Dtype::Bool) return hdf5::bools_of(tensor);
  if (!is_big_endian(type)) return tensor;
  size_t number = tensor.element_size() / (tensor.is_complex() ? 2 : 1);
  auto* data = static_cast<uint8_t*>(tensor.mutable_data_ptr());
  for (size_t at = 0; at < tensor.nbytes(); at += number)
    std::reverse(data + at, data + at + number);
  return tensor;
}

Tensor tensor_from(Dtype dtype, const std::vector<uint64_t>& size, Bytes bytes,
                   const hdf5::File* mapped) {
  std::vector<int64_t> sizes = hdf5::torch_sizes(size);
  Tensor tensor = at::empty(sizes, at::TensorOptions(dtype));
  if (tensor.numel() == 0) return tensor;
  io::want_large_pages(tensor.mutable_data_ptr(), tensor.nbytes());
  size_t element = tensor.element_size();
  auto count = static_cast<uint64_t>(tensor.numel());
  Bytes data = bytes.sub(0, count * element);
  auto to_strides = row_major(sizes);
  auto* out = static_cast<char*>(tensor.mutable_data_ptr());
  uint64_t at = 0;
  for_each_run(sizes, static_cast<int64_t>(kPiece / element),
               [&](std::span<const int64_t> begin, std::span<const int64_t> part) {
                 int64_t place = 0;
                 uint64_t length = element;
                 for (size_t d = 0; d < part.size(); ++d) {
                   place += begin[d] * to_strides[d];
                   length *= static_cast<uint64_t>(part[d]);
                 }
                 Bytes piece = data.sub(at, length);
                 if (mapped != nullptr && length >= kWorthAsking) mapped->want(piece);
                 copy_strided(part, element, piece.data(), column_major(part),
                              out + static_cast<size_t>(place) * element, to_strides);
                 if (mapped != nullptr) mapped->forget(piece);
                 at += length;
               });
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
