// The superblock and the global heap.
#include "io/hdf5/file.h"

#include <algorithm>

#include "io/hdf5/fault.h"

namespace luxtorch::hdf5 {
namespace {

constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";

// The superblock lies at 0, 512, 1024, ...; JLD2 puts it at 512 and looks no further than 4096.
Bytes find_superblock(Bytes file) {
  for (uint64_t at : {0, 512, 1024, 2048, 4096}) {
    if (at >= file.size()) break;
    if (file.from(at).starts_with(kSignature)) return file.from(at);
  }
  damaged("a JLD2 (HDF5) file", "a file without the HDF5 signature");
}

}  // namespace

File::File(const std::filesystem::path& path) : map_(path) {
  Bytes block = find_superblock(map_.bytes());
  budget_ = checked_product(map_.bytes().size(), 4) + (1U << 16U);
  Cursor in(block);
  in.skip(kSignature.size());
  unsigned version = in.u8();
  if (version > 3) damaged("an HDF5 superblock of version 2 or 3", std::to_string(version));
  if (version < 2)
    unsupported("a file written by JLD2 (HDF5 superblock version 2 or 3)",
                "a plain HDF5 file with superblock version " + std::to_string(version));
  unsigned offset_size = in.u8();
  unsigned length_size = in.u8();
  if (offset_size != 8 || length_size != 8)
    unsupported("addresses and lengths of 8 bytes",
                std::to_string(offset_size) + " and " + std::to_string(length_size));
  in.skip(1);  // consistency flags
  base_ = in.u64();
  in.skip(8);  // superblock extension
  uint64_t end = in.u64();
  root_ = in.u64();
  if (lookup3(block.sub(0, 44)) != in.u32())
    damaged("a superblock with its own checksum", "another checksum");
  if (base_ > map_.bytes().size()) damaged("a base address inside the file", std::to_string(base_));
  if (end > map_.bytes().size())
    damaged("a file of " + std::to_string(end) + " bytes",
            std::to_string(map_.bytes().size()) + " bytes, so the rest was cut off");
}

Bytes File::at(uint64_t address) const { return map_.bytes().from(base_).from(address); }

void File::spend(uint64_t bytes) const {
  if (bytes > budget_) damaged("parts that do not overlap", "the same bytes used again and again");
  budget_ -= bytes;
}

Bytes File::heap_object(uint64_t collection, uint32_t index) const {
  auto [heap, is_new] = heaps_.try_emplace(collection);
  if (is_new) {
    Bytes start = at(collection);
    if (!start.starts_with("GCOL"))
      damaged("a global heap at address " + std::to_string(collection), "no GCOL signature");
    uint64_t size = start.get<uint64_t>(8);
    Cursor in(start.sub(0, size));
    spend(size);
    in.skip(16);
    while (in.remaining() >= 16) {
      uint16_t number = in.u16();
      in.skip(6);  // reference count, reserved
      uint64_t length = in.u64();
      if (number == 0) break;  // the free space at the end
      heap->second.emplace(number, in.take(length));
      in.skip(std::min((8 - length % 8) % 8, in.remaining()));
    }
  }
  auto object = heap->second.find(index);
  if (object == heap->second.end())
    damaged("object " + std::to_string(index) + " in the global heap at address " +
                std::to_string(collection),
            std::to_string(heap->second.size()) + " others");
  spend(object->second.size());
  return object->second;
}

}  // namespace luxtorch::hdf5
