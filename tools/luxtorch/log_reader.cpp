#include "log_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <vector>

namespace {

constexpr size_t kLongestLine = size_t{8} << 20U;
constexpr size_t kBytesAtOnce = size_t{1} << 20U;
// Of update_briefly: what comes first.
constexpr uint64_t kMostBytes = uint64_t{4} << 20U;
constexpr auto kMostTime = std::chrono::milliseconds(200);

// Why the system refused the last call.
std::string last_problem() { return std::strerror(errno); }

}  // namespace

LogReader::LogReader(const std::filesystem::path& run) : name_(run.string()), file_(run) {
  while (name_.size() > 1 && name_.back() == '/') name_.pop_back();
  std::error_code none;
  if (!std::filesystem::is_regular_file(run, none)) file_ /= "log.jsonl";
}

void LogReader::update() { read(/*all=*/true); }
void LogReader::update_briefly() { read(/*all=*/false); }

void LogReader::read(bool all) {
  behind_ = false;
  struct stat now = {};
  if (stat(file_.c_str(), &now) != 0) {
    log_.unreadable = errno == ENOENT || errno == ENOTDIR ? "" : last_problem();
    return;
  }
  // A pipe or device of that name could block for ever.
  if (!S_ISREG(now.st_mode)) {
    log_.unreadable = "it is no regular file";
    return;
  }
  const auto size = static_cast<uint64_t>(now.st_size);
  if (size < offset_ || now.st_dev != device_ || now.st_ino != inode_) {
    log_ = {};
    skipping_ = false;
    offset_ = 0;
    device_ = now.st_dev;
    inode_ = now.st_ino;
  }
  errno = 0;
  std::ifstream in(file_, std::ios::binary);
  log_.unreadable = in ? "" : last_problem();
  if (!in || size == offset_) return;
  in.seekg(static_cast<std::streamoff>(offset_));
  const uint64_t from = offset_;
  const auto begin = std::chrono::steady_clock::now();
  std::vector<char> part(kBytesAtOnce);
  std::string begun;
  // Up to the size that it had: a writer that is faster than this reader would never let it end.
  for (uint64_t at = from; in && at < size;) {
    // What was read of a line that has no end yet is read again, so some line must have ended.
    if (!all && offset_ > from &&
        (at - from >= kMostBytes || std::chrono::steady_clock::now() - begin >= kMostTime)) {
      behind_ = true;
      return;
    }
    in.read(part.data(), static_cast<std::streamsize>(std::min<uint64_t>(kBytesAtOnce, size - at)));
    const auto count = static_cast<size_t>(in.gcount());
    if (count == 0) return;
    take({part.data(), count}, at, begun);
    at += count;
  }
}

// at: where the bytes are in the file; begun: what came before them of their first line.
void LogReader::take(std::string_view bytes, uint64_t at, std::string& begun) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const bool whole = end != bytes.npos;
    if (!skipping_) begun += bytes.substr(0, end);
    if (begun.size() > kLongestLine) {
      begun.clear();
      begun.shrink_to_fit();
      skipping_ = true;
    }
    const size_t count = whole ? end + 1 : bytes.size();
    bytes.remove_prefix(count);
    at += count;
    if (whole || skipping_) offset_ = at;
    if (!whole) return;
    if (skipping_) {
      add_too_long_line(log_);
    } else {
      add_line(log_, begun);
    }
    skipping_ = false;
    begun.clear();
  }
}
