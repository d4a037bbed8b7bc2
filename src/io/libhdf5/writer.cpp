#include "io/libhdf5/writer.h"

#include <algorithm>
#include <string>
#include <vector>

#include "io/base/dense_bytes.h"
#include "io/base/fault.h"
#include "io/base/flat_names.h"
#include "io/base/json.h"
#include "io/hdf5/marks.h"
#include "io/libhdf5/types.h"
#include "luxtorch/core/error.h"
#include "text.h"
#include "utf8.h"

namespace luxtorch::hdf5 {
namespace {

constexpr int kDeepestGroup = 100;
constexpr int64_t kMostDimensions = 32;
constexpr hsize_t kChunk = 1 << 20;       // bytes; what libhdf5 keeps of a dataset by default
constexpr hsize_t kLeastDeflated = 4096;  // bytes

[[noreturn]] void refuse(const std::string& path, const std::string& expected,
                         const std::string& got, const std::string& advice) {
  UnsupportedError error("hdf5::save", "expected " + expected + ", got " + got + ". " + advice);
  error.prepend_path_(path);
  throw error;
}

bool is_text(std::string_view text) {
  return text.find('\0') == std::string_view::npos && detail::is_utf8(text);
}

std::vector<std::string> names_of(const std::string& path, const Tree& t) {
  try {
    return io::names_of_keys(t.items(), io::EmptyNames::kNever);
  } catch (const io::Fault& fault) {
    UnsupportedError error("hdf5::save", fault.message);
    error.prepend_path_(path_below(path, fault.place));
    throw error;
  }
}

void check_part(const std::string& path, const Tree& t, int depth) {
  if (depth > kDeepestGroup) refuse(path, "a tree of at most 100 levels", "more", "Flatten it.");
  auto names = t.is_named() ? names_of(path, t) : std::vector<std::string>();
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& [key, part] = t.items()[i];
    if (key.find('/') != std::string::npos || !is_text(key) || names[i] == ".")
      refuse(path_below(path, key), "keys of UTF-8 text without '/' and NUL", "another key",
             "Rename it.");
    check_part(path_below(path, key), part, depth + 1);
  }
  for (size_t i = 0; t.is_tuple() && i < t.size(); ++i)
    check_part(path_below(path, std::to_string(i)), t[i], depth + 1);
  if (!t.is_tensor() || !t.tensor().defined()) return;
  const Tensor& tensor = t.tensor();
  if (!io::has_dense_elements(tensor))
    refuse(path, "a dense tensor that has its values", "another kind", "Convert it.");
  Turn turn;
  if (!type_of(tensor.scalar_type()))
    refuse(path, "a dtype that HDF5 has", dtype_text(tensor.scalar_type()),
           "Convert it, for example to float32.");
  if (tensor.dim() > kMostDimensions)
    refuse(path, "at most 32 dimensions", std::to_string(tensor.dim()), "Reshape it.");
}

void keep_order(hid_t group_creation) {
  check(H5Pset_link_creation_order(group_creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED));
}

// Whole rows, as many as fit; at least one element.
std::vector<hsize_t> chunk_of(std::vector<hsize_t> dims, hsize_t element) {
  hsize_t bytes = element;
  for (hsize_t dim : dims) bytes *= dim;
  for (hsize_t& dim : dims) {
    hsize_t row = bytes / dim;
    dim = std::clamp<hsize_t>(kChunk / row, 1, dim);
    bytes = row * dim;
    if (dim > 1) break;
  }
  return dims;
}

class Writer {
 public:
  Writer(FileDriver& driver, bool compress)
      : driver_(driver),
        compress_(compress),
        names_(H5Pcreate(H5P_LINK_CREATE), H5Pclose),
        groups_(H5Pcreate(H5P_GROUP_CREATE), H5Pclose),
        scalar_(H5Screate(H5S_SCALAR), H5Sclose),
        null_(H5Screate(H5S_NULL), H5Sclose) {
    check(H5Pset_char_encoding(names_, H5T_CSET_UTF8));
    keep_order(groups_);
  }

  void root(hid_t group, const Tree& t) {
    if (t.is_named() || t.is_tuple()) return members(group, t);
    mark(group, kValue);
    part(group, std::string(kValue), t);
  }

 private:
  void members(hid_t group, const Tree& t) {
    if (t.is_tuple()) {
      mark(group, kTuple);
      for (size_t i = 0; i < t.size(); ++i) part(group, std::to_string(i), t[i]);
    } else {
      auto names = names_of("", t);
      for (size_t i = 0; i < names.size(); ++i) part(group, names[i], t.items()[i].second);
    }
  }

  void part(hid_t parent, const std::string& name, const Tree& t) {
    if (t.is_named() || t.is_tuple()) {
      Handle group(H5Gcreate2(parent, name.c_str(), names_, groups_, H5P_DEFAULT), H5Gclose);
      members(group, t);
    } else if (t.is_tensor()) {
      tensor(parent, name, t.tensor());
    } else if (t.is_string()) {
      text(parent, name, t.scalar<std::string>());
    } else if (t.is_rng()) {
      uint64_t key = t.scalar<Rng>().key();
      mark(scalar(parent, name, *type_of(Dtype::UInt64), &key), kRng);
    } else if (t.is<bool>()) {
      bool value = t.scalar<bool>();
      scalar(parent, name, *type_of(Dtype::Bool), &value);
    } else if (t.is<int64_t>()) {
      auto value = t.scalar<int64_t>();
      scalar(parent, name, *type_of(Dtype::Long), &value);
    } else if (t.is<double>()) {
      auto value = t.scalar<double>();
      scalar(parent, name, *type_of(Dtype::Double), &value);
    } else {
      dataset(parent, name, *type_of(Dtype::Float), null_);
    }
  }

  void tensor(hid_t parent, const std::string& name, const Tensor& t) {
    if (!t.defined()) return mark(dataset(parent, name, *type_of(Dtype::Float), null_), kTensor);
    if (driver_.failed()) return;  // the disk is full: the rest would fill the memory
    Tensor dense = io::dense(t);
    Handle type = *type_of(t.scalar_type());
    if (t.dim() == 0) return mark(scalar(parent, name, type, dense.const_data_ptr()), kTensor);
    std::vector<hsize_t> dims(t.sizes().begin(), t.sizes().end());
    array(parent, name, type, dims, dense.const_data_ptr());
  }

  void text(hid_t parent, const std::string& name, const std::string& value) {
    if (is_text(value)) {
      const char* data = value.c_str();
      scalar(parent, name, text_type(), &data);
    } else {
      mark(array(parent, name, *type_of(Dtype::Byte), {value.size()}, value.data()), kBytes);
    }
  }

  Handle scalar(hid_t parent, const std::string& name, hid_t type, const void* data) {
    Handle created = dataset(parent, name, type, scalar_);
    check(H5Dwrite(created, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data));
    return created;
  }

  Handle array(hid_t parent, const std::string& name, hid_t type, const std::vector<hsize_t>& dims,
               const void* data) {
    Handle space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose);
    hsize_t bytes = H5Tget_size(type);
    for (hsize_t dim : dims) bytes *= dim;
    std::vector<hsize_t> chunk;
    if (compress_ && bytes >= kLeastDeflated) chunk = chunk_of(dims, H5Tget_size(type));
    Handle created = dataset(parent, name, type, space, chunk);
    if (bytes == 0) return created;
    if (chunk.empty()) {
      driver_.write(H5Dget_offset(created), {static_cast<const char*>(data), bytes});
    } else {
      check(H5Dwrite(created, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data));
    }
    return created;
  }

  /// chunk: deflated in chunks of this shape; empty: not.
  Handle dataset(hid_t parent, const std::string& name, hid_t type, hid_t space,
                 const std::vector<hsize_t>& chunk = {}) {
    Handle create(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    check(H5Pset_obj_track_times(create, false));  // equal trees make equal files
    check(H5Pset_fill_time(create, H5D_FILL_TIME_IFSET));
    check(H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY));
    if (!chunk.empty()) {
      check(H5Pset_chunk(create, static_cast<int>(chunk.size()), chunk.data()));
      check(H5Pset_shuffle(create));
      check(H5Pset_deflate(create, 5));
    }
    return {H5Dcreate2(parent, name.c_str(), type, space, names_, create, H5P_DEFAULT), H5Dclose};
  }

  void mark(hid_t object, std::string_view text) {
    Handle type = text_type(text.size());
    check(H5Tset_strpad(type, H5T_STR_NULLPAD));
    Handle attribute(H5Acreate2(object, kMark, type, scalar_, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    check(H5Awrite(attribute, type, text.data()));
  }

  FileDriver& driver_;
  bool compress_;
  Handle names_, groups_, scalar_, null_;
};

}  // namespace

void check_tree(const Tree& tree) { check_part("", tree, 0); }

void write_tree(FileDriver& driver, const Tree& tree, bool compress) {
  Handle create(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  keep_order(create);
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  check(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18));
  driver.choose_in(access);
  Handle file(H5Fcreate("luxtorch", H5F_ACC_TRUNC, create, access), H5Fclose);
  {
    Handle root(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose);
    Writer(driver, compress).root(root, tree);
  }
  file.close();
}

}  // namespace luxtorch::hdf5
