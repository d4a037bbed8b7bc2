#include "io/hdf5/chunks.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <optional>
#include <set>

#include "io/base/fault.h"
#include "io/hdf5/file.h"

namespace luxtorch::hdf5 {
namespace {

// Collects the chunks below a version 1 B-tree node.
void walk_btree1(const File& file, uint64_t address, size_t rank, int expected_level,
                 std::vector<Chunk>& chunks) {
  Cursor in(file.at(address));
  if (!file.at(address).starts_with("TREE")) io::damaged("a chunk B-tree", "no TREE signature");
  in.skip(4);
  unsigned type = in.u8();
  int level = in.u8();
  unsigned entries = in.u16();
  if (type != 1) io::damaged("a B-tree of chunks", "node type " + std::to_string(type));
  // Levels that only fall bound the walk, whatever addresses the nodes hold.
  if (expected_level >= 0 && level != expected_level)
    io::damaged("B-tree level " + std::to_string(expected_level), std::to_string(level));
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
      walk_btree1(file, child, rank, level - 1, chunks);
    } else {
      chunk.stored = file.block(child, size);
      chunks.push_back(std::move(chunk));
    }
  }
}

std::vector<Chunk> btree2_chunks(const File& file, const Layout& layout, const ChunkGrid& grid) {
  size_t rank = grid.dims.size();
  std::vector<Chunk> chunks;
  for (Bytes record : btree2_records(file, layout.address)) {
    Cursor in(record);
    Chunk chunk;
    uint64_t address = in.u64();
    uint64_t size = grid.chunk_bytes;
    if (grid.filtered) {
      uint64_t others = 12 + 8 * rank;
      if (record.size() <= others || record.size() > others + 8)
        io::damaged("records of filtered chunks", std::to_string(record.size()) + " bytes");
      size = in.sized(static_cast<unsigned>(record.size() - others));
      chunk.skipped_filters = in.u32();
    }
    chunk.stored = file.block(address, size);
    for (size_t d = 0; d < rank; ++d)
      chunk.offset.push_back(checked_product(in.u64(), grid.chunk_dims[d]));
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

// One element of an array index: an address, and for filtered chunks a size and a mask. Nothing
// where no chunk was written.
std::optional<Chunk> array_entry(const File& file, Bytes entry, const ChunkGrid& grid) {
  Cursor in(entry);
  Chunk chunk;
  uint64_t address = in.u64();
  if (address == kNowhere) return {};
  uint64_t size = grid.chunk_bytes;
  if (grid.filtered) {
    if (entry.size() <= 12 || entry.size() > 20)
      io::damaged("entries of filtered chunks", std::to_string(entry.size()) + " bytes");
    size = in.sized(static_cast<unsigned>(entry.size() - 12));
    chunk.skipped_filters = in.u32();
  }
  chunk.stored = file.block(address, size);
  return chunk;
}

// Entries of `size` bytes, one chunk after the other or in pages that have a checksum each.
Bytes entry_at(Bytes entries, uint64_t size, uint64_t index, uint64_t page) {
  uint64_t at = checked_product(index, size);
  if (page != 0) at += index / page * 4;
  return entries.sub(at, size);
}

using Lookup = std::function<std::optional<Chunk>(uint64_t index)>;

Lookup fixed_array(const File& file, const Layout& layout, const ChunkGrid& grid) {
  Bytes header = file.block(layout.address, 28);
  if (!header.starts_with("FAHD")) io::damaged("a fixed array of chunks", "no FAHD signature");
  file.verify_checksum(header);
  uint64_t size = header.get<uint8_t>(6);
  unsigned page_bits = header.get<uint8_t>(7);
  auto count = header.get<uint64_t>(8);
  auto block = header.get<uint64_t>(16);
  if (page_bits > 32) io::damaged("pages of at most 2^32 entries", std::to_string(page_bits));
  if (block == kNowhere) return [](uint64_t) { return std::optional<Chunk>(); };
  uint64_t page = uint64_t{1} << page_bits;
  bool paged = count > page;
  Bytes data = file.at(block);
  if (!data.starts_with("FADB")) io::damaged("the data of a fixed array", "no FADB signature");
  Bytes entries = data.from(14);
  Bytes used = {};
  if (paged) {
    uint64_t bitmap = ((count - 1) / page + 1 + 7) / 8;
    used = entries.sub(0, bitmap);
    entries = entries.from(bitmap).from(4);
  }
  return [=, &file, &grid](uint64_t index) -> std::optional<Chunk> {
    if (index >= count) io::damaged("a chunk's place in its index", std::to_string(index));
    uint64_t number = index / page;
    if (paged && (used.get<uint8_t>(number / 8) >> (7 - number % 8) & 1) == 0) return {};
    return array_entry(file, entry_at(entries, size, index, paged ? page : 0), grid);
  };
}

// An extensible array: the first entries lie in its index block, the next ones in data blocks that
// the index block names, the others in data blocks of super blocks.
Lookup extensible_array(const File& file, const Layout& layout, const ChunkGrid& grid) {
  Bytes header = file.block(layout.address, 72);
  if (!header.starts_with("EAHD"))
    io::damaged("an extensible array of chunks", "no EAHD signature");
  file.verify_checksum(header);
  uint64_t size = header.get<uint8_t>(6);
  unsigned most_bits = header.get<uint8_t>(7);
  uint64_t in_index = header.get<uint8_t>(8);
  uint64_t smallest = header.get<uint8_t>(9);
  uint64_t pointers = header.get<uint8_t>(10);
  unsigned page_bits = header.get<uint8_t>(11);
  auto block = header.get<uint64_t>(60);
  if (most_bits > 64 || page_bits > 32 || !std::has_single_bit(smallest) ||
      !std::has_single_bit(pointers))
    io::damaged("an extensible array of sizes that are powers of two", "other sizes");
  if (block == kNowhere) return [](uint64_t) { return std::optional<Chunk>(); };
  Bytes index_block = file.at(block);
  if (!index_block.starts_with("EAIB")) io::damaged("an index block", "no EAIB signature");
  uint64_t offset_width = (most_bits + 7) / 8;
  uint64_t page = uint64_t{1} << page_bits;
  unsigned direct_supers = 2 * (static_cast<unsigned>(std::bit_width(pointers)) - 1);
  uint64_t direct_blocks = 2 * (pointers - 1);
  return [=, &file, &grid](uint64_t index) -> std::optional<Chunk> {
    Bytes entries = index_block.from(14);
    if (index < in_index) return array_entry(file, entry_at(entries, size, index, 0), grid);
    index -= in_index;
    Bytes blocks = entries.from(checked_product(in_index, size));
    uint64_t before = 0;  // data blocks of the super blocks before
    for (unsigned super = 0; super < 2 * 64; ++super) {
      uint64_t block_count = uint64_t{1} << (super / 2);
      if (super / 2 + (super + 1) / 2 + 8 >= 64) break;
      uint64_t block_entries = (uint64_t{1} << ((super + 1) / 2)) * smallest;
      if (index >= block_count * block_entries) {
        index -= block_count * block_entries;
        before += block_count;
        continue;
      }
      bool paged = block_entries > page;
      uint64_t number = index / block_entries;
      uint64_t address = 0;
      if (super < direct_supers) {
        address = blocks.get<uint64_t>(8 * (before + number));
      } else {
        address = blocks.get<uint64_t>(8 * (direct_blocks + super - direct_supers));
        if (address == kNowhere) return {};
        Bytes super_block = file.at(address);
        if (!super_block.starts_with("EASB")) io::damaged("a super block", "no EASB signature");
        // Which pages were written: whole bytes for each data block, but its bits follow at once on
        // those of the one before.
        uint64_t bitmaps = paged ? block_count * ((block_entries / page + 7) / 8) : 0;
        uint64_t bit = index / page;
        if (paged &&
            (super_block.get<uint8_t>(14 + offset_width + bit / 8) >> (7 - bit % 8) & 1) == 0)
          return {};
        address = super_block.get<uint64_t>(14 + offset_width + bitmaps + 8 * number);
      }
      if (address == kNowhere) return {};
      Bytes data = file.at(address);
      if (!data.starts_with("EADB")) io::damaged("a data block of chunks", "no EADB signature");
      Bytes list = data.from(14 + offset_width + (paged ? 4 : 0));
      return array_entry(file, entry_at(list, size, index % block_entries, paged ? page : 0), grid);
    }
    io::damaged("a chunk's place in its index", std::to_string(index));
  };
}

Lookup implicit(const File& file, const Layout& layout, const ChunkGrid& grid) {
  return [&](uint64_t index) {
    uint64_t at = checked_product(index, grid.chunk_bytes);
    return std::optional<Chunk>({.offset = {},
                                 .stored = file.at(layout.address).sub(at, grid.chunk_bytes),
                                 .skipped_filters = 0});
  };
}

// Array indices count chunks in the grid that the dataset may grow to, with a dimension without
// limit as the slowest one.
std::vector<Chunk> array_chunks(const ChunkGrid& grid, const Lookup& lookup) {
  size_t rank = grid.dims.size();
  std::vector<size_t> order;
  for (size_t d = 0; d < rank; ++d)
    if (grid.most_dims[d] == UINT64_MAX) order.push_back(d);
  if (order.size() > 1) io::damaged("at most one dimension without limit", "more");
  for (size_t d = 0; d < rank; ++d)
    if (grid.most_dims[d] != UINT64_MAX) order.push_back(d);
  std::vector<uint64_t> step(rank);
  uint64_t below = 1;
  for (size_t i = rank; i-- > 0;) {
    size_t d = order[i];
    step[d] = below;
    if (i > 0) below = checked_product(below, (grid.most_dims[d] - 1) / grid.chunk_dims[d] + 1);
  }
  std::vector<Chunk> chunks;
  std::vector<uint64_t> at(rank, 0);  // in elements
  while (true) {
    uint64_t index = 0;
    for (size_t d = 0; d < rank; ++d) index += checked_product(at[d] / grid.chunk_dims[d], step[d]);
    if (auto chunk = lookup(index)) {
      chunk->offset = at;
      chunks.push_back(std::move(*chunk));
    }
    size_t d = rank;
    while (d > 0 && (at[d - 1] += grid.chunk_dims[d - 1]) >= grid.dims[d - 1]) at[--d] = 0;
    if (d == 0) return chunks;
  }
}

std::vector<Chunk> indexed_chunks(const File& file, const Layout& layout, const ChunkGrid& grid) {
  switch (layout.index) {
    case Layout::Index::kBtree1: {
      std::vector<Chunk> chunks;
      walk_btree1(file, layout.address, grid.dims.size(), -1, chunks);
      return chunks;
    }
    case Layout::Index::kImplicit:
      return array_chunks(grid, implicit(file, layout, grid));
    case Layout::Index::kFixedArray:
      return array_chunks(grid, fixed_array(file, layout, grid));
    case Layout::Index::kExtensibleArray:
      return array_chunks(grid, extensible_array(file, layout, grid));
    default:
      return btree2_chunks(file, layout, grid);
  }
}

}  // namespace

std::vector<Chunk> find_chunks(const File& file, const Layout& layout, const ChunkGrid& grid) {
  if (layout.address == kNowhere) return {};
  bool is_tree = layout.index == Layout::Index::kBtree1 || layout.index == Layout::Index::kBtree2;
  if (!is_tree) {  // every place of the grid is looked at
    uint64_t places = 1;
    for (size_t d = 0; d < grid.dims.size(); ++d)
      places = checked_product(places, (grid.dims[d] - 1) / grid.chunk_dims[d] + 1);
    constexpr uint64_t kMostPlaces = 1 << 20;  // without having them
    if (places > kMostPlaces + file.size())
      throw io::Fault(io::Fault::Kind::kLimit, "at most 2^20 chunks more than the file has bytes",
                      std::to_string(places));
    file.spend(places / 16);
  }
  std::vector<Chunk> chunks = indexed_chunks(file, layout, grid);
  std::set<std::vector<uint64_t>> seen;
  for (const Chunk& chunk : chunks) {
    file.spend(chunk.stored.size());
    for (size_t d = 0; d < grid.dims.size(); ++d)
      if (chunk.offset[d] >= grid.dims[d] || chunk.offset[d] % grid.chunk_dims[d] != 0)
        io::damaged("chunks inside the dataset", "offset " + std::to_string(chunk.offset[d]));
    if (!seen.insert(chunk.offset).second)
      io::damaged("chunks that do not overlap", "two at one place");
  }
  return chunks;
}

}  // namespace luxtorch::hdf5
