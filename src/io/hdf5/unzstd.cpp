// Zstandard data, by libzstd.
#include <zstd.h>

#include "io/hdf5/fault.h"
#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {

std::vector<uint8_t> unzstd_exactly(Bytes stored, uint64_t size) {
  // What a frame says of itself is asked before memory is: it may say nothing, but not lie.
  auto said = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (said == ZSTD_CONTENTSIZE_ERROR) damaged("a Zstandard frame", "something else");
  if (said != ZSTD_CONTENTSIZE_UNKNOWN && said > size)
    damaged(std::to_string(size) + " bytes after decompressing", std::to_string(said));
  std::vector<uint8_t> out(size);
  size_t written = ZSTD_decompress(out.data(), out.size(), stored.data(), stored.size());
  if (ZSTD_isError(written) != 0)
    damaged(std::to_string(size) + " bytes of valid Zstandard data", ZSTD_getErrorName(written));
  if (written != size)
    damaged(std::to_string(size) + " bytes after decompressing", std::to_string(written));
  return out;
}

}  // namespace luxtorch::hdf5
