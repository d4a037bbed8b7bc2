#include "io/hdf5/storage.h"

#include <algorithm>
#include <cstring>

#include "io/hdf5/chunks.h"
#include "io/hdf5/fault.h"
#include "io/hdf5/file.h"

namespace luxtorch::hdf5 {
namespace {

constexpr uint64_t kNowhere = UINT64_MAX;
constexpr unsigned kMaxRank = 33;  // chunk dimensions count the element size as one more

Layout parse_chunked_3(Cursor& in) {
  Layout layout{.kind = Layout::Kind::kChunked};
  unsigned rank = in.u8();
  if (rank == 0 || rank > kMaxRank) damaged("1 to 33 chunk dimensions", std::to_string(rank));
  layout.address = in.u64();
  for (unsigned i = 0; i + 1 < rank; ++i) layout.chunk_dims.push_back(in.u32());
  return layout;
}

// Versions 1 and 2: the number of dimensions comes before the class.
Layout parse_old(Cursor& in, unsigned rank) {
  constexpr unsigned kCompact = 0, kContiguous = 1, kChunked = 2;
  unsigned layout_class = in.u8();
  in.skip(5);
  if (layout_class > kChunked)
    damaged("a data layout class of 0 to 2", std::to_string(layout_class));
  if (rank > kMaxRank) damaged("at most 33 dimensions", std::to_string(rank));
  Layout layout;
  if (layout_class != kCompact) layout.address = in.u64();
  std::vector<uint64_t> dims;
  for (unsigned i = 0; i < rank; ++i) dims.push_back(in.u32());
  if (layout_class == kCompact) {
    layout.compact = in.take(in.u32());
  } else if (layout_class == kContiguous) {
    layout.kind = Layout::Kind::kContiguous;
  } else {
    if (rank == 0) damaged("1 to 33 chunk dimensions", "none");
    layout.kind = Layout::Kind::kChunked;
    dims.pop_back();  // the size of an element
    layout.chunk_dims = std::move(dims);
  }
  return layout;
}

Layout parse_chunked_4(Cursor& in) {
  Layout layout{.kind = Layout::Kind::kChunked};
  unsigned flags = in.u8();
  unsigned rank = in.u8();
  unsigned width = in.u8();
  if (rank == 0 || rank > kMaxRank) damaged("1 to 33 chunk dimensions", std::to_string(rank));
  if (width == 0 || width > 8) damaged("chunk dimensions of 1 to 8 bytes", std::to_string(width));
  for (unsigned i = 0; i + 1 < rank; ++i) layout.chunk_dims.push_back(in.sized(width));
  in.skip(width);
  layout.whole_filtered = (flags & 1) != 0;
  unsigned index = in.u8();
  switch (index) {
    case 1:
      layout.kind = Layout::Kind::kSingleChunk;
      layout.has_size = (flags & 2) != 0;
      if (layout.has_size) {
        layout.size = in.u64();
        layout.skipped_filters = in.u32();
      }
      break;
    case 2:
      layout.index = Layout::Index::kImplicit;
      break;
    case 3:
      layout.index = Layout::Index::kFixedArray;
      in.skip(1);
      break;
    case 4:
      layout.index = Layout::Index::kExtensibleArray;
      in.skip(5);
      break;
    case 5:
      layout.index = Layout::Index::kBtree2;
      in.skip(6);
      break;
    default:
      damaged("a chunk index of type 1 to 5", std::to_string(index));
  }
  layout.address = in.u64();
  return layout;
}

// Copies the part of a chunk that lies inside the dataset, run by run of the fastest dimension.
void place_chunk(const Chunk& chunk, const std::vector<uint8_t>& data,
                 const std::vector<uint64_t>& chunk_dims, const std::vector<uint64_t>& dims,
                 uint64_t element, std::vector<uint8_t>& out) {
  size_t rank = dims.size();
  std::vector<uint64_t> extent(rank);
  for (size_t d = 0; d < rank; ++d) extent[d] = std::min(chunk_dims[d], dims[d] - chunk.offset[d]);
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

std::vector<uint8_t> filled(const Object& object, uint64_t element, uint64_t total) {
  std::vector<uint8_t> out(total);
  if (object.fill.size() != element) return out;
  for (uint64_t at = 0; at < total; at += element)
    std::memcpy(out.data() + at, object.fill.data(), element);
  return out;
}

bool is_cut(const Chunk& chunk, const ChunkGrid& grid) {
  for (size_t d = 0; d < grid.dims.size(); ++d)
    if (grid.dims[d] - chunk.offset[d] < grid.chunk_dims[d]) return true;
  return false;
}

std::vector<uint8_t> read_chunks(const File& file, const Object& object,
                                 const std::vector<uint64_t>& dims, uint64_t element,
                                 uint64_t total) {
  const Layout& layout = *object.layout;
  size_t rank = dims.size();
  if (rank == 0 || layout.chunk_dims.size() != rank)
    damaged("as many chunk dimensions as dimensions",
            std::to_string(layout.chunk_dims.size()) + " and " + std::to_string(rank));
  ChunkGrid grid{.dims = dims,
                 .most_dims = object.space.most_dims,
                 .chunk_dims = layout.chunk_dims,
                 .chunk_bytes = element,
                 .filtered = !object.filters.empty()};
  if (grid.most_dims.size() != rank) grid.most_dims = dims;
  for (size_t d = 0; d < rank; ++d) {
    if (grid.chunk_dims[d] == 0) damaged("chunks with elements", "a chunk dimension of 0");
    if (grid.most_dims[d] < dims[d]) damaged("dimensions up to their limits", "larger ones");
    grid.chunk_bytes = checked_product(grid.chunk_bytes, grid.chunk_dims[d]);
  }
  std::vector<Chunk> chunks = find_chunks(file, layout, grid);
  uint64_t most = 0;
  for (const Chunk& chunk : chunks)
    most += std::min(grid.chunk_bytes, most_unfiltered(chunk.stored.size(), object.filters));
  if (total > most) file.claim_unwritten(total - most);
  Reserved one_chunk(file, grid.chunk_bytes);
  std::vector<uint8_t> out = filled(object, element, total);
  for (const Chunk& chunk : chunks) {
    uint32_t skipped = layout.whole_filtered && is_cut(chunk, grid) ? ~0U : chunk.skipped_filters;
    place_chunk(chunk, unfilter(chunk.stored, object.filters, skipped, grid.chunk_bytes),
                grid.chunk_dims, dims, element, out);
  }
  return out;
}

}  // namespace

Layout Layout::parse(Bytes message) {
  Cursor in(message);
  unsigned version = in.u8();
  unsigned layout_class = in.u8();
  if (version == 1 || version == 2) return parse_old(in, layout_class);
  // 5, of HDF5 2.0, is 4 with other sizes of chunks on disk, which their index tells anyway.
  if (version < 3 || version > 5)
    unsupported("a data layout of version 1 to 5", std::to_string(version));
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

RawData read_elements(const File& file, const Object& object, const std::vector<uint64_t>& dims,
                      uint64_t element_size) {
  const Layout& layout = *object.layout;
  uint64_t total = element_size;
  for (uint64_t dim : dims) total = checked_product(total, dim);
  RawData raw;
  if (total == 0) return raw;
  bool chunked = layout.kind == Layout::Kind::kSingleChunk || layout.kind == Layout::Kind::kChunked;
  if (!object.filters.empty() && !chunked) damaged("filtered data in chunks", "another layout");
  if (layout.kind == Layout::Kind::kCompact) {
    raw.bytes = layout.compact.sub(0, total);
    return raw;
  }
  bool unwritten = layout.address == kNowhere;
  if (unwritten) file.claim_unwritten(total);
  if (layout.kind == Layout::Kind::kContiguous && !unwritten) {
    file.spend(total);
    raw.bytes = file.block(layout.address, total);
    return raw;
  }
  Reserved elements(file, total);
  if (unwritten) {
    raw.owned = filled(object, element_size, total);
  } else if (layout.kind == Layout::Kind::kSingleChunk) {
    uint64_t size = layout.has_size ? layout.size : total;
    file.spend(size);
    raw.owned =
        unfilter(file.block(layout.address, size), object.filters, layout.skipped_filters, total);
  } else {
    raw.owned = read_chunks(file, object, dims, element_size, total);
  }
  raw.bytes = Bytes(raw.owned.data(), raw.owned.size());
  return raw;
}

}  // namespace luxtorch::hdf5
