// The objects of an HDF5 file, created in the one way that JLD2.jl reads: a thin layer over libhdf5
// that knows property lists and reference counts but no Julia types.
//
// Not thread-safe: hold a hdf5::Turn.
#pragma once

#include <H5Cpp.h>

#include <string>
#include <string_view>
#include <vector>

#include "io/jld2/type_encoding.h"
#include "io/libhdf5/file_driver.h"

namespace luxtorch::jld2 {

using hdf5::check;
using hdf5::Handle;

/// A file being made.
class Hdf5Writer {
 public:
  using Reference = hobj_ref_t;  // an object's address, as JLD2 stores it

  /// A dataset's shape. dims: slowest first; a scalar has none.
  struct Space {
    H5S_class_t kind = H5S_SCALAR;
    std::vector<hsize_t> dims = {};
  };

  /// An empty file with room for links of these names in its root group.
  Hdf5Writer(hdf5::FileDriver& driver, const std::vector<std::string>& variables);

  static Handle decode(const Encoding& type);

  /// An unnamed committed type. Attributes come next, then their values, then link_type.
  Handle commit(const Encoding& type);
  void link_type(hid_t type);

  /// An unnamed dataset, which stays in the file. Arrays are contiguous, or deflated in chunks of the
  /// shape `chunk` where there is one; everything else and what is empty is compact.
  Handle dataset(hid_t type, const Space& space, const std::vector<hsize_t>& chunk = {});
  /// Gives an object a name in the root group.
  void link(const std::string& name, hid_t object);

  static Handle attribute(hid_t object, const char* name, hid_t type, const Space& space);
  static Reference reference_to(hid_t object);

  /// Writes bytes of a contiguous dataset, `offset` bytes after its begin.
  void write_elements(hid_t dataset, uint64_t offset, std::string_view bytes);
  /// Writes a whole chunk of a deflated dataset, or what of it is inside the dataset. `memory`: the
  /// type of `elements`.
  static void write_chunk(hid_t dataset, hid_t memory, const std::vector<hsize_t>& begin,
                          const std::vector<hsize_t>& sizes, const void* elements);
  /// Is there a disk that takes more?
  bool takes_more() const { return !driver_.failed(); }

  /// Closes the file. Its first 512 bytes, where JLD2 has its header text, are not written. Throws
  /// UnsupportedError where a group's header is in more pieces than JLD2.jl follows.
  void finish();

 private:
  hdf5::FileDriver& driver_;
  H5::LinkCreatPropList named_;  // names are UTF-8
  Handle file_;
  std::vector<Handle> types_;  // what the group /_types is to name
};

}  // namespace luxtorch::jld2
