// The elements of datasets.
#include <ATen/ops/empty.h>
#include <c10/core/TensorOptions.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "io/base/fault.h"
#include "io/hdf5/bytes.h"
#include "io/hdf5/marks.h"
#include "io/libhdf5/reader.h"
#include "io/libhdf5/types.h"

namespace luxtorch::hdf5 {
namespace {

/// What libhdf5 allocated for strings and lists in a buffer, freed at the end.
class Reclaimed {
 public:
  Reclaimed(hid_t type, hid_t space, void* buffer) : type_(type), space_(space), buffer_(buffer) {}
  ~Reclaimed() { H5Dvlen_reclaim(type_, space_, H5P_DEFAULT, buffer_); }
  Reclaimed(const Reclaimed&) = delete;
  Reclaimed& operator=(const Reclaimed&) = delete;

 private:
  hid_t type_, space_;
  void* buffer_;
};

uint64_t product(const std::vector<uint64_t>& dims) {
  uint64_t product = 1;
  for (uint64_t dim : dims) product = checked_product(product, dim);
  return product;
}

Tensor empty(const std::vector<uint64_t>& dims, Dtype dtype) {
  return at::empty(torch_sizes(dims), at::TensorOptions(dtype));
}

// For the elements of a number type: bools are bytes until they are known to be 0 or 1.
Tensor empty_numbers(const std::vector<uint64_t>& dims, Dtype dtype) {
  return empty(dims, dtype == Dtype::Bool ? Dtype::Byte : dtype);
}

}  // namespace

Tree LibraryReader::elements(hid_t dataset, hid_t type, hid_t space) {
  int rank = H5Sget_simple_extent_ndims(space);
  check(rank);
  std::vector<hsize_t> extent(static_cast<size_t>(rank));
  check(H5Sget_simple_extent_dims(space, extent.data(), nullptr));
  std::vector<uint64_t> dims(extent.begin(), extent.end());
  uint64_t count = product(dims);
  if (auto number = number_type(type)) {
    reserve(count, H5Tget_size(number->memory));
    Tensor t = empty_numbers(dims, number->dtype);
    if (count > 0)
      check(H5Dread(dataset, number->memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, t.mutable_data_ptr()));
    return number->dtype == Dtype::Bool ? bools_of(t) : t;
  }
  if (H5Tget_class(type) == H5T_OPAQUE) {
    uint64_t size = H5Tget_size(type);
    auto dtype = dtype_of_opaque(text_attribute(dataset, kKerasDtype), size);
    if (!dtype) dims.push_back(size);
    reserve(count, size);
    Tensor t = empty(dims, dtype.value_or(Dtype::Byte));
    if (count > 0)
      check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, t.mutable_data_ptr()));
    return t;
  }
  Handle native = memory_type(type);
  reserve(count, H5Tget_size(native) + kNodeBytes);
  std::vector<std::byte> buffer(count * H5Tget_size(native));
  if (count > 0) check(H5Dread(dataset, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer.data()));
  Reclaimed reclaimed(native, space, buffer.data());
  hid_t outer = std::exchange(here_, dataset);
  Tree tree = rank == 0 ? value(native, buffer.data()) : values(native, buffer.data(), dims);
  here_ = outer;
  return tree;
}

Tensor LibraryReader::numbers(hid_t type, const std::byte* bytes, uint64_t count) {
  NumberType number = *number_type(type);
  size_t from = H5Tget_size(type), to = H5Tget_size(number.memory);
  reserve(count, to);
  std::vector<std::byte> buffer(count * std::max(from, to));
  if (count > 0) std::memcpy(buffer.data(), bytes, count * from);
  if (count > 0) check(H5Tconvert(type, number.memory, count, buffer.data(), nullptr, H5P_DEFAULT));
  Tensor t = empty_numbers({count}, number.dtype);
  if (count > 0) std::memcpy(t.mutable_data_ptr(), buffer.data(), count * to);
  return number.dtype == Dtype::Bool ? bools_of(t) : t;
}

Tensor LibraryReader::opaque(const std::byte* bytes, std::vector<uint64_t> dims, size_t size) {
  dims.push_back(size);
  reserve(product(dims), 1);
  Tensor t = empty(dims, Dtype::Byte);
  if (t.numel() > 0) std::memcpy(t.mutable_data_ptr(), bytes, t.nbytes());
  return t;
}

Tree LibraryReader::values(hid_t type, const std::byte* bytes, const std::vector<uint64_t>& dims) {
  uint64_t count = product(dims);
  if (number_type(type)) return numbers(type, bytes, count).view(torch_sizes(dims));
  size_t size = H5Tget_size(type);
  if (H5Tget_class(type) == H5T_OPAQUE) return opaque(bytes, dims, size);
  if (H5Tget_class(type) == H5T_ARRAY) {
    Handle base(H5Tget_super(type), H5Tclose);
    std::vector<hsize_t> inner(static_cast<size_t>(H5Tget_array_ndims(type)));
    check(H5Tget_array_dims2(type, inner.data()));
    std::vector<uint64_t> all = dims;
    all.insert(all.end(), inner.begin(), inner.end());
    return values(base, bytes, all);
  }
  reserve(count, kNodeBytes);
  std::vector<Tree> parts;
  for (uint64_t i = 0; i < count; ++i) parts.push_back(value(type, bytes + i * size));
  return nested_tuples(std::move(parts), dims);
}

Tree LibraryReader::value(hid_t type, const std::byte* bytes) {
  if (number_type(type)) return leaf_of(numbers(type, bytes, 1).squeeze());
  switch (H5Tget_class(type)) {
    case H5T_STRING:
      return text(type, bytes);
    case H5T_COMPOUND:
      return record(type, bytes);
    case H5T_REFERENCE:
      return reference(type, bytes);
    case H5T_ARRAY:
    case H5T_OPAQUE:
      return values(type, bytes, {});
    case H5T_VLEN: {
      hvl_t list;
      std::memcpy(&list, bytes, sizeof list);
      Handle base(H5Tget_super(type), H5Tclose);
      return values(base, static_cast<const std::byte*>(list.p), {list.len});
    }
    default:
      io::unsupported("numbers, texts, compounds, lists or references", "another kind of element");
  }
}

Tree LibraryReader::text(hid_t type, const std::byte* bytes) {
  if (H5Tis_variable_str(type) > 0) {
    const char* data = nullptr;
    std::memcpy(&data, bytes, sizeof data);
    return data == nullptr ? "" : data;
  }
  std::string text(reinterpret_cast<const char*>(bytes), H5Tget_size(type));
  if (H5Tget_strpad(type) == H5T_STR_NULLPAD)
    return text.substr(0, text.find_last_not_of('\0') + 1);
  if (H5Tget_strpad(type) == H5T_STR_SPACEPAD)
    return text.substr(0, text.find_last_not_of(' ') + 1);
  return text.substr(0, text.find('\0'));
}

Tree LibraryReader::record(hid_t type, const std::byte* bytes) {
  int count = H5Tget_nmembers(type);
  check(count);
  std::vector<Tree::Item> parts;
  for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
    Handle part(H5Tget_member_type(type, i), H5Tclose);
    char* name = H5Tget_member_name(type, i);
    std::string key = name == nullptr ? "" : name;
    H5free_memory(name);
    parts.emplace_back(key, value(part, bytes + H5Tget_member_offset(type, i)));
  }
  return tree_of_group(std::move(parts), "");
}

Tree LibraryReader::reference(hid_t type, const std::byte* bytes) {
  if (H5Tequal(type, H5T_STD_REF_OBJ) <= 0)
    io::unsupported("references to objects", "references to regions");
  hobj_ref_t address = 0;
  std::memcpy(&address, bytes, sizeof address);
  if (address == 0) return {};
  return object(Handle(H5Rdereference2(here_, H5P_DEFAULT, H5R_OBJECT, &address), H5Oclose));
}

}  // namespace luxtorch::hdf5
