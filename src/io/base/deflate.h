// zlib's streams, piece by piece. Without zlib they throw an unsupported Fault.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace luxtorch::io {

/// Raw deflated data, as zip archives hold it, made longer again.
class Inflater {
 public:
  /// more: the next piece of deflated data, empty at its end; good until the next call.
  explicit Inflater(std::function<std::string_view()> more);
  ~Inflater();
  /// The next bytes, fewer than `count` only at the end. Throws Fault for damaged data.
  uint64_t read(char* to, uint64_t count);
  /// Has all the data been read, up to its last piece's last byte?
  bool at_end();

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

/// The other way round.
class Deflater {
 public:
  explicit Deflater(std::function<void(std::string_view)> to);
  ~Deflater();
  void write(std::string_view bytes);
  void finish();

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace luxtorch::io
