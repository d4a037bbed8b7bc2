// Where each parameter of a tree lies in flat arrays.
//
// Level 4. Parameters are the defined floating-point tensors; what else there is stays in the
// skeleton. A tensor that stands in the tree twice (the same memory, shape and strides) is one
// parameter.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::detail {

/// What an optimizer computes in for parameters of this dtype, and its moments' dtype: float32 for
/// narrower ones.
inline Dtype arithmetic_of(Dtype dtype) { return c10::elementSize(dtype) < 4 ? kFloat32 : dtype; }

/// Bytes, of whose multiples each parameter starts at one: a cache line, and the widest vector.
inline constexpr int64_t kFlatAlignment = 64;

/// A contiguous part of base's memory, as a fresh alias of its storage.
Tensor alias(const Tensor& base, int64_t offset, const std::vector<int64_t>& sizes);

/// Does somebody else hold the tensor or its memory? Then it must not be written to.
bool held_elsewhere(const Tensor& t);

struct Layout {
  struct Array {
    std::string path;  // its first place
    std::vector<int64_t> sizes;
    int64_t numel = 0;
    size_t group = 0;
    int64_t offset = 0;  // in elements
  };
  struct Group {
    Dtype dtype;
    Device device;
    int64_t numel = 0;  // with the gaps
  };
  Tree skeleton;              // the tree with nothing at the parameters' places
  std::vector<int> array_at;  // by leaf: which array, -1 for what is no parameter
  std::vector<Array> arrays;
  std::vector<Group> groups;

  /// `tensors` gets each array's tensor. Complex and sparse ones are an UnsupportedError.
  Layout(const Tree& ps, std::vector<Tensor>& tensors);

  /// parts[array] at the parameters' places; elsewhere the skeleton's leaves, or nothing.
  Tree tree(const std::vector<Tree>& parts, bool keep_others) const;
  /// The same of parts[leaf]: parameters at several places may differ there.
  Tree tree_by_leaf(const std::vector<Tree>& parts, bool keep_others) const;

  /// f(array, leaf) for each parameter's place in t, whose structure must be the skeleton's, save
  /// that nothing may stand for a whole part. Else a TreeError: `[who] expected {what} with the
  /// parameters' structure, ...`.
  void for_each(const Tree& t, const char* who, const char* what,
                const std::function<void(size_t array, const Tree& leaf)>& f) const;

  /// Flat tensors of one value in the dtypes that optimizers compute in, one per group.
  std::vector<Tensor> filled(double value) const;

  /// The values of an array that t has at several places must be the same there: else an ArgumentError
  /// of `who` that names two places.
  void check_tied(const char* who, const Tree& t, size_t array) const;

  /// The array's part of a flat tensor, as a fresh alias of its storage.
  Tensor view(const std::vector<Tensor>& flat, size_t array) const;

  /// ShapeError: `[who] at {the array's path}: expected {what}: a ... tensor of shape ..., got ...`.
  [[noreturn]] void refuse(const char* who, size_t array, const char* what, const Tree& got) const;

  std::vector<std::string> paths() const;
};

}  // namespace luxtorch::detail
