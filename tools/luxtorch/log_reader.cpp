#include "log_reader.h"

#include <sys/stat.h>

#include <fstream>
#include <vector>

namespace {

constexpr size_t kLongestLine = size_t{8} << 20U;
constexpr size_t kPart = size_t{1} << 20U;

}  // namespace

LogReader::LogReader(const std::filesystem::path& run) : name_(run.string()), file_(run) {
  while (name_.size() > 1 && name_.back() == '/') name_.pop_back();
  std::error_code none;
  if (!std::filesystem::is_regular_file(run, none)) file_ /= "log.jsonl";
}

bool LogReader::update() {
  // A pipe or device of that name could block for ever.
  struct stat now = {};
  if (stat(file_.c_str(), &now) != 0 || !S_ISREG(now.st_mode)) return false;
  const auto size = static_cast<uint64_t>(now.st_size);
  if (size < offset_ || now.st_dev != device_ || now.st_ino != inode_) {
    log_ = {};
    begun_.clear();
    skipping_ = false;
    offset_ = 0;
    device_ = now.st_dev;
    inode_ = now.st_ino;
  }
  if (size == offset_) return false;
  std::ifstream in(file_, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(offset_));
  const auto lines_before = log_.lines;
  std::vector<char> part(kPart);
  // Up to the size that it had: a writer that is faster than this reader would never let it end.
  while (in && offset_ < size) {
    in.read(part.data(), static_cast<std::streamsize>(std::min<uint64_t>(kPart, size - offset_)));
    const auto count = static_cast<size_t>(in.gcount());
    if (count == 0) break;
    offset_ += count;
    take({part.data(), count});
  }
  return log_.lines != lines_before;
}

void LogReader::take(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    if (!skipping_) begun_ += bytes.substr(0, end);
    if (begun_.size() > kLongestLine) {
      begun_.clear();
      begun_.shrink_to_fit();
      skipping_ = true;
    }
    if (end == bytes.npos) return;
    if (skipping_) {
      add_too_long_line(log_);
    } else {
      add_line(log_, begun_);
    }
    skipping_ = false;
    begun_.clear();
    bytes.remove_prefix(end + 1);
  }
}
