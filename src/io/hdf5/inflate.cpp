// Deflated data, by zlib.
#include <zlib.h>

#include <algorithm>
#include <memory>

#include "io/hdf5/fault.h"
#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {

std::vector<uint8_t> inflate_exactly(Bytes stored, uint64_t size) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) damaged("zlib to start", "no memory for it");
  std::unique_ptr<z_stream, int (*)(z_stream*)> closer(&stream, inflateEnd);

  std::vector<uint8_t> out(size);
  uint8_t overrun = 0;  // one byte to notice data that goes on
  const uint8_t* in = stored.data();
  uint64_t in_left = stored.size();
  uint64_t written = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    constexpr uint64_t kMost = 1U << 30U;  // zlib counts in 32 bits
    bool full = written == size;
    auto in_now = static_cast<uInt>(std::min(in_left, kMost));
    auto out_now = static_cast<uInt>(full ? 1 : std::min(size - written, kMost));
    stream.next_in = const_cast<Bytef*>(in);
    stream.avail_in = in_now;
    stream.next_out = full ? &overrun : out.data() + written;
    stream.avail_out = out_now;
    status = inflate(&stream, Z_NO_FLUSH);
    in += in_now - stream.avail_in;
    in_left -= in_now - stream.avail_in;
    uint64_t produced = out_now - stream.avail_out;
    if (full && produced != 0) damaged(std::to_string(size) + " bytes after inflating", "more");
    written += produced;
  }
  if (status != Z_STREAM_END || written != size)
    damaged(std::to_string(size) + " bytes of valid deflated data",
            std::to_string(written) + " bytes" +
                (stream.msg != nullptr ? std::string(" and then: ") + stream.msg : ""));
  return out;
}

}  // namespace luxtorch::hdf5
