#include "fuzz/zip.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "io/base/crc32.h"
#include "io/base/deflate.h"
#include "io/base/fault.h"
#include "io/zip/format.h"

namespace luxtorch::fuzz {
namespace {

using namespace io::zip;

struct Entry {
  std::string name, bytes;
  bool deflated = false;
};

std::string_view part(std::string_view file, uint64_t at, uint64_t size) {
  return at > file.size() ? std::string_view() : file.substr(at, size);
}

// Where the end's record lies; nothing where it is not the file's last 22 bytes.
std::optional<size_t> find_end(std::string_view file) {
  if (file.size() < kEndSize) return {};
  size_t at = file.size() - kEndSize;
  return number<uint32_t>(file, at) == kEnd ? std::optional(at) : std::nullopt;
}

// Calls f(at) for every whole record of the directory, as far as there is one.
template <class F>
void for_each_record(std::string_view file, F f) {
  auto end = find_end(file);
  if (!end) return;
  uint64_t at = number<uint32_t>(file, *end + 16);
  while (at + kCentralSize <= *end && number<uint32_t>(file, at) == kCentral) {
    uint64_t next = at + kCentralSize + number<uint16_t>(file, at + 28) +
                    number<uint16_t>(file, at + 30) + number<uint16_t>(file, at + 32);
    f(at);
    at = next;
  }
}

// What a record's entry holds in the file.
std::string_view stored_bytes(std::string_view file, uint64_t record) {
  uint64_t header = number<uint32_t>(file, record + 42);
  if (header + kLocalSize > file.size()) return {};
  uint64_t begin = header + kLocalSize + number<uint16_t>(file, header + 26) +
                   number<uint16_t>(file, header + 28);
  return part(file, begin, number<uint32_t>(file, record + 20));
}

// The record's bytes as they were before they were deflated, as far as they can be had.
std::string inflated(std::string_view stored, uint64_t size) {
  constexpr uint64_t kMost = 1U << 20U;
  std::string bytes(std::min(size, kMost), '\0');
  bool given = false;
  try {
    io::Inflater inflater([&] {
      given = !given;
      return given ? stored : std::string_view();
    });
    bytes.resize(inflater.read(bytes.data(), bytes.size()));
  } catch (const io::Fault&) {
    bytes.clear();
  }
  return bytes;
}

std::vector<Entry> entries_of(std::string_view file) {
  std::vector<Entry> entries;
  for_each_record(file, [&](uint64_t at) {
    Entry entry{std::string(part(file, at + kCentralSize, number<uint16_t>(file, at + 28))), "",
                number<uint16_t>(file, at + 10) == kDeflated};
    auto stored = stored_bytes(file, at);
    entry.bytes =
        entry.deflated ? inflated(stored, number<uint32_t>(file, at + 24)) : std::string(stored);
    entries.push_back(std::move(entry));
  });
  return entries;
}

std::string deflated(std::string_view bytes) {
  std::string result;
  io::Deflater deflater([&](std::string_view piece) { result += piece; });
  deflater.write(bytes);
  deflater.finish();
  return result;
}

std::string archive_of(const std::vector<Entry>& entries) {
  std::string file, directory;
  for (const Entry& entry : entries) {
    std::string stored = entry.deflated ? deflated(entry.bytes) : entry.bytes;
    std::string common;
    for (uint16_t field : {uint16_t{20}, uint16_t{0}, entry.deflated ? kDeflated : kStored,
                           uint16_t{0}, uint16_t{0}})
      append(common, field);
    append(common, io::crc32(0, entry.bytes));
    append(common, static_cast<uint32_t>(stored.size()));
    append(common, static_cast<uint32_t>(entry.bytes.size()));
    append(common, static_cast<uint16_t>(entry.name.size()));
    append(common, uint16_t{0});
    append(directory, kCentral);
    append(directory, uint16_t{20});
    directory += common + std::string(10, '\0');
    append(directory, static_cast<uint32_t>(file.size()));
    directory += entry.name;
    append(file, kLocal);
    file += common + entry.name + stored;
  }
  auto offset = static_cast<uint32_t>(file.size());
  file += directory;
  append(file, kEnd);
  append(file, uint32_t{0});
  for (int i = 0; i < 2; ++i) append(file, static_cast<uint16_t>(entries.size()));
  append(file, static_cast<uint32_t>(directory.size()));
  append(file, offset);
  append(file, uint16_t{0});
  return file;
}

void repair_checksums(std::string& file) {
  for_each_record(file, [&](uint64_t at) {
    auto stored = stored_bytes(file, at);
    bool is_deflated = number<uint16_t>(file, at + 10) == kDeflated;
    uint32_t sum = io::crc32(
        0, is_deflated ? inflated(stored, number<uint32_t>(file, at + 24)) : std::string(stored));
    std::memcpy(&file[at + 16], &sum, sizeof sum);
  });
}

}  // namespace

std::string damage_zip(std::string file, size_t most, uint32_t seed, std::string_view suffix,
                       const Change& change) {
  auto entries = entries_of(file);
  if (seed % 8 < 2 || entries.empty()) {
    change(file, most);
    if (seed % 8 == 1) repair_checksums(file);
    return file;
  }
  // Mostly where the reader has something to understand.
  std::vector<Entry*> chosen;
  for (Entry& entry : entries)
    if (entry.name.ends_with(suffix) || seed % 8 == 2) chosen.push_back(&entry);
  if (chosen.empty()) chosen.push_back(&entries.front());
  Entry& entry = *chosen[seed / 8 % chosen.size()];
  if (seed % 128 == 3) entry.deflated = !entry.deflated;
  if (seed % 128 == 4) change(entry.name, entry.name.size() + 8);
  change(entry.bytes, most);
  std::string result = archive_of(entries);
  return result.size() <= most ? result : file;
}

}  // namespace luxtorch::fuzz
