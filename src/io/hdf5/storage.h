// Where the elements of a dataset lie, and how to get them back as one run of bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "io/hdf5/bytes.h"

namespace luxtorch::hdf5 {

class File;
struct Object;

/// A data layout message.
struct Layout {
  enum class Kind { kCompact, kContiguous, kSingleChunk, kChunked };
  /// How the chunks of kChunked are found (chunks.h).
  enum class Index { kBtree1, kImplicit, kFixedArray, kExtensibleArray, kBtree2 };

  Kind kind = Kind::kCompact;
  Bytes compact = {};  // kCompact: the elements
  Index index = Index::kBtree1;
  uint64_t address = UINT64_MAX;  // of the elements, the chunk, or the index; all ones: nowhere
  uint64_t size = 0;              // bytes stored at `address` (kContiguous, kSingleChunk)
  bool has_size = false;          // kSingleChunk: `size` is known; else it is that of the elements
  bool whole_filtered = false;    // chunks that the dataset's edge cuts are stored without filters
  uint32_t skipped_filters = 0;   // kSingleChunk: a bit for each filter that was not applied
  std::vector<uint64_t> chunk_dims = {};  // chunked: slowest first, without the element size

  static Layout parse(Bytes message);
};

/// One step of a filter pipeline, in the order of writing.
struct Filter {
  static constexpr uint16_t kDeflate = 1;
  static constexpr uint16_t kShuffle = 2;
  static constexpr uint16_t kFletcher32 = 3;
  static constexpr uint16_t kZstd = 32015;

  uint16_t id = 0;
  std::vector<uint32_t> parameters;

  static std::vector<Filter> parse_pipeline(Bytes message);
};

/// The elements of a dataset: a part of the file, or a buffer where they had to be put together.
struct RawData {
  Bytes bytes;
  std::vector<uint8_t> owned;
};

/// The elements of a dataset of shape `dims` (slowest first), exactly `element_size` bytes each.
/// What was never written has the dataset's fill value. Allocates no more than the stored bytes can
/// expand to and what File::claim_unwritten allows, whatever the header claims. Throws Fault.
RawData read_elements(const File& file, const Object& object, const std::vector<uint64_t>& dims,
                      uint64_t element_size);

/// Undoes `filters` (but for those in `skipped`), in whatever order; the result has exactly `size`
/// bytes. Throws Fault, kDamaged for a checksum that is wrong too.
std::vector<uint8_t> unfilter(Bytes stored, const std::vector<Filter>& filters, uint32_t skipped,
                              uint64_t size);

/// Inflates zlib data that must become exactly `size` bytes.
std::vector<uint8_t> inflate_exactly(Bytes stored, uint64_t size);

/// Decompresses Zstandard frames that must become exactly `size` bytes.
std::vector<uint8_t> unzstd_exactly(Bytes stored, uint64_t size);

/// The bytes that `stored` bytes can become at most when `filters` are undone.
uint64_t most_unfiltered(uint64_t stored, const std::vector<Filter>& filters);

}  // namespace luxtorch::hdf5
