#include "io/libhdf5/types.h"

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "io/base/fault.h"

namespace luxtorch::hdf5 {
namespace {

Handle copy_of(hid_t type) { return {H5Tcopy(type), H5Tclose}; }

Handle half() {
  Handle type = copy_of(H5T_IEEE_F32LE);
  check(H5Tset_fields(type, 15, 10, 5, 0, 10));
  check(H5Tset_size(type, 2));
  check(H5Tset_ebias(type, 15));
  return type;
}

Handle boolean() {
  Handle type(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
  for (int8_t value : {0, 1}) check(H5Tenum_insert(type, value == 0 ? "FALSE" : "TRUE", &value));
  return type;
}

Handle pair_of(hid_t real, const char* first, const char* second) {
  size_t size = H5Tget_size(real);
  Handle type(H5Tcreate(H5T_COMPOUND, 2 * size), H5Tclose);
  check(H5Tinsert(type, first, 0, real));
  check(H5Tinsert(type, second, size, real));
  return type;
}

std::string member_name(hid_t type, unsigned i) {
  char* name = H5Tget_member_name(type, i);
  if (name == nullptr) fail_with_reason();
  std::string copy = name;
  H5free_memory(name);
  return copy;
}

std::optional<Dtype> integer_dtype(bool is_signed, size_t bits) {
  if (bits <= 8) return is_signed ? Dtype::Char : Dtype::Byte;
  if (bits <= 16) return is_signed ? Dtype::Short : Dtype::UInt16;
  if (bits <= 32) return is_signed ? Dtype::Int : Dtype::UInt32;
  if (bits <= 64) return is_signed ? Dtype::Long : Dtype::UInt64;
  return {};
}

NumberType integer(hid_t type) {
  // Of the bytes that it takes, as in NumPy, also where fewer of their bits count.
  size_t size = H5Tget_size(type);
  size_t bits = size <= sizeof(int64_t) ? 8 * size : H5Tget_precision(type);
  auto dtype = integer_dtype(H5Tget_sign(type) == H5T_SGN_2, bits);
  if (!dtype) io::unsupported("integers of at most 64 bits", std::to_string(bits) + " bits");
  return {*dtype, *type_of(*dtype)};
}

// The least dtype that has every value; float64 for wider ones.
NumberType real(hid_t type) {
  size_t sign = 0, exponent_at = 0, exponent = 0, mantissa_at = 0, mantissa = 0;
  check(H5Tget_fields(type, &sign, &exponent_at, &exponent, &mantissa_at, &mantissa));
  Dtype dtype = exponent == 5 && mantissa == 10   ? Dtype::Half
                : exponent <= 8 && mantissa <= 23 ? Dtype::Float
                                                  : Dtype::Double;
  return {dtype, *type_of(dtype)};
}

NumberType enumeration(hid_t type) {
  bool is_bool = H5Tget_nmembers(type) == 2 && H5Tget_size(type) == 1;
  for (unsigned i = 0; is_bool && i < 2; ++i) {
    int8_t value = -1;
    check(H5Tget_member_value(type, i, &value));
    is_bool =
        value == static_cast<int8_t>(i) && member_name(type, i) == (i == 0 ? "FALSE" : "TRUE");
  }
  if (is_bool) return {Dtype::Bool, boolean()};
  return integer(Handle(H5Tget_super(type), H5Tclose));
}

// libhdf5 converts bit fields to nothing but bit fields.
std::optional<NumberType> bits(hid_t type) {
  const std::pair<size_t, std::pair<hid_t, Dtype>> known[] = {{1, {H5T_NATIVE_B8, Dtype::Bool}},
                                                              {2, {H5T_NATIVE_B16, Dtype::UInt16}},
                                                              {4, {H5T_NATIVE_B32, Dtype::UInt32}},
                                                              {8, {H5T_NATIVE_B64, Dtype::UInt64}}};
  for (const auto& [size, as] : known)
    if (H5Tget_size(type) == size) return NumberType{as.second, copy_of(as.first)};
  return {};
}

std::optional<NumberType> complex_number(hid_t type) {
  if (H5Tget_nmembers(type) != 2) return {};
  std::string first = member_name(type, 0), second = member_name(type, 1);
  bool named_so = (first == "r" && second == "i") || (first == "re" && second == "im") ||
                  (first == "real" && second == "imag");
  if (!named_so) return {};
  Handle re(H5Tget_member_type(type, 0), H5Tclose), im(H5Tget_member_type(type, 1), H5Tclose);
  if (H5Tget_class(re) != H5T_FLOAT || H5Tget_class(im) != H5T_FLOAT) return {};
  NumberType a = real(re), b = real(im);
  NumberType& wider = c10::elementSize(a.dtype) < c10::elementSize(b.dtype) ? b : a;
  return NumberType{c10::toComplexType(wider.dtype),
                    pair_of(wider.memory, first.c_str(), second.c_str())};
}

}  // namespace

std::optional<Handle> type_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::Bool:
      return boolean();
    case Dtype::Byte:
      return copy_of(H5T_STD_U8LE);
    case Dtype::Char:
      return copy_of(H5T_STD_I8LE);
    case Dtype::UInt16:
      return copy_of(H5T_STD_U16LE);
    case Dtype::Short:
      return copy_of(H5T_STD_I16LE);
    case Dtype::UInt32:
      return copy_of(H5T_STD_U32LE);
    case Dtype::Int:
      return copy_of(H5T_STD_I32LE);
    case Dtype::UInt64:
      return copy_of(H5T_STD_U64LE);
    case Dtype::Long:
      return copy_of(H5T_STD_I64LE);
    case Dtype::Half:
      return half();
    case Dtype::Float:
      return copy_of(H5T_IEEE_F32LE);
    case Dtype::Double:
      return copy_of(H5T_IEEE_F64LE);
    case Dtype::ComplexHalf:
      return pair_of(half(), "r", "i");
    case Dtype::ComplexFloat:
      return pair_of(H5T_IEEE_F32LE, "r", "i");
    case Dtype::ComplexDouble:
      return pair_of(H5T_IEEE_F64LE, "r", "i");
    default:
      return {};
  }
}

std::optional<NumberType> number_type(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return integer(type);
    case H5T_FLOAT:
      return real(type);
    case H5T_ENUM:
      return enumeration(type);
    case H5T_BITFIELD:
      return bits(type);
    case H5T_COMPOUND:
      return complex_number(type);
    default:
      return {};
  }
}

Handle memory_type(hid_t type) {
  if (auto number = number_type(type)) return std::move(number->memory);
  switch (H5Tget_class(type)) {
    case H5T_COMPOUND: {
      int count = H5Tget_nmembers(type);
      check(count);
      std::vector<Handle> members;
      size_t size = 0;
      for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
        members.push_back(memory_type(Handle(H5Tget_member_type(type, i), H5Tclose)));
        size += H5Tget_size(members.back());
      }
      Handle memory(H5Tcreate(H5T_COMPOUND, std::max<size_t>(size, 1)), H5Tclose);
      size_t offset = 0;
      for (unsigned i = 0; i < members.size(); ++i) {
        check(H5Tinsert(memory, member_name(type, i).c_str(), offset, members[i]));
        offset += H5Tget_size(members[i]);
      }
      return memory;
    }
    case H5T_VLEN: {
      Handle base = memory_type(Handle(H5Tget_super(type), H5Tclose));
      return {H5Tvlen_create(base), H5Tclose};
    }
    case H5T_ARRAY: {
      Handle base = memory_type(Handle(H5Tget_super(type), H5Tclose));
      std::vector<hsize_t> dims(static_cast<size_t>(H5Tget_array_ndims(type)));
      check(H5Tget_array_dims2(type, dims.data()));
      return {H5Tarray_create2(base, static_cast<unsigned>(dims.size()), dims.data()), H5Tclose};
    }
    default:
      return copy_of(type);
  }
}

Handle text_type(size_t size) {
  Handle type = copy_of(H5T_C_S1);
  check(H5Tset_size(type, size));
  check(H5Tset_cset(type, H5T_CSET_UTF8));
  return type;
}

}  // namespace luxtorch::hdf5
