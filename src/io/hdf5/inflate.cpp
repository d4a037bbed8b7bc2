// Deflated data, by zlib.
#include <zlib.h>

#include <algorithm>

#include "io/base/fault.h"
#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {
namespace {

class Inflating : public Unpacking {
 public:
  explicit Inflating(Bytes stored)
      : in_(stored.data()), size_(stored.size()), left_(stored.size()) {
    if (inflateInit(&stream_) != Z_OK) io::damaged("zlib to start", "no memory for it");
  }
  ~Inflating() override { inflateEnd(&stream_); }

  uint64_t some(uint8_t* to, uint64_t count) override {
    constexpr uint64_t kMost = 1U << 30U;  // zlib counts in 32 bits
    uint64_t got = 0;
    while (got < count && !at_end_) {
      auto in_now = static_cast<uInt>(std::min(left_, kMost));
      auto out_now = static_cast<uInt>(std::min(count - got, kMost));
      stream_.next_in = const_cast<Bytef*>(in_);
      stream_.avail_in = in_now;
      stream_.next_out = to + got;
      stream_.avail_out = out_now;
      int status = inflate(&stream_, Z_NO_FLUSH);
      in_ += in_now - stream_.avail_in;
      left_ -= in_now - stream_.avail_in;
      got += out_now - stream_.avail_out;
      at_end_ = status == Z_STREAM_END;
      if (status != Z_OK && !at_end_)
        io::damaged("valid deflated data",
                    stream_.msg != nullptr ? stream_.msg : "data that ends before its end");
    }
    return got;
  }

  uint64_t used() const override { return size_ - left_; }

 private:
  z_stream stream_{};
  const uint8_t* in_;
  uint64_t size_, left_;
  bool at_end_ = false;
};

}  // namespace

std::unique_ptr<Unpacking> inflating(Bytes stored) { return std::make_unique<Inflating>(stored); }

}  // namespace luxtorch::hdf5
