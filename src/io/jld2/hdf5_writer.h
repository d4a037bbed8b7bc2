// The objects of an HDF5 file, created in the one way that JLD2.jl reads: a thin layer over libhdf5
// that knows property lists and reference counts but no Julia types.
//
// Not thread-safe: hold a hdf5::Turn.
#pragma once

#include <H5Cpp.h>

#include <string>
#include <vector>

#include "io/hdf5/library.h"
#include "io/jld2/type_encoding.h"

namespace luxtorch::jld2 {

using hdf5::check;
using hdf5::Handle;

/// A file being made, in memory.
class Hdf5Writer {
 public:
  using Reference = hobj_ref_t;  // an object's address, as JLD2 stores it

  /// A dataset's shape. dims: slowest first; a scalar has none.
  struct Space {
    H5S_class_t kind = H5S_SCALAR;
    std::vector<hsize_t> dims = {};
  };

  /// An empty file with room for `variables` links in its root group.
  explicit Hdf5Writer(size_t variables);

  static Handle decode(const Encoding& type);

  /// An unnamed committed type. Attributes come next, then their values, then link_type.
  Handle commit(const Encoding& type);
  void link_type(hid_t type);

  /// An unnamed dataset, which stays in the file. Arrays are contiguous, or one deflated chunk;
  /// everything else and what is empty is compact.
  Handle dataset(hid_t type, const Space& space, bool deflate = false);
  /// Gives an object a name in the root group.
  void link(const std::string& name, hid_t object);

  static Handle attribute(hid_t object, const char* name, hid_t type, const Space& space);
  static Reference reference_to(hid_t object);

  /// Closes the file: its bytes from the superblock on, which belong behind the user block.
  std::string finish();
  static constexpr uint64_t kUserBlock = 512;  // where JLD2 has its header text

 private:
  H5::LinkCreatPropList named_;  // names are UTF-8
  Handle file_;
  Handle types_;  // the group /_types
  int type_count_ = 0;
};

}  // namespace luxtorch::jld2
