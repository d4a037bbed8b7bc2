#include "luxtorch/io/sha256.h"

#include <vector>

#include "io/base/digest.h"
#include "io/base/input_file.h"

namespace luxtorch {

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
