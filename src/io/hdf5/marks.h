// What plain HDF5 files mean as trees, whoever reads them: the marks of hdf5::save and MATLAB's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::hdf5 {

/// The attribute that marks what HDF5 has no kind for, and its texts (luxtorch/io/hdf5.h).
inline constexpr const char* kMark = "luxtorch";
inline constexpr std::string_view kTuple = "tuple", kTensor = "tensor", kRng = "rng",
                                  kBytes = "bytes", kValue = "value";
/// The attributes of MATLAB that change a dataset's meaning.
inline constexpr const char* kMatlabClass = "MATLAB_class";
inline constexpr const char* kMatlabEmpty = "MATLAB_empty";

/// The tree of a group with this mark, or none (""). Throws Fault: a tuple's names must be 0, 1, ...,
/// others such as nest on their dots.
Tree tree_of_group(std::vector<Tree::Item> parts, std::string_view mark);

/// The leaf of a dataset with this mark: `plain` is the tensor of its elements, () for a scalar, and
/// undefined without a value. Throws Fault.
Tree marked_leaf(std::string_view mark, const Tensor& plain);

/// A dataset of MATLAB's as what it stands for. matlab_class: its attribute's text, "" for none.
Tree matlab_value(std::string_view matlab_class, bool is_empty, const Tree& plain);

/// A scalar as an int64, double or bool leaf, or itself where none of these holds it.
Tree leaf_of(const Tensor& scalar);

/// Bytes that are all 0 or 1 as the bools that they are, others as they are.
Tensor bools_of(const Tensor& bytes);

/// The dtype that Keras names in the attribute `dtype` of elements that HDF5 has no type for and that
/// have `size` bytes: bfloat16 or one of float8.
std::optional<Dtype> dtype_of_opaque(std::string_view name, uint64_t size);
inline constexpr const char* kKerasDtype = "dtype";

/// Sizes for a tensor. Throws Fault where torch cannot hold such a shape.
std::vector<int64_t> torch_sizes(const std::vector<uint64_t>& dims);

/// Elements, the last dimension fastest, as a tuple of tuples ... of this shape.
Tree nested_tuples(std::vector<Tree> elements, const std::vector<uint64_t>& dims);

}  // namespace luxtorch::hdf5
