#include "io/zip/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "io/base/crc32.h"
#include "io/base/physical_memory.h"
#include "io/zip/format.h"

namespace luxtorch::io {
namespace {

using namespace zip;

struct Directory {
  uint64_t offset, size, count;
  uint64_t before = 0;  // bytes before the archive, which its own offsets do not count
};

[[noreturn]] void damaged(const std::string& place, std::string expected, std::string got) {
  throw Fault(place, std::move(expected), std::move(got));
}

std::string bytes_at(const InputFile& file, uint64_t offset, uint64_t count) {
  if (offset > file.size() || count > file.size() - offset)
    damaged(fmt::format("byte {}", offset), fmt::format("{} bytes", count),
            fmt::format("the end of the file at {}", file.size()));
  std::string bytes(count, '\0');
  file.read(offset, bytes.data(), count);
  return bytes;
}

struct End {
  uint64_t at;
  std::string record;
};

bool is_at(const InputFile& file, uint64_t at, uint32_t signature) {
  return at < file.size() && file.size() - at >= sizeof signature &&
         number<uint32_t>(bytes_at(file, at, sizeof signature), 0) == signature;
}

// Does a directory or its zip64 end lie right before it?
bool ends_directory(const InputFile& file, const End& end) {
  uint64_t size = number<uint32_t>(end.record, 12);
  return (size <= end.at && is_at(file, end.at - size, kCentral)) ||
         (end.at >= kLocator64Size && is_at(file, end.at - kLocator64Size, kLocator64));
}

// The last record in the file's tail behind which lies a comment of as many bytes as it says, or else
// the last one with a directory, whatever follows it.
End find_end(const InputFile& file) {
  constexpr uint64_t kTail = 1U << 20U;
  uint64_t tail = std::min<uint64_t>(file.size(), kTail);
  std::string bytes = bytes_at(file, file.size() - tail, tail);
  for (bool is_last : {true, false}) {
    uint64_t first = is_last && tail > kEndSize + kFull16 ? tail - kEndSize - kFull16 : 0;
    for (size_t at = tail < kEndSize ? 0 : tail - kEndSize + 1; at-- > first;) {
      if (number<uint32_t>(bytes, at) != kEnd) continue;
      End end{file.size() - tail + at, bytes.substr(at, kEndSize)};
      uint64_t behind = tail - at - kEndSize, comment = number<uint16_t>(bytes, at + 20);
      if (is_last ? comment == behind : comment < behind && ends_directory(file, end)) return end;
    }
  }
  damaged("", "the end of a zip archive", "none");
}

// The bytes before an archive that says of a record that it lies at `said`, when it lies at `is`.
uint64_t bytes_before(const InputFile& file, uint64_t said, uint64_t is, uint32_t signature) {
  bool is_shifted = is > said && !is_at(file, said, signature) && is_at(file, is, signature);
  return is_shifted ? is - said : 0;
}

Directory find_directory(const InputFile& file) {
  auto [end, record] = find_end(file);
  Directory directory{number<uint32_t>(record, 16), number<uint32_t>(record, 12),
                      number<uint16_t>(record, 10)};
  bool one_file = number<uint16_t>(record, 4) == 0 && number<uint16_t>(record, 6) == 0;
  if (end >= kLocator64Size) {
    std::string locator = bytes_at(file, end - kLocator64Size, kLocator64Size);
    if (number<uint32_t>(locator, 0) == kLocator64) {
      uint64_t wide_end = number<uint64_t>(locator, 8), least = kLocator64Size + kEnd64Size;
      if (end >= least) wide_end += bytes_before(file, wide_end, end - least, kEnd64);
      std::string wide = bytes_at(file, wide_end, kEnd64Size);
      if (number<uint32_t>(wide, 0) != kEnd64)
        damaged(fmt::format("byte {}", wide_end), "zip64's end of the archive", "something else");
      one_file = number<uint32_t>(wide, 16) == 0 && number<uint32_t>(wide, 20) == 0;
      directory = {number<uint64_t>(wide, 48), number<uint64_t>(wide, 40),
                   number<uint64_t>(wide, 32)};
      end = wide_end;
    }
  }
  if (!one_file)
    throw Fault::unsupported("", "expected a zip archive in one file, got a part of one.");
  if (directory.size <= end)
    directory.before = bytes_before(file, directory.offset, end - directory.size, kCentral);
  directory.offset += directory.before;
  if (directory.offset > end || directory.size > end - directory.offset)
    damaged("the directory", fmt::format("one that ends before byte {}", end),
            fmt::format("{} bytes at {}", directory.size, directory.offset));
  if (directory.count > directory.size / kCentralSize)
    damaged("the directory", fmt::format("at most {} entries", directory.size / kCentralSize),
            std::to_string(directory.count));
  return directory;
}

// The numbers that did not fit into the entry's own fields.
void widen(ZipEntry& entry, std::string_view extra) {
  while (extra.size() >= 4) {
    auto kind = number<uint16_t>(extra, 0), size = number<uint16_t>(extra, 2);
    extra.remove_prefix(4);
    if (size > extra.size())
      damaged(entry.name, fmt::format("an extra field of at most {} bytes", extra.size()),
              std::to_string(size));
    auto field = extra.substr(0, size);
    extra.remove_prefix(size);
    if (kind != kWide) continue;
    for (uint64_t* value : {&entry.size, &entry.stored, &entry.header}) {
      if (*value != kFull32) continue;
      if (field.size() < sizeof *value) damaged(entry.name, "zip64's sizes", "fewer bytes");
      *value = number<uint64_t>(field, 0);
      field.remove_prefix(sizeof *value);
    }
  }
}

void check_sizes(const ZipEntry& entry) {
  // Deflated data make at most 1032 bytes of one.
  constexpr uint64_t kLargestRatio = 1032;
  uint64_t most = entry.deflated ? entry.stored * kLargestRatio : entry.stored;
  if (entry.size > most || (!entry.deflated && entry.size != entry.stored))
    damaged(entry.name, fmt::format("at most {} bytes", most), std::to_string(entry.size));
}

// Finds the entry's bytes, and that its local header means the same entry.
void locate(const InputFile& file, ZipEntry& entry, uint64_t end) {
  if (entry.header > end || kLocalSize > end - entry.header)
    damaged(entry.name, fmt::format("a header before byte {}", end), std::to_string(entry.header));
  std::string local = bytes_at(file, entry.header, kLocalSize);
  uint64_t name_size = number<uint16_t>(local, 26), extra = number<uint16_t>(local, 28);
  entry.data = entry.header + kLocalSize + name_size + extra;
  if (number<uint32_t>(local, 0) != kLocal || name_size != entry.name.size() || entry.data > end ||
      bytes_at(file, entry.header + kLocalSize, name_size) != entry.name)
    damaged(entry.name, fmt::format("its header at byte {}", entry.header), "something else");
  if (entry.stored > end - entry.data)
    damaged(entry.name, fmt::format("bytes that end before {}", end),
            fmt::format("{} at {}", entry.stored, entry.data));
  check_sizes(entry);
}

void check_overlaps(const std::vector<ZipEntry>& entries) {
  std::vector<const ZipEntry*> order;
  for (const auto& entry : entries) order.push_back(&entry);
  std::ranges::sort(order, {}, &ZipEntry::header);
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->header < order[i - 1]->data + order[i - 1]->stored)
      damaged(order[i]->name, "bytes of its own",
              "some that belong to " + order[i - 1]->name + " too");
}

}  // namespace

std::vector<ZipEntry> read_zip_directory(const InputFile& file) {
  Directory directory = find_directory(file);
  constexpr uint64_t kLargestDirectory = 1U << 28U;
  if (directory.size > kLargestDirectory)
    throw Fault::unsupported("the directory", fmt::format("expected at most {} bytes, got {}.",
                                                          kLargestDirectory, directory.size));
  std::string bytes = bytes_at(file, directory.offset, directory.size);
  std::vector<ZipEntry> entries;
  std::unordered_set<std::string> names;
  uint64_t at = 0;
  for (uint64_t i = 0; i < directory.count; ++i) {
    std::string place = fmt::format("entry {} of the directory", i);
    if (bytes.size() - at < kCentralSize || number<uint32_t>(bytes, at) != kCentral)
      damaged(place, "an entry", "something else");
    uint64_t name = number<uint16_t>(bytes, at + 28), extra = number<uint16_t>(bytes, at + 30);
    uint64_t end = at + kCentralSize + name + extra + number<uint16_t>(bytes, at + 32);
    if (end > bytes.size())
      damaged(place, fmt::format("an entry of at most {} bytes", bytes.size() - at),
              std::to_string(end - at));
    ZipEntry entry;
    entry.name = bytes.substr(at + kCentralSize, name);
    auto method = number<uint16_t>(bytes, at + 10);
    entry.deflated = method == kDeflated;
    entry.crc = number<uint32_t>(bytes, at + 16);
    entry.stored = number<uint32_t>(bytes, at + 20);
    entry.size = number<uint32_t>(bytes, at + 24);
    entry.header = number<uint32_t>(bytes, at + 42);
    if ((number<uint16_t>(bytes, at + 8) & kEncrypted) != 0)
      throw Fault::unsupported(entry.name,
                               "expected bytes without encryption, got encrypted ones.");
    if (method != kStored && method != kDeflated)
      throw Fault::unsupported(
          entry.name, fmt::format("expected stored or deflated bytes, got zip's compression "
                                  "{}. Compress them otherwise.",
                                  method));
    widen(entry, std::string_view(bytes).substr(at + kCentralSize + name, extra));
    if (!names.insert(entry.name).second) damaged(entry.name, "each name once", "it twice");
    entry.header += std::min(directory.before, UINT64_MAX - entry.header);
    locate(file, entry, directory.offset);
    entries.push_back(std::move(entry));
    at = end;
  }
  check_overlaps(entries);
  return entries;
}

void check_memory(const std::vector<ZipEntry>& entries, uint64_t memory_limit) {
  if (memory_limit == 0) memory_limit = physical_memory();
  uint64_t inflated = 0;
  for (const ZipEntry& entry : entries) {
    if (!entry.deflated) continue;
    if (entry.size > memory_limit - inflated)
      throw Fault::unsupported(
          entry.name, fmt::format("expected compressed arrays of at most {} bytes together, got "
                                  "more. Set LoadOptions::memory_limit.",
                                  memory_limit));
    inflated += entry.size;
  }
}

ZipEntryReader::ZipEntryReader(const InputFile& file, const ZipEntry& entry, bool check_sum)
    : file_(file), entry_(entry), check_sum_(check_sum), left_(entry.size), next_(entry.data) {
  if (!entry.deflated) return;
  inflater_ = std::make_unique<Inflater>([this] {
    constexpr uint64_t kPiece = 1U << 18U;
    piece_.resize(std::min(kPiece, entry_.data + entry_.stored - next_));
    file_.read(next_, piece_.data(), piece_.size());
    next_ += piece_.size();
    return std::string_view(piece_);
  });
}

ZipEntryReader::~ZipEntryReader() = default;

void ZipEntryReader::read(void* to, uint64_t count) {
  if (count > left_)
    damaged(entry_.name, fmt::format("{} bytes more", count), std::to_string(left_));
  auto* bytes = static_cast<char*>(to);
  if (inflater_) {
    try {
      if (uint64_t got = inflater_->read(bytes, count); got != count)
        damaged("", fmt::format("{} bytes more", count), std::to_string(got));
    } catch (Fault& fault) {
      if (!fault.is_unsupported()) fault.place = entry_.name;
      throw;
    }
    if (check_sum_) crc_ = crc32(crc_, {bytes, count});
  } else if (check_sum_) {
    crc_ = crc32_of_both(crc_, file_.read_summed(next_, bytes, count), count);
    next_ += count;
  } else {
    file_.read(next_, bytes, count);
    next_ += count;
  }
  left_ -= count;
}

void ZipEntryReader::finish() {
  if (left_ > 0 || (inflater_ && !inflater_->at_end()))
    damaged(entry_.name, "the end of its bytes", "more");
  if (check_sum_ && crc_ != entry_.crc)
    damaged(entry_.name, fmt::format("bytes with the CRC-32 {:08x}", entry_.crc),
            fmt::format("{:08x}", crc_));
}

std::string read_zip_entry(const InputFile& file, const ZipEntry& entry, bool check_sum) {
  ZipEntryReader reader(file, entry, check_sum);
  std::string bytes(entry.size, '\0');
  reader.read(bytes.data(), bytes.size());
  reader.finish();
  return bytes;
}

}  // namespace luxtorch::io
