// Version 2 B-trees, which hold the links of large groups and the chunks of some datasets.
#include <bit>

#include "io/base/fault.h"
#include "io/hdf5/chunks.h"
#include "io/hdf5/file.h"

namespace luxtorch::hdf5 {
namespace {

constexpr unsigned kDeepestTree = 16;
constexpr uint64_t kNodeFrame = 10;  // signature, version, type and checksum

// Bytes of a number up to `limit`.
unsigned width_of(uint64_t limit) {
  return limit == 0 ? 1 : (static_cast<unsigned>(std::bit_width(limit)) - 1) / 8 + 1;
}

struct Tree2 {
  const File& file;
  uint64_t node_size = 0;
  uint64_t record_size = 0;
  unsigned count_width = 0;                // of a node's number of records
  std::vector<unsigned> below_width = {};  // of the number of records below a node of that depth
  std::vector<Bytes> records = {};

  void walk(uint64_t address, uint64_t count, unsigned depth) {
    Bytes node = file.block(address, node_size);
    file.spend(node_size);
    if (!node.starts_with(depth == 0 ? "BTLF" : "BTIN"))
      io::damaged("a node of a version 2 B-tree", "another signature");
    Cursor in(node);
    in.skip(6);
    std::vector<Bytes> own;
    for (uint64_t i = 0; i < count; ++i) own.push_back(in.take(record_size));
    if (depth == 0) {
      records.insert(records.end(), own.begin(), own.end());
      return;
    }
    for (uint64_t i = 0; i <= count; ++i) {
      uint64_t child = in.u64();
      uint64_t child_count = in.sized(count_width);
      if (depth > 1) in.skip(below_width[depth - 1]);
      walk(child, child_count, depth - 1);
      if (i < count) records.push_back(own[i]);
    }
  }
};

}  // namespace

std::vector<Bytes> btree2_records(const File& file, uint64_t address) {
  Bytes header = file.at(address);
  if (!header.starts_with("BTHD")) io::damaged("a version 2 B-tree", "no BTHD signature");
  file.verify_checksum(header.sub(0, 38));
  Cursor in(header);
  in.skip(6);
  Tree2 tree{.file = file};
  tree.node_size = in.u32();
  tree.record_size = in.u16();
  unsigned depth = in.u16();
  in.skip(2);
  uint64_t root = in.u64();
  unsigned count = in.u16();
  if (depth > kDeepestTree) io::damaged("a B-tree of at most 16 levels", std::to_string(depth));
  if (tree.record_size == 0 || tree.node_size < kNodeFrame + tree.record_size)
    io::damaged("B-tree nodes that hold a record", std::to_string(tree.node_size) + " bytes");
  uint64_t below = (tree.node_size - kNodeFrame) / tree.record_size;
  tree.count_width = width_of(below);
  tree.below_width.push_back(0);
  for (unsigned d = 1; d <= depth; ++d) {
    uint64_t pointer = 8 + tree.count_width + tree.below_width.back();
    if (tree.node_size < kNodeFrame + pointer)
      io::damaged("B-tree nodes that hold a child", "none");
    uint64_t most = (tree.node_size - kNodeFrame - pointer) / (tree.record_size + pointer);
    below = checked_product(most + 1, below) + most;
    tree.below_width.push_back(width_of(below));
  }
  if (root != UINT64_MAX) tree.walk(root, count, depth);
  return std::move(tree.records);
}

}  // namespace luxtorch::hdf5
