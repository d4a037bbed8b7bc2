#include "io/jld2/tensor_bytes.h"

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "io/base/fault.h"
#include "io/base/large_pages.h"
#include "io/base/memory_order.h"
#include "io/hdf5/marks.h"

namespace luxtorch::jld2 {

using hdf5::Bytes;
using hdf5::Datatype;
using Kind = Datatype::Kind;

namespace {

bool is_big_endian(const Datatype& type) {
  return type.kind == Kind::kCompound ? type.members[0].type->is_big_endian : type.is_big_endian;
}

Dtype bytes_for_bools(Dtype dtype) { return dtype == Dtype::Bool ? Dtype::Byte : dtype; }

// In this machine's byte order, integers of all their bytes, and bools as hdf5::bools_of has them.
Tensor finished(Tensor tensor, const Datatype& type, Dtype dtype) {
  if (dtype == Dtype::Bool) return hdf5::bools_of(tensor);
  auto* data = static_cast<uint8_t*>(tensor.mutable_data_ptr());
  size_t number = tensor.element_size() / (tensor.is_complex() ? 2 : 1);
  if (is_big_endian(type))
    for (size_t at = 0; at < tensor.nbytes(); at += number)
      std::reverse(data + at, data + at + number);
  if (type.kind == Kind::kInteger && type.bits != 0)
    for (size_t at = 0; at < tensor.nbytes(); at += number) {
      uint64_t value = 0;
      std::memcpy(&value, data + at, number);
      value = whole_integer(type, value);
      std::memcpy(data + at, &value, number);
    }
  return tensor;
}

// A tensor whose elements come from a dataset, box by box.
class TensorElements : public hdf5::Elements {
 public:
  TensorElements(const hdf5::File& file, const std::vector<uint64_t>& dims,
                 const NumberLayout& numbers, bool first_fastest)
      : file_(file),
        dtype_(bytes_for_bools(numbers.dtype)),
        width_(c10::elementSize(dtype_)),
        inner_(numbers.inner.begin(), numbers.inner.end()) {
    std::vector<uint64_t> all = dims;
    all.insert(all.end(), numbers.inner.begin(), numbers.inner.end());
    if (all.size() > 64) io::unsupported("arrays of at most 64 dimensions", "more");
    dims_ = hdf5::torch_sizes(all);
    sizes_ = dims_;
    if (first_fastest) std::ranges::reverse(sizes_);
    strides_ = io::row_major(sizes_);
    if (first_fastest) std::ranges::reverse(strides_);  // now of the file's dimensions
  }

  uint64_t element_size() const {
    uint64_t bytes = width_;
    for (int64_t size : inner_) bytes = hdf5::checked_product(bytes, static_cast<uint64_t>(size));
    return bytes;
  }

  void start(Bytes fill, bool whole) override {
    uint64_t bytes = width_;
    for (int64_t size : sizes_) bytes = hdf5::checked_product(bytes, static_cast<uint64_t>(size));
    file_.reserve(bytes);
    tensor = at::empty(sizes_, at::TensorOptions(dtype_));
    if (tensor.numel() == 0) return;
    auto* data = static_cast<char*>(tensor.mutable_data_ptr());
    io::want_large_pages(data, tensor.nbytes());
    bool zeros =
        std::all_of(fill.data(), fill.data() + fill.size(), [](uint8_t b) { return b == 0; });
    if (whole) return;
    if (zeros) {
      std::memset(data, 0, tensor.nbytes());
    } else {
      fill_with(fill);
    }
  }

  void put(const hdf5::Box& box) override {
    std::vector<int64_t> size(box.size.begin(), box.size.end());
    std::vector<int64_t> shape(box.shape.begin(), box.shape.end());
    size.insert(size.end(), inner_.begin(), inner_.end());
    shape.insert(shape.end(), inner_.begin(), inner_.end());
    int64_t place = 0;
    for (size_t d = 0; d < box.begin.size(); ++d)
      place += static_cast<int64_t>(box.begin[d]) * strides_[d];
    auto* to = static_cast<char*>(tensor.mutable_data_ptr()) + static_cast<size_t>(place) * width_;
    io::copy_strided(size, width_, box.elements.data(), io::row_major(shape), to, strides_);
  }

  Tensor tensor;

 private:
  // Every element of the dataset, which has the numbers of `inner_`.
  void fill_with(Bytes fill) {
    auto inner = io::row_major(inner_);
    std::vector<int64_t> from(strides_.size() - inner.size(), 0);
    from.insert(from.end(), inner.begin(), inner.end());
    io::copy_strided(dims_, width_, fill.data(), from, tensor.mutable_data_ptr(), strides_);
  }

  const hdf5::File& file_;
  Dtype dtype_;
  size_t width_;
  // Of the tensor; of the file, slowest first, as the strides; those of them inside an element.
  std::vector<int64_t> sizes_, dims_, strides_, inner_;
};

}  // namespace

uint64_t whole_integer(const Datatype& type, uint64_t bytes) {
  uint64_t mask = type.bits == 64 ? UINT64_MAX : (uint64_t{1} << type.bits) - 1;
  uint64_t value = bytes >> type.bit_offset & mask;
  bool is_negative = type.is_signed && (value >> (type.bits - 1) & 1) != 0;
  return is_negative ? value | ~mask : value;
}

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
                   Bytes bytes) {
  Tensor tensor = tensor_from(bytes_for_bools(dtype), size, bytes);
  return finished(std::move(tensor), type, dtype);
}

Tensor tensor_from(Dtype dtype, const std::vector<uint64_t>& size, Bytes bytes) {
  std::vector<int64_t> sizes = hdf5::torch_sizes(size);
  Tensor tensor = at::empty(sizes, at::TensorOptions(dtype));
  if (tensor.numel() == 0) return tensor;
  Bytes data = bytes.sub(0, tensor.nbytes());
  io::copy_strided(sizes, tensor.element_size(), data.data(), io::column_major(sizes),
                   tensor.mutable_data_ptr(), io::row_major(sizes));
  return tensor;
}

Tensor read_tensor(const hdf5::File& file, const hdf5::Object& object, const NumberLayout& numbers,
                   bool first_fastest) {
  TensorElements elements(file, object.space.dims, numbers, first_fastest);
  hdf5::read_elements(file, object, object.space.dims, elements.element_size(), elements);
  return finished(std::move(elements.tensor), *numbers.number, numbers.dtype);
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
