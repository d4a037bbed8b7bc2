#include "io/base/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>

#include "io/base/crc32.h"
#include "io/base/fault.h"

namespace luxtorch::io {
namespace {

constexpr uint64_t kMost = 1U << 30U;  // zlib counts in 32 bits

Bytef* input_of(const char* bytes) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes));
}

}  // namespace

uint32_t crc32_portable(uint32_t before, std::string_view bytes) {
  if (bytes.empty()) return before;  // zlib takes no address for a new start
  return static_cast<uint32_t>(
      ::crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

struct Inflater::Stream {
  std::function<std::string_view()> more;
  z_stream zlib{};
  bool ended = false;

  // Are there bytes to inflate?
  bool fill() {
    if (zlib.avail_in > 0) return true;
    auto piece = more();
    zlib.next_in = input_of(piece.data());
    zlib.avail_in = static_cast<uInt>(piece.size());
    return !piece.empty();
  }
};

Inflater::Inflater(std::function<std::string_view()> more) : stream_(std::make_unique<Stream>()) {
  stream_->more = std::move(more);
  if (inflateInit2(&stream_->zlib, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() { inflateEnd(&stream_->zlib); }

uint64_t Inflater::read(char* to, uint64_t count) {
  auto& s = *stream_;
  uint64_t done = 0;
  while (done < count && !s.ended) {
    bool has_more = s.fill();
    auto room = static_cast<uInt>(std::min(count - done, kMost));
    s.zlib.next_out = reinterpret_cast<Bytef*>(to + done);
    s.zlib.avail_out = room;
    int status = inflate(&s.zlib, Z_NO_FLUSH);
    done += room - s.zlib.avail_out;
    s.ended = status == Z_STREAM_END;
    if (status == Z_BUF_ERROR && !has_more) break;
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
      throw Fault("", "valid deflated data", s.zlib.msg ? s.zlib.msg : "something else");
  }
  return done;
}

bool Inflater::at_end() {
  char one = 0;
  return read(&one, 1) == 0 && stream_->ended && !stream_->fill();
}

struct Deflater::Stream {
  std::function<void(std::string_view)> to;
  z_stream zlib{};
  std::array<char, 1U << 16U> out;

  int run(int flush) {
    zlib.next_out = reinterpret_cast<Bytef*>(out.data());
    zlib.avail_out = out.size();
    int status = deflate(&zlib, flush);
    if (size_t made = out.size() - zlib.avail_out; made > 0) to({out.data(), made});
    return status;
  }
};

Deflater::Deflater(std::function<void(std::string_view)> to) : stream_(std::make_unique<Stream>()) {
  stream_->to = std::move(to);
  constexpr int kMemory = 8;
  if (deflateInit2(&stream_->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, kMemory,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
}

Deflater::~Deflater() { deflateEnd(&stream_->zlib); }

void Deflater::write(std::string_view bytes) {
  while (!bytes.empty()) {
    auto piece = bytes.substr(0, kMost);
    bytes.remove_prefix(piece.size());
    stream_->zlib.next_in = input_of(piece.data());
    stream_->zlib.avail_in = static_cast<uInt>(piece.size());
    while (stream_->zlib.avail_in > 0) stream_->run(Z_NO_FLUSH);
  }
}

void Deflater::finish() {
  while (stream_->run(Z_FINISH) != Z_STREAM_END) {
  }
}

}  // namespace luxtorch::io
