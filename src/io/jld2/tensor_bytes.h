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

/// A 0-dimensional tensor of one value.
Tensor scalar_tensor(const hdf5::Datatype& type, hdf5::Bytes bytes);

/// A tensor of shape `size` from its elements in Julia's order (first index fastest). `bytes` holds
/// at least that many. Throws hdf5::Fault for a size that torch cannot hold.
/// `mapped`: the file that `bytes` are a part of. It is read and given back piece by piece, so that
/// a large array and its tensor are not in memory together.
Tensor tensor_from(Dtype dtype, const std::vector<uint64_t>& size, hdf5::Bytes bytes,
                   const hdf5::File* mapped = nullptr);

/// The same of numbers of a file's type, whose dtype is `dtype`: in this machine's byte order, and bools
/// as hdf5::bools_of has them.
Tensor tensor_from(const hdf5::Datatype& type, Dtype dtype, const std::vector<uint64_t>& size,
                   hdf5::Bytes bytes, const hdf5::File* mapped = nullptr);

/// The elements of a vector (n) as a tuple of scalars.
Tree tuple_of_numbers(const Tensor& vector);

}  // namespace luxtorch::jld2
