// SHA-256 of bytes that come in pieces.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace luxtorch::io {

class Digest {
 public:
  Digest();
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void add(std::string_view bytes);
  /// Of all bytes so far, as sha256.h writes it; nothing can be added after it.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The library that computes it, "OpenSSL 3.0.11 19 Sep 2023"; "" for code of our own.
std::string digest_library();

/// Two lower-case digits for each byte.
inline std::string hexadecimal(const std::array<unsigned char, 32>& bytes) {
  std::string digits;
  for (unsigned char byte : bytes) {
    digits += "0123456789abcdef"[byte >> 4U];
    digits += "0123456789abcdef"[byte & 15U];
  }
  return digits;
}

}  // namespace luxtorch::io
