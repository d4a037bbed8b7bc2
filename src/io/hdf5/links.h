// The links of a group: where its members' names and addresses are written, in three ways.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/hdf5/bytes.h"

namespace luxtorch::hdf5 {

class File;

struct Link {
  std::string name;
  uint64_t address = 0;     // of a hard link
  std::string target = {};  // the path of a soft link
  bool is_external = false;
  uint64_t created = 0;  // its place in the order of creation, where the group keeps one

  bool is_hard() const { return target.empty() && !is_external; }
};

/// A link message.
Link parse_link(Bytes message);

/// The links of a group in a symbol table, which plain HDF5 files have: a B-tree and a heap of names.
std::vector<Link> symbol_table_links(const File& file, uint64_t btree, uint64_t heap);

/// The links of a large group, which lie in a fractal heap, with a B-tree of where in it.
std::vector<Link> dense_links(const File& file, uint64_t heap, uint64_t btree);

}  // namespace luxtorch::hdf5
