#include "io/zip/writer.h"

#include <algorithm>

#include "io/base/crc32.h"
#include "io/zip/format.h"

namespace luxtorch::io {
namespace {

using zip::kFull32;

constexpr uint64_t kAlignment = 64;
constexpr uint16_t kVersion = 20, kVersion64 = 45, kFirstDay = 0x21;  // the first of January 1980
constexpr uint16_t kPadding = 0x4246;  // the extra field "FB" of PyTorch's archives

bool is_wide(uint64_t number) { return number >= kFull32; }
uint32_t narrow(uint64_t number) {
  return is_wide(number) ? kFull32 : static_cast<uint32_t>(number);
}

// What local headers and the directory have in common, from the version on.
std::string common_fields(bool wide, bool deflated, uint32_t crc, uint64_t stored, uint64_t size,
                          size_t name) {
  std::string bytes;
  zip::append<uint16_t>(bytes, wide ? kVersion64 : kVersion);
  zip::append<uint16_t>(bytes, zip::kUtf8);
  zip::append<uint16_t>(bytes, deflated ? zip::kDeflated : zip::kStored);
  zip::append<uint16_t>(bytes, 0);
  zip::append<uint16_t>(bytes, kFirstDay);
  zip::append<uint32_t>(bytes, crc);
  zip::append<uint32_t>(bytes, narrow(stored));
  zip::append<uint32_t>(bytes, narrow(size));
  zip::append<uint16_t>(bytes, static_cast<uint16_t>(name));
  return bytes;
}

}  // namespace

void ZipWriter::append(std::string_view bytes) {
  file_.write_at(at_, bytes);
  at_ += bytes.size();
}

// Of one length whatever the entry's checksum and stored size are: it is written over once they are
// known.
std::string ZipWriter::header(const Entry& entry) {
  // Deflated data may be longer than what they stand for, by less than one in a thousand.
  bool wide = is_wide(entry.size + entry.size / 1000 + kAlignment);
  std::string extra;
  if (wide) {
    zip::append<uint16_t>(extra, zip::kWide);
    zip::append<uint16_t>(extra, 16);
    zip::append<uint64_t>(extra, entry.size);
    zip::append<uint64_t>(extra, entry.stored);
  }
  uint64_t end = entry.header + zip::kLocalSize + entry.name.size() + extra.size() + 4;
  uint64_t padding = (kAlignment - end % kAlignment) % kAlignment;
  zip::append<uint16_t>(extra, kPadding);
  zip::append<uint16_t>(extra, static_cast<uint16_t>(padding));
  extra.append(padding, '\0');

  std::string bytes;
  zip::append<uint32_t>(bytes, zip::kLocal);
  bytes += common_fields(wide, entry.deflated, entry.crc, wide ? kFull32 : entry.stored,
                         wide ? kFull32 : entry.size, entry.name.size());
  zip::append<uint16_t>(bytes, static_cast<uint16_t>(extra.size()));
  return bytes + entry.name + extra;
}

void ZipWriter::add(
    std::string_view name, uint64_t size, bool deflated,
    const std::function<void(const std::function<void(std::string_view)>& to)>& write) {
  Entry entry{std::string(name), deflated, 0, at_, 0, size};
  append(header(entry));
  uint64_t begin = at_;
  if (deflated) {
    Deflater deflater([&](std::string_view bytes) { append(bytes); });
    write([&](std::string_view bytes) {
      entry.crc = crc32(entry.crc, bytes);
      deflater.write(bytes);
    });
    deflater.finish();
  } else {
    write([&](std::string_view bytes) {
      entry.crc = crc32(entry.crc, bytes);
      append(bytes);
    });
  }
  entry.stored = at_ - begin;
  file_.write_at(entry.header, header(entry));
  entries_.push_back(std::move(entry));
}

void ZipWriter::add(std::string_view name, std::string_view bytes, bool deflated) {
  add(name, bytes.size(), deflated, [&](const auto& to) { to(bytes); });
}

void ZipWriter::finish() {
  uint64_t begin = at_;
  for (const auto& entry : entries_) {
    std::string extra;
    for (uint64_t number : {entry.size, entry.stored, entry.header})
      if (is_wide(number)) zip::append<uint64_t>(extra, number);
    if (!extra.empty()) {
      std::string head;
      zip::append<uint16_t>(head, zip::kWide);
      zip::append<uint16_t>(head, static_cast<uint16_t>(extra.size()));
      extra.insert(0, head);
    }
    std::string bytes;
    zip::append<uint32_t>(bytes, zip::kCentral);
    zip::append<uint16_t>(bytes, kVersion64);
    bytes += common_fields(!extra.empty(), entry.deflated, entry.crc, entry.stored, entry.size,
                           entry.name.size());
    zip::append<uint16_t>(bytes, static_cast<uint16_t>(extra.size()));
    bytes.append(10, '\0');  // no comment, the first file, no attributes
    zip::append<uint32_t>(bytes, narrow(entry.header));
    append(bytes + entry.name + extra);
  }
  uint64_t end = at_, size = end - begin, count = entries_.size();
  std::string bytes;
  if (is_wide(begin) || is_wide(size) || count >= zip::kFull16) {
    zip::append<uint32_t>(bytes, zip::kEnd64);
    zip::append<uint64_t>(bytes, zip::kEnd64Size - 12);
    zip::append<uint16_t>(bytes, kVersion64);
    zip::append<uint16_t>(bytes, kVersion64);
    zip::append<uint64_t>(bytes, 0);
    for (uint64_t number : {count, count, size, begin}) zip::append<uint64_t>(bytes, number);
    zip::append<uint32_t>(bytes, zip::kLocator64);
    zip::append<uint32_t>(bytes, 0);
    zip::append<uint64_t>(bytes, end);
    zip::append<uint32_t>(bytes, 1);
  }
  auto narrow_count = static_cast<uint16_t>(std::min<uint64_t>(count, zip::kFull16));
  zip::append<uint32_t>(bytes, zip::kEnd);
  zip::append<uint32_t>(bytes, 0);
  zip::append<uint16_t>(bytes, narrow_count);
  zip::append<uint16_t>(bytes, narrow_count);
  zip::append<uint32_t>(bytes, narrow(size));
  zip::append<uint32_t>(bytes, narrow(begin));
  zip::append<uint16_t>(bytes, 0);
  append(bytes);
}

}  // namespace luxtorch::io
