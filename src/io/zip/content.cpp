#include "io/zip/content.h"

#include <algorithm>

namespace luxtorch::io {

std::string_view Content::start() const {
  constexpr uint64_t kMost = 4096;
  if (!start_) {
    std::string bytes(std::min(file_.size(), kMost), '\0');
    file_.read(0, bytes.data(), bytes.size());
    start_ = std::move(bytes);
  }
  return *start_;
}

const std::vector<ZipEntry>& Content::zip() const {
  if (zip_fault_) throw Fault(*zip_fault_);
  if (!zip_) {
    try {
      zip_ = read_zip_directory(file_);
    } catch (const Fault& fault) {
      zip_fault_ = fault;
      throw;
    }
  }
  return *zip_;
}

bool Content::is_zip() const {
  if (!start().starts_with("PK")) return false;
  try {
    zip();
  } catch (const Fault&) {
    return false;
  }
  return true;
}

}  // namespace luxtorch::io
