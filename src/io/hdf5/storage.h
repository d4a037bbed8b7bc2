// Where the elements of a dataset lie, and how to get them back as one run of bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "io/hdf5/bytes.h"

namespace luxtorch::hdf5 {

class File;
struct Object;

/// The address of what is nowhere.
inline constexpr uint64_t kNowhere = UINT64_MAX;

/// A data layout message.
struct Layout {
  enum class Kind { kCompact, kContiguous, kSingleChunk, kChunked };
  /// How the chunks of kChunked are found (chunks.h).
  enum class Index { kBtree1, kImplicit, kFixedArray, kExtensibleArray, kBtree2 };

  Kind kind = Kind::kCompact;
  Bytes compact = {};  // kCompact: the elements
  Index index = Index::kBtree1;
  uint64_t address = kNowhere;   // of the elements, the chunk, or the index
  uint64_t size = 0;             // bytes stored at `address` (kContiguous, kSingleChunk)
  bool has_size = false;         // kSingleChunk: `size` is known; else it is that of the elements
  bool whole_filtered = false;   // chunks that the dataset's edge cuts are stored without filters
  uint32_t skipped_filters = 0;  // kSingleChunk: a bit for each filter that was not applied
  std::vector<uint64_t> chunk_dims = {};  // chunked: slowest first, without the element size

  static Layout parse(Bytes message);
};

/// One step of a filter pipeline, in the order of writing.
struct Filter {
  static constexpr uint16_t kDeflate = 1;
  static constexpr uint16_t kShuffle = 2;
  static constexpr uint16_t kFletcher32 = 3;
  static constexpr uint16_t kNBit = 5;
  static constexpr uint16_t kScaleOffset = 6;
  static constexpr uint16_t kZstd = 32015;

  uint16_t id = 0;
  std::vector<uint32_t> parameters;

  static std::vector<Filter> parse_pipeline(Bytes message);
};

/// Elements of a dataset that lie in one box of it, the last dimension fastest.
struct Box {
  const std::vector<uint64_t>& begin;  // in the dataset, slowest dimension first
  const std::vector<uint64_t>& size;
  const std::vector<uint64_t>& shape;  // of the block of which `elements` are the first corner
  Bytes elements;
};

/// Who takes the elements of a dataset as they are found.
class Elements {
 public:
  Elements() = default;
  virtual ~Elements() = default;
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;

  /// Once, before all boxes, when it is known that the file may have so many elements.
  /// fill: one element, that of every place which no box has; empty: zeros. whole: there is no such place.
  virtual void start(Bytes fill, bool whole) = 0;
  virtual void put(const Box& box) = 0;
};

/// The elements of a dataset of shape `dims` (slowest first), exactly `element_size` bytes each.
/// What was never written has the dataset's fill value. Takes no memory but for one chunk, and of a chunk
/// that is deflated or compressed with Zstandard alone, or not at all, but for a piece of at most 16 MiB.
/// Checks before start() that the stored bytes can expand to so many, or that File::claim_unwritten
/// allows them, whatever the header claims. Throws Fault.
void read_elements(const File& file, const Object& object, const std::vector<uint64_t>& dims,
                   uint64_t element_size, Elements& to);

/// The elements side by side: a part of the file, or a buffer where they had to be put together.
struct RawData {
  Bytes bytes;
  std::vector<uint8_t> owned;
};
RawData read_elements(const File& file, const Object& object, const std::vector<uint64_t>& dims,
                      uint64_t element_size);

/// Numbers that the filters n-bit and scale-offset stored in fewer bits, `size` bytes of them.
std::vector<uint8_t> unpack_bits(Bytes stored, const Filter& filter, uint64_t size);
std::vector<uint8_t> unscale(Bytes stored, const Filter& filter, uint64_t size);

/// Undoes `filters`, in whatever order; the result has exactly `size` bytes. Throws Fault, kDamaged for a
/// checksum that is wrong too.
std::vector<uint8_t> unfilter(Bytes stored, const std::vector<Filter>& filters, uint64_t size);

/// The elements from the one of number `first` on of `shuffled` data, as many as `out` holds.
void unshuffle_part(Bytes shuffled, uint64_t element, uint64_t first, std::vector<uint8_t>& out);

/// Compressed data, unpacked from front to back. Throws Fault for data that is wrong or too short.
class Unpacking {
 public:
  Unpacking() = default;
  virtual ~Unpacking() = default;
  Unpacking(const Unpacking&) = delete;
  Unpacking& operator=(const Unpacking&) = delete;

  /// The next bytes; fewer than `count` only at the end.
  virtual uint64_t some(uint8_t* to, uint64_t count) = 0;
  /// The next `count` bytes.
  void read(uint8_t* to, uint64_t count);
  /// Throws Fault where the data goes on.
  void finish();
  /// How many of the stored bytes are not needed any more.
  virtual uint64_t used() const = 0;
};
std::unique_ptr<Unpacking> inflating(Bytes stored);
std::unique_ptr<Unpacking> unzstding(Bytes stored);
/// Null for filters that are none of these two.
std::unique_ptr<Unpacking> unpacking_of(Bytes stored, uint16_t filter);

/// Decompresses Zstandard frames that must become exactly `size` bytes.
std::vector<uint8_t> unzstd_exactly(Bytes stored, uint64_t size);

/// The bytes that `stored` bytes can become at most when `filters` are undone; more only where
/// scale-offset stored equal numbers, which take no bits.
uint64_t most_unfiltered(uint64_t stored, const std::vector<Filter>& filters);

}  // namespace luxtorch::hdf5
