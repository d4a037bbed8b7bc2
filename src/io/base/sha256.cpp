#include "luxtorch/io/sha256.h"

#include <openssl/evp.h>

#include <vector>

#include "io/base/digest.h"
#include "io/base/input_file.h"
#include "luxtorch/core/error.h"

namespace luxtorch {
namespace io {

struct Digest::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(evp); }

  // Only an OpenSSL without SHA-256 fails (one that a policy restricts), or no memory.
  static void check(int status) {
    if (status != 1)
      throw UnsupportedError("sha256",
                             "expected an OpenSSL that computes SHA-256, got one that "
                             "refuses. Look at its configuration.");
  }
};

Digest::Digest() : context_(std::make_unique<Context>()) {
  Context::check(EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr));
}
Digest::~Digest() = default;

void Digest::add(std::string_view bytes) {
  Context::check(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()));
}

std::string Digest::finish() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  Context::check(EVP_DigestFinal_ex(context_->evp, digest, &size));
  std::string digits;
  for (unsigned i = 0; i < size; ++i) {
    digits += "0123456789abcdef"[digest[i] >> 4U];
    digits += "0123456789abcdef"[digest[i] & 15U];
  }
  return digits;
}

}  // namespace io

std::string sha256(std::string_view bytes) {
  io::Digest digest;
  digest.add(bytes);
  return digest.finish();
}

std::string sha256_file(const std::filesystem::path& path) {
  io::InputFile file("sha256_file", path);
  io::Digest digest;
  std::vector<char> block(size_t{1} << 18U);
  for (uint64_t at = 0; at < file.size();) {
    auto count = std::min<uint64_t>(block.size(), file.size() - at);
    file.read(at, block.data(), count);
    digest.add({block.data(), count});
    at += count;
  }
  return digest.finish();
}

}  // namespace luxtorch
