#include "io/hdf5/signature.h"

#include <array>

namespace luxtorch::hdf5 {

bool is_hdf5(const io::InputFile& file) {
  std::array<char, kSignature.size()> bytes{};
  for (uint64_t at = 0; at < file.size() && file.size() - at >= bytes.size();
       at = at == 0 ? 512 : at * 2) {
    file.read(at, bytes.data(), bytes.size());
    if (std::string_view(bytes.data(), bytes.size()) == kSignature) return true;
  }
  return false;
}

}  // namespace luxtorch::hdf5
