// Where the chunks of a dataset lie: the indices that HDF5 has for them.
#pragma once

#include <cstdint>
#include <vector>

#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {

/// One chunk as it is stored.
struct Chunk {
  std::vector<uint64_t> offset;  // of its first element, slowest dimension first
  Bytes stored;
  uint32_t skipped_filters = 0;  // a bit for each filter that was not applied
};

/// The grid of a dataset's chunks.
struct ChunkGrid {
  std::vector<uint64_t> dims;        // of the dataset, slowest first, none of them 0
  std::vector<uint64_t> most_dims;   // what it may grow to; UINT64_MAX: without limit
  std::vector<uint64_t> chunk_dims;  // none of them 0
  uint64_t chunk_bytes = 0;          // of one chunk without filters
  bool filtered = false;
};

/// All chunks that have been written, in any order; each at most once and inside the dataset.
/// Throws Fault.
std::vector<Chunk> find_chunks(const File& file, const Layout& layout, const ChunkGrid& grid);

/// The records of a version 2 B-tree, in its order.
std::vector<Bytes> btree2_records(const File& file, uint64_t address);

}  // namespace luxtorch::hdf5
