// SHA-256 by OpenSSL, which uses the processor's instructions for it.
#include "io/base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "luxtorch/core/error.h"

namespace luxtorch::io {

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

std::string digest_library() { return OpenSSL_version(OPENSSL_VERSION); }

Digest::Digest() : context_(std::make_unique<Context>()) {
  Context::check(EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr));
}
Digest::~Digest() = default;

void Digest::add(std::string_view bytes) {
  Context::check(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()));
}

std::string Digest::finish() {
  std::array<unsigned char, 32> bytes;
  Context::check(EVP_DigestFinal_ex(context_->evp, bytes.data(), nullptr));
  return hexadecimal(bytes);
}

}  // namespace luxtorch::io
