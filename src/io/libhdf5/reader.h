// Groups and datasets of libhdf5 as trees.
//
// LibraryReader is split by what it reads: reader.cpp groups, links and marks, reader_values.cpp the
// elements of datasets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "io/libhdf5/library.h"
#include "luxtorch/tree.h"

namespace luxtorch::hdf5 {

/// "" for an object without that attribute, or with one that is no text.
std::string text_attribute(hid_t object, const char* name);

/// Throws a Fault for what libhdf5 did not read: kUnsupported where a version, a filter or a class is not
/// known to it.
[[noreturn]] void refused(const char* expected, const Hdf5Error& error);

class LibraryReader {
 public:
  explicit LibraryReader(uint64_t memory_limit) : left_(memory_limit) {}

  /// The tree of an open file's root. Throws Fault, whose path names the part that is wrong.
  Tree read(hid_t file);

 private:
  static constexpr uint64_t kNodeBytes = 64;  // about what one node of a tree takes

  using Place = std::pair<unsigned long, uint64_t>;  // of an object: its file and its address there

  // objects
  Tree object(hid_t object);
  Tree group(hid_t group);
  struct Link {
    std::string name;
    LinkInfo info;
  };
  std::optional<Tree> member(hid_t group, const Link& link);  // none for a datatype
  std::vector<Link> links(hid_t group);

  // datasets
  Tree dataset(hid_t dataset);
  Tree elements(hid_t dataset, hid_t type, hid_t space);
  void require_filters(hid_t dataset);

  // elements in memory, of one of libhdf5's native types
  Tree value(hid_t type, const std::byte* bytes);
  Tree text(hid_t type, const std::byte* bytes);
  Tree record(hid_t type, const std::byte* bytes);
  Tree reference(hid_t type, const std::byte* bytes);
  Tree values(hid_t type, const std::byte* bytes, const std::vector<uint64_t>& dims);
  Tensor numbers(hid_t type, const std::byte* bytes, uint64_t count);
  Tensor opaque(const std::byte* bytes, std::vector<uint64_t> dims, size_t size);

  /// To be called before memory is taken whose size the file decides.
  void reserve(uint64_t count, uint64_t bytes);

  hid_t here_ = -1;  // the dataset being read: its references are of its file
  uint64_t left_;    // bytes of memory
  int depth_ = 0;
  std::map<Place, Tree> known_;
  std::set<Place> open_;  // being read now, to notice circles
};

}  // namespace luxtorch::hdf5
