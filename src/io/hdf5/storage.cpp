#include "io/hdf5/storage.h"

#include "io/base/fault.h"

namespace luxtorch::hdf5 {
namespace {

constexpr unsigned kMostChunkDims = 33;  // chunk dimensions count the element size as one more

Layout parse_chunked_3(Cursor& in) {
  Layout layout{.kind = Layout::Kind::kChunked};
  unsigned rank = in.u8();
  if (rank == 0 || rank > kMostChunkDims)
    io::damaged("1 to 33 chunk dimensions", std::to_string(rank));
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
    io::damaged("a data layout class of 0 to 2", std::to_string(layout_class));
  if (rank > kMostChunkDims) io::damaged("at most 33 dimensions", std::to_string(rank));
  Layout layout;
  if (layout_class != kCompact) layout.address = in.u64();
  std::vector<uint64_t> dims;
  for (unsigned i = 0; i < rank; ++i) dims.push_back(in.u32());
  if (layout_class == kCompact) {
    layout.compact = in.take(in.u32());
  } else if (layout_class == kContiguous) {
    layout.kind = Layout::Kind::kContiguous;
  } else {
    if (rank == 0) io::damaged("1 to 33 chunk dimensions", "none");
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
  if (rank == 0 || rank > kMostChunkDims)
    io::damaged("1 to 33 chunk dimensions", std::to_string(rank));
  if (width == 0 || width > 8)
    io::damaged("chunk dimensions of 1 to 8 bytes", std::to_string(width));
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
      io::damaged("a chunk index of type 1 to 5", std::to_string(index));
  }
  layout.address = in.u64();
  return layout;
}

}  // namespace

Layout Layout::parse(Bytes message) {
  Cursor in(message);
  unsigned version = in.u8();
  unsigned layout_class = in.u8();
  if (version == 1 || version == 2) return parse_old(in, layout_class);
  // 5, of HDF5 2.0, is 4 with other sizes of chunks on disk, which their index tells anyway.
  if (version < 3 || version > 5)
    io::unsupported("a data layout of version 1 to 5", std::to_string(version));
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
      io::unsupported("compact, contiguous or chunked data",
                      "data layout class " + std::to_string(layout_class));
  }
}

}  // namespace luxtorch::hdf5
