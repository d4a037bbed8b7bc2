// Zstandard data, by libzstd.
#include <zstd.h>

#include "io/base/fault.h"
#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {
namespace {

class Unzstding : public Unpacking {
 public:
  explicit Unzstding(Bytes stored)
      : context_(ZSTD_createDCtx()), in_{stored.data(), stored.size(), 0} {
    if (context_ == nullptr) io::damaged("libzstd to start", "no memory for it");
  }
  ~Unzstding() override { ZSTD_freeDCtx(context_); }

  uint64_t some(uint8_t* to, uint64_t count) override {
    ZSTD_outBuffer out{to, count, 0};
    while (out.pos < out.size) {
      size_t out_before = out.pos, in_before = in_.pos;
      if (in_.pos == in_.size && hint_ == 0) break;
      hint_ = ZSTD_decompressStream(context_, &out, &in_);
      if (ZSTD_isError(hint_) != 0) io::damaged("valid Zstandard data", ZSTD_getErrorName(hint_));
      if (out.pos == out_before && in_.pos == in_before)
        io::damaged("valid Zstandard data", "data that ends before its end");
    }
    return out.pos;
  }

  uint64_t used() const override { return in_.pos; }

 private:
  ZSTD_DCtx* context_;
  ZSTD_inBuffer in_;
  size_t hint_ = 1;  // 0: at the end of a frame
};

}  // namespace

std::unique_ptr<Unpacking> unzstding(Bytes stored) { return std::make_unique<Unzstding>(stored); }

std::vector<uint8_t> unzstd_exactly(Bytes stored, uint64_t size) {
  // What a frame says of itself is asked before memory is: it may say nothing, but not lie.
  auto said = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (said == ZSTD_CONTENTSIZE_ERROR) io::damaged("a Zstandard frame", "something else");
  if (said != ZSTD_CONTENTSIZE_UNKNOWN && said > size)
    io::damaged(std::to_string(size) + " bytes after decompressing", std::to_string(said));
  std::vector<uint8_t> out(size);
  size_t written = ZSTD_decompress(out.data(), out.size(), stored.data(), stored.size());
  if (ZSTD_isError(written) != 0)
    io::damaged(std::to_string(size) + " bytes of valid Zstandard data",
                ZSTD_getErrorName(written));
  if (written != size)
    io::damaged(std::to_string(size) + " bytes after decompressing", std::to_string(written));
  return out;
}

}  // namespace luxtorch::hdf5
