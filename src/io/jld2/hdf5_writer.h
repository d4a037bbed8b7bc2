// The objects of an HDF5 file, created in the one way that JLD2.jl reads: a thin layer of RAII over
// libhdf5 that knows property lists and reference counts but no Julia types.
//
// Not thread-safe: libhdf5's serial build has global state.
#pragma once

#include <H5Cpp.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "io/jld2/type_encoding.h"

namespace luxtorch::jld2 {

/// libhdf5 refused something; the text is its own innermost reason.
struct Hdf5Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Keeps libhdf5 from printing its errors for as long as it lives.
class QuietHdf5 {
 public:
  QuietHdf5();
  ~QuietHdf5();
  QuietHdf5(const QuietHdf5&) = delete;
  QuietHdf5& operator=(const QuietHdf5&) = delete;

 private:
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

/// Owns one identifier of libhdf5. Unlike the C++ API's classes its destructor never prints.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Handle() = default;
  /// Throws Hdf5Error for a negative id.
  Handle(hid_t id, Close close);
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, -1)), close_(std::exchange(other.close_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept;
  ~Handle();

  operator hid_t() const { return id_; }
  /// Closes it now. Throws Hdf5Error where that fails.
  void close();

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// Throws Hdf5Error for a negative result.
void check(herr_t result);

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
