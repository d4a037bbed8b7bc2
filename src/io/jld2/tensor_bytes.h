// Numbers of a file as torch knows them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "io/hdf5/datatype.h"
#include "io/hdf5/file.h"
#include "luxtorch/tree.h"

namespace luxtorch::jld2 {

/// The dtype of integers up to 8 bytes, floats and Bools; of pairs of floats named re and im, r and i, or
/// real and imag; of either.
std::optional<Dtype> dtype_of(const hdf5::Datatype& type);
std::optional<Dtype> complex_dtype(const hdf5::Datatype& type);
std::optional<Dtype> number_dtype(const hdf5::Datatype& type);

/// An IEEE float of 2, 4 or 8 bytes.
double real_number(const hdf5::Datatype& type, hdf5::Bytes bytes);

/// The number of a type with `bits`, in two's complement, from the bytes that it has a part of.
uint64_t whole_integer(const hdf5::Datatype& type, uint64_t bytes);

/// A 0-dimensional tensor of one value.
Tensor scalar_tensor(const hdf5::Datatype& type, hdf5::Bytes bytes);

/// A tensor of shape `size` from its elements in Julia's order (first index fastest). `bytes` holds
/// at least that many. Throws io::Fault for a size that torch cannot hold.
Tensor tensor_from(Dtype dtype, const std::vector<uint64_t>& size, hdf5::Bytes bytes);

/// The same of numbers of a file's type, whose dtype is `dtype`: in this machine's byte order, and bools
/// as hdf5::bools_of has them.
Tensor tensor_from(const hdf5::Datatype& type, Dtype dtype, const std::vector<uint64_t>& size,
                   hdf5::Bytes bytes);

/// Elements that are numbers, or arrays of numbers.
struct NumberLayout {
  const hdf5::Datatype* number;
  Dtype dtype;
  std::vector<uint64_t> inner = {};  // dimensions inside an element, slowest first
};

/// The numbers of a dataset as a tensor with the file's dimensions and those inside the elements; all of
/// them reversed where `first_fastest`. Takes the tensor's memory and what hdf5::read_elements takes.
Tensor read_tensor(const hdf5::File& file, const hdf5::Object& object, const NumberLayout& numbers,
                   bool first_fastest);

/// The elements of a vector (n) as a tuple of scalars.
Tree tuple_of_numbers(const Tensor& vector);

}  // namespace luxtorch::jld2
