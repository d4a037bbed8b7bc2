// The elements of datasets, wherever they lie.
#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "io/base/fault.h"
#include "io/base/memory_order.h"
#include "io/hdf5/chunks.h"
#include "io/hdf5/file.h"
#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {
namespace {

constexpr uint64_t kPiece = 16 << 20;  // bytes that are in memory beside the elements at a time
constexpr uint64_t kWorthAsking = 1 << 20;

// Cuts a block of elements side by side into pieces of at most kPiece bytes (or one element), which
// `f` gets in their order: where each begins in the block, and its size.
void for_each_piece(const std::vector<uint64_t>& shape, uint64_t element,
                    const std::function<void(const std::vector<uint64_t>& begin,
                                             const std::vector<uint64_t>& size)>& f) {
  std::vector<int64_t> fastest_first(shape.rbegin(), shape.rend());
  auto most = std::max<uint64_t>(1, kPiece / element);
  io::for_each_run(fastest_first, static_cast<int64_t>(most),
                   [&](std::span<const int64_t> begin, std::span<const int64_t> size) {
                     f({begin.rbegin(), begin.rend()}, {size.rbegin(), size.rend()});
                   });
}

uint64_t bytes_of(const std::vector<uint64_t>& shape, uint64_t element) {
  uint64_t bytes = element;
  for (uint64_t size : shape) bytes = checked_product(bytes, size);
  return bytes;
}

// A chunk's elements, which may reach beyond the dataset's edge.
struct Block {
  const std::vector<uint64_t>& begin;  // in the dataset
  const std::vector<uint64_t>& shape;
  std::vector<uint64_t> inside;  // how much of it the dataset has

  Block(const std::vector<uint64_t>& begin, const std::vector<uint64_t>& shape,
        const std::vector<uint64_t>& dims)
      : begin(begin), shape(shape), inside(shape.size()) {
    for (size_t d = 0; d < shape.size(); ++d) inside[d] = std::min(shape[d], dims[d] - begin[d]);
  }

  // Gives the part of a piece that the dataset has.
  void put(const std::vector<uint64_t>& at, const std::vector<uint64_t>& size, Bytes elements,
           Elements& to) const {
    std::vector<uint64_t> first(at.size()), part(at.size());
    for (size_t d = 0; d < at.size(); ++d) {
      if (at[d] >= inside[d]) return;
      first[d] = begin[d] + at[d];
      part[d] = std::min(size[d], inside[d] - at[d]);
    }
    to.put({first, part, size, elements});
  }
};

void check_size(Bytes elements, uint64_t total) {
  if (elements.size() != total)
    io::damaged("a chunk of " + std::to_string(total) + " bytes", std::to_string(elements.size()));
}

// A chunk that is larger than a piece, unpacked piece by piece where its filters allow that.
void put_large(const File& file, Bytes stored, std::vector<Filter> filters, uint64_t element,
               const Block& block, Elements& to) {
  uint64_t total = bytes_of(block.shape, element);
  // Shuffled elements are put together for one piece at a time.
  bool shuffled = !filters.empty() && filters.front().id == Filter::kShuffle;
  uint64_t width =
      shuffled && !filters.front().parameters.empty() ? filters.front().parameters[0] : 1;
  shuffled = shuffled && width == element;
  if (shuffled) filters.erase(filters.begin());
  std::unique_ptr<Unpacking> unpacking;
  std::optional<Reserved> whole;
  std::vector<uint8_t> unpacked;
  Bytes elements = stored;
  if (!shuffled && filters.size() == 1) unpacking = unpacking_of(stored, filters.front().id);
  if (!unpacking && !filters.empty()) {
    whole.emplace(file, total);
    unpacked = unfilter(stored, filters, total);
    file.forget(stored);
    elements = Bytes(unpacked.data(), unpacked.size());
  }
  if (!unpacking) check_size(elements, total);
  std::vector<uint8_t> buffer;
  uint64_t at = 0, given_back = 0;
  for_each_piece(block.shape, element, [&](const auto& begin, const auto& size) {
    uint64_t length = bytes_of(size, element);
    Bytes piece;
    if (unpacking || shuffled) {
      buffer.resize(length);
      piece = Bytes(buffer.data(), length);
    } else {
      piece = elements.sub(at, length);
    }
    if (unpacking) unpacking->read(buffer.data(), length);
    if (shuffled) unshuffle_part(elements, element, at / element, buffer);
    block.put(begin, size, piece, to);
    if (unpacked.empty() && !unpacking) file.forget(stored.sub(at, length));
    at += length;
    if (!unpacking) return;
    file.forget(stored.sub(given_back, unpacking->used() - given_back));
    given_back = unpacking->used();
  });
  if (unpacking) unpacking->finish();
}

// filters: those that were applied.
void put_block(const File& file, Bytes stored, std::vector<Filter> filters, uint64_t element,
               const Block& block, Elements& to) {
  uint64_t total = bytes_of(block.shape, element);
  if (total > kPiece) return put_large(file, stored, std::move(filters), element, block, to);
  std::vector<uint64_t> begin(block.shape.size(), 0);
  if (filters.empty()) {
    check_size(stored, total);
    return block.put(begin, block.shape, stored, to);
  }
  Reserved one_chunk(file, total);
  auto data = unfilter(stored, filters, total);
  block.put(begin, block.shape, Bytes(data.data(), data.size()), to);
}

std::vector<Filter> applied(const std::vector<Filter>& filters, uint32_t skipped) {
  std::vector<Filter> result;
  for (size_t i = 0; i < filters.size(); ++i)
    if (i >= 32 || (skipped >> i & 1U) == 0) result.push_back(filters[i]);
  return result;
}

bool is_cut(const Chunk& chunk, const ChunkGrid& grid) {
  for (size_t d = 0; d < grid.dims.size(); ++d)
    if (grid.dims[d] - chunk.offset[d] < grid.chunk_dims[d]) return true;
  return false;
}

void put_chunks(const File& file, const Object& object, const std::vector<uint64_t>& dims,
                uint64_t element, uint64_t total, Elements& to) {
  const Layout& layout = *object.layout;
  size_t rank = dims.size();
  if (rank == 0 || layout.chunk_dims.size() != rank)
    io::damaged("as many chunk dimensions as dimensions",
                std::to_string(layout.chunk_dims.size()) + " and " + std::to_string(rank));
  ChunkGrid grid{.dims = dims,
                 .most_dims = object.space.most_dims,
                 .chunk_dims = layout.chunk_dims,
                 .chunk_bytes = element,
                 .filtered = !object.filters.empty()};
  if (grid.most_dims.size() != rank) grid.most_dims = dims;
  uint64_t places = 1;
  for (size_t d = 0; d < rank; ++d) {
    if (grid.chunk_dims[d] == 0) io::damaged("chunks with elements", "a chunk dimension of 0");
    if (grid.most_dims[d] < dims[d]) io::damaged("dimensions up to their limits", "larger ones");
    grid.chunk_bytes = checked_product(grid.chunk_bytes, grid.chunk_dims[d]);
    places = checked_product(places, (dims[d] - 1) / grid.chunk_dims[d] + 1);
  }
  std::vector<Chunk> chunks = find_chunks(file, layout, grid);
  uint64_t most = 0;
  for (const Chunk& chunk : chunks)
    most += std::min(grid.chunk_bytes, most_unfiltered(chunk.stored.size(), object.filters));
  if (total > most) file.claim_unwritten(total - most);
  to.start(object.fill.size() == element ? object.fill : Bytes(), chunks.size() == places);
  for (const Chunk& chunk : chunks) {
    uint32_t skipped = layout.whole_filtered && is_cut(chunk, grid) ? ~0U : chunk.skipped_filters;
    put_block(file, chunk.stored, applied(object.filters, skipped), element,
              {chunk.offset, grid.chunk_dims, dims}, to);
    file.forget(chunk.stored);
  }
}

void put_contiguous(const File& file, Bytes elements, const std::vector<uint64_t>& dims,
                    uint64_t element, Elements& to) {
  uint64_t at = 0;
  for_each_piece(dims, element, [&](const auto& begin, const auto& size) {
    Bytes piece = elements.sub(at, bytes_of(size, element));
    if (piece.size() >= kWorthAsking) file.want(piece);
    to.put({begin, size, size, piece});
    file.forget(piece);
    at += piece.size();
  });
}

// Elements as one run of bytes.
class Run : public Elements {
 public:
  Run(const std::vector<uint64_t>& dims, uint64_t element) : dims_(dims), element_(element) {}

  void start(Bytes fill, bool /*whole*/) override {
    bytes.resize(bytes_of(dims_, element_));
    for (uint64_t at = 0; fill.size() > 0 && at < bytes.size(); at += element_)
      std::memcpy(bytes.data() + at, fill.data(), element_);
  }

  // Run by run of the fastest dimension.
  void put(const Box& box) override {
    size_t rank = dims_.size();
    if (rank == 0) {
      std::memcpy(bytes.data(), box.elements.data(), element_);
      return;
    }
    uint64_t run = box.size[rank - 1] * element_;
    std::vector<uint64_t> at(rank, 0);
    while (true) {
      uint64_t from = 0, to = 0;
      for (size_t d = 0; d < rank; ++d) {
        from = from * box.shape[d] + at[d];
        to = to * dims_[d] + box.begin[d] + at[d];
      }
      std::memcpy(bytes.data() + to * element_, box.elements.data() + from * element_, run);
      size_t d = rank - 1;
      while (d > 0 && ++at[d - 1] == box.size[d - 1]) at[--d] = 0;
      if (d == 0) return;
    }
  }

  std::vector<uint8_t> bytes;

 private:
  const std::vector<uint64_t>& dims_;
  uint64_t element_;
};

}  // namespace

void read_elements(const File& file, const Object& object, const std::vector<uint64_t>& dims,
                   uint64_t element, Elements& to) {
  const Layout& layout = *object.layout;
  uint64_t total = bytes_of(dims, element);
  if (total == 0) return to.start({}, true);
  bool chunked = layout.kind == Layout::Kind::kSingleChunk || layout.kind == Layout::Kind::kChunked;
  if (!object.filters.empty() && !chunked) io::damaged("filtered data in chunks", "another layout");
  if (layout.kind == Layout::Kind::kCompact) {
    Bytes elements = layout.compact.sub(0, total);
    to.start({}, true);
    return put_contiguous(file, elements, dims, element, to);
  }
  if (layout.address == kNowhere) {
    file.claim_unwritten(total);
    return to.start(object.fill.size() == element ? object.fill : Bytes(), false);
  }
  if (layout.kind == Layout::Kind::kContiguous) {
    file.spend(total);
    Bytes elements = file.block(layout.address, total);
    to.start({}, true);
    return put_contiguous(file, elements, dims, element, to);
  }
  if (layout.kind == Layout::Kind::kChunked)
    return put_chunks(file, object, dims, element, total, to);
  uint64_t size = layout.has_size ? layout.size : total;
  file.spend(size);
  Bytes stored = file.block(layout.address, size);
  uint64_t most = most_unfiltered(size, object.filters);
  bool has_equal =
      std::ranges::find(object.filters, Filter::kScaleOffset, &Filter::id) != object.filters.end();
  if (total > most && !has_equal)
    io::damaged(std::to_string(total) + " bytes after decompressing",
                "only " + std::to_string(size) + " stored bytes");
  if (total > most) file.claim_unwritten(total - most);
  to.start({}, true);
  std::vector<uint64_t> begin(dims.size(), 0);
  put_block(file, stored, applied(object.filters, layout.skipped_filters), element,
            {begin, dims, dims}, to);
}

RawData read_elements(const File& file, const Object& object, const std::vector<uint64_t>& dims,
                      uint64_t element) {
  const Layout& layout = *object.layout;
  uint64_t total = bytes_of(dims, element);
  RawData raw;
  if (total == 0) return raw;
  bool lies_there = layout.kind == Layout::Kind::kCompact ||
                    (layout.kind == Layout::Kind::kContiguous && layout.address != kNowhere);
  if (lies_there && object.filters.empty()) {
    if (layout.kind == Layout::Kind::kContiguous) file.spend(total);
    raw.bytes = layout.kind == Layout::Kind::kCompact ? layout.compact.sub(0, total)
                                                      : file.block(layout.address, total);
    return raw;
  }
  Reserved elements(file, total);
  Run run(dims, element);
  read_elements(file, object, dims, element, run);
  raw.owned = std::move(run.bytes);
  raw.bytes = Bytes(raw.owned.data(), raw.owned.size());
  return raw;
}

}  // namespace luxtorch::hdf5
