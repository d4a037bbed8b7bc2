#include "io/hdf5/storage.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "io/hdf5/fault.h"
#include "io/hdf5/file.h"

namespace luxtorch::hdf5 {
namespace {

constexpr uint64_t kNowhere = UINT64_MAX;
constexpr unsigned kMaxRank = 33;  // chunk dimensions count the element size as one more

Layout parse_chunked_3(Cursor& in) {
  Layout layout{.kind = Layout::Kind::kChunkTree};
  unsigned rank = in.u8();
  if (rank == 0 || rank > kMaxRank) damaged("1 to 33 chunk dimensions", std::to_string(rank));
  layout.address = in.u64();
  for (unsigned i = 0; i + 1 < rank; ++i) layout.chunk_dims.push_back(in.u32());
  return layout;
}

Layout parse_chunked_4(Cursor& in) {
  Layout layout{.kind = Layout::Kind::kSingleChunk};
  unsigned flags = in.u8();
  unsigned rank = in.u8();
  unsigned width = in.u8();
  if (rank == 0 || rank > kMaxRank) damaged("1 to 33 chunk dimensions", std::to_string(rank));
  if (width == 0 || width > 8) damaged("chunk dimensions of 1 to 8 bytes", std::to_string(width));
  for (unsigned i = 0; i + 1 < rank; ++i) layout.chunk_dims.push_back(in.sized(width));
  in.skip(width);
  unsigned index = in.u8();
  if (index != 1)
    unsupported("chunks in one piece or in a version 1 B-tree",
                "chunk index type " + std::to_string(index));
  if ((flags & 2) == 0) unsupported("a single chunk with filters", "one without");
  layout.size = in.u64();
  layout.skipped_filters = in.u32();
  layout.address = in.u64();
  return layout;
}

struct Chunk {
  std::vector<uint64_t> offset;  // of its first element, slowest dimension first
  Bytes stored;
  uint32_t skipped_filters;
};

// Collects the chunks below a version 1 B-tree node.
void collect_chunks(const File& file, uint64_t address, size_t rank, int expected_level,
                    std::vector<Chunk>& chunks) {
  Cursor in(file.at(address));
  if (!file.at(address).starts_with("TREE")) damaged("a chunk B-tree", "no TREE signature");
  in.skip(4);
  unsigned type = in.u8();
  int level = in.u8();
  unsigned entries = in.u16();
  if (type != 1) damaged("a B-tree of chunks", "node type " + std::to_string(type));
  // Levels that only fall bound the walk, whatever addresses the nodes hold.
  if (expected_level >= 0 && level != expected_level)
    damaged("B-tree level " + std::to_string(expected_level), std::to_string(level));
  in.skip(16);  // siblings
  file.spend(24 + uint64_t{entries} * (24 + 8 * rank));
  for (unsigned i = 0; i < entries; ++i) {
    Chunk chunk;
    uint32_t size = in.u32();
    chunk.skipped_filters = in.u32();
    for (size_t d = 0; d < rank; ++d) chunk.offset.push_back(in.u64());
    in.skip(8);
    uint64_t child = in.u64();
    if (level > 0) {
      collect_chunks(file, child, rank, level - 1, chunks);
    } else {
      chunk.stored = file.block(child, size);
      file.spend(size);
      chunks.push_back(std::move(chunk));
    }
  }
}

// Copies the part of a chunk that lies inside the dataset, run by run of the fastest dimension.
void place_chunk(const Chunk& chunk, const std::vector<uint8_t>& data,
                 const std::vector<uint64_t>& chunk_dims, const std::vector<uint64_t>& dims,
                 uint64_t element, std::vector<uint8_t>& out) {
  size_t rank = dims.size();
  std::vector<uint64_t> extent(rank);
  for (size_t d = 0; d < rank; ++d) {
    if (chunk.offset[d] >= dims[d] || chunk.offset[d] % chunk_dims[d] != 0)
      damaged("chunks inside the dataset", "offset " + std::to_string(chunk.offset[d]));
    extent[d] = std::min(chunk_dims[d], dims[d] - chunk.offset[d]);
  }
  uint64_t run = extent[rank - 1] * element;
  std::vector<uint64_t> at(rank, 0);
  while (true) {
    uint64_t from = 0;
    uint64_t to = 0;
    for (size_t d = 0; d < rank; ++d) {
      from = from * chunk_dims[d] + at[d];
      to = to * dims[d] + chunk.offset[d] + at[d];
    }
    std::memcpy(out.data() + to * element, data.data() + from * element, run);
    size_t d = rank - 1;
    while (d > 0 && ++at[d - 1] == extent[d - 1]) at[--d] = 0;
    if (d == 0) return;
  }
}

std::vector<uint8_t> read_chunk_tree(const File& file, const Layout& layout,
                                     const std::vector<Filter>& filters,
                                     const std::vector<uint64_t>& dims, uint64_t element,
                                     uint64_t total) {
  size_t rank = dims.size();
  if (rank == 0 || layout.chunk_dims.size() != rank)
    damaged("as many chunk dimensions as dimensions",
            std::to_string(layout.chunk_dims.size()) + " and " + std::to_string(rank));
  uint64_t chunk_bytes = element;
  for (uint64_t dim : layout.chunk_dims) {
    if (dim == 0) damaged("chunks with elements", "a chunk dimension of 0");
    chunk_bytes = checked_product(chunk_bytes, dim);
  }
  std::vector<Chunk> chunks;
  collect_chunks(file, layout.address, rank, -1, chunks);
  uint64_t expected = 1;
  for (size_t d = 0; d < rank; ++d)
    expected = checked_product(expected, (dims[d] - 1) / layout.chunk_dims[d] + 1);
  if (chunks.size() != expected)
    damaged(std::to_string(expected) + " chunks", std::to_string(chunks.size()));
  std::set<std::vector<uint64_t>> offsets;
  for (const Chunk& chunk : chunks)
    if (!offsets.insert(chunk.offset).second)
      damaged("chunks that do not overlap", "two at one place");
  uint64_t most = 0;
  for (const Chunk& chunk : chunks) most += most_unfiltered(chunk.stored.size(), filters);
  if (total > most)
    damaged(std::to_string(total) + " bytes of elements", "chunks too small for them");
  std::vector<uint8_t> out(total);
  for (const Chunk& chunk : chunks)
    place_chunk(chunk, unfilter(chunk.stored, filters, chunk.skipped_filters, chunk_bytes),
                layout.chunk_dims, dims, element, out);
  return out;
}

}  // namespace

Layout Layout::parse(Bytes message) {
  Cursor in(message);
  unsigned version = in.u8();
  unsigned layout_class = in.u8();
  if (version != 3 && version != 4)
    unsupported("a data layout of version 3 or 4", std::to_string(version));
  switch (layout_class) {
    case 0: {
      uint16_t size = in.u16();
      return {.kind = Kind::kCompact, .compact = in.take(size)};
    }
    case 1: {
      Layout layout{.kind = Kind::kContiguous};
      layout.address = in.u64();
      layout.size = in.u64();
      return layout;
    }
    case 2:
      return version == 3 ? parse_chunked_3(in) : parse_chunked_4(in);
    default:
      unsupported("compact, contiguous or chunked data",
                  "data layout class " + std::to_string(layout_class));
  }
}

RawData read_elements(const File& file, const Layout& layout, const std::vector<Filter>& filters,
                      const std::vector<uint64_t>& dims, uint64_t element_size) {
  uint64_t total = element_size;
  for (uint64_t dim : dims) total = checked_product(total, dim);
  RawData raw;
  if (total == 0) return raw;
  bool chunked =
      layout.kind == Layout::Kind::kSingleChunk || layout.kind == Layout::Kind::kChunkTree;
  if (!filters.empty() && !chunked) damaged("filtered data in chunks", "another layout");
  if (layout.kind == Layout::Kind::kCompact) {
    raw.bytes = layout.compact.sub(0, total);
    return raw;
  }
  if (layout.address == kNowhere)
    damaged(std::to_string(total) + " bytes of elements", "a dataset without an address");
  switch (layout.kind) {
    case Layout::Kind::kContiguous:
      file.spend(total);
      raw.bytes = file.block(layout.address, total);
      return raw;
    case Layout::Kind::kSingleChunk:
      file.spend(layout.size);
      raw.owned =
          unfilter(file.block(layout.address, layout.size), filters, layout.skipped_filters, total);
      break;
    default:
      raw.owned = read_chunk_tree(file, layout, filters, dims, element_size, total);
  }
  raw.bytes = Bytes(raw.owned.data(), raw.owned.size());
  return raw;
}

}  // namespace luxtorch::hdf5
