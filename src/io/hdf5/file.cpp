// The superblock and the global heap.
#include "io/hdf5/file.h"

#include <algorithm>

#include "io/base/fault.h"
#include "io/hdf5/signature.h"

namespace luxtorch::hdf5 {
namespace {

// The superblock lies at 0, 512, 1024, ...; JLD2 puts it at 512 and looks no further than 4096.
Bytes find_superblock(Bytes file) {
  for (uint64_t at : {0, 512, 1024, 2048, 4096}) {
    if (at >= file.size()) break;
    if (file.from(at).starts_with(kSignature)) return file.from(at);
  }
  io::damaged("a JLD2 (HDF5) file", "a file without the HDF5 signature");
}

// Sizes of addresses and lengths, a byte each.
void require_wide_addresses(Cursor& in) {
  unsigned offset_size = in.u8();
  unsigned length_size = in.u8();
  if (offset_size != 8 || length_size != 8)
    io::unsupported("addresses and lengths of 8 bytes",
                    std::to_string(offset_size) + " and " + std::to_string(length_size));
}

}  // namespace

File::File(const io::InputFile& file, uint64_t memory_limit, uint64_t unwritten_limit)
    : map_(file), memory_limit_(memory_limit), unwritten_left_(unwritten_limit) {
  Bytes block = find_superblock(map_.bytes());
  budget_ = checked_product(map_.bytes().size(), 4) + (1U << 16U);
  auto version = block.get<uint8_t>(kSignature.size());
  if (version > 3) io::damaged("an HDF5 superblock of version 0 to 3", std::to_string(version));
  if (version < 2)
    read_old_superblock(block);
  else
    read_superblock(block);
  if (base_ > map_.bytes().size())
    io::damaged("a base address inside the file", std::to_string(base_));
}

void File::read_superblock(Bytes block) {
  Cursor in(block.from(kSignature.size() + 1));
  require_wide_addresses(in);
  in.skip(1);  // consistency flags
  base_ = in.u64();
  in.skip(8);  // superblock extension
  require_end(in.u64());
  root_ = in.u64();
  verify_checksum(block.sub(0, 48));
}

// Versions 0 and 1, of plain HDF5 files.
void File::read_old_superblock(Bytes block) {
  Cursor in(block.from(kSignature.size()));
  unsigned version = in.u8();
  in.skip(4);
  require_wide_addresses(in);
  in.skip(version == 1 ? 13 : 9);
  base_ = in.u64();
  in.skip(8);  // free space
  require_end(in.u64());
  in.skip(8);  // driver information
  in.skip(8);  // of the root's entry, its name
  root_ = in.u64();
}

void File::require_end(uint64_t end) const {
  if (end > map_.bytes().size())
    io::damaged("a file of " + std::to_string(end) + " bytes",
                std::to_string(map_.bytes().size()) + " bytes, so the rest was cut off");
}

void File::verify_checksum(Bytes block) {
  if (block.size() < 4) io::damaged("a checksum", "too few bytes");
  uint64_t covered = block.size() - 4;
  if (lookup3(block.sub(0, covered)) != block.get<uint32_t>(covered))
    io::damaged("a block of the file with its own checksum", "another checksum");
}

void File::reserve(uint64_t bytes) const {
  if (bytes > memory_limit_ - reserved_)
    throw io::Fault(io::Fault::Kind::kLimit,
                    "values of at most " + std::to_string(memory_limit_) + " bytes",
                    "some of more");
  reserved_ += bytes;
}

void File::claim_unwritten(uint64_t bytes) const {
  if (bytes > unwritten_left_)
    throw io::Fault(
        io::Fault::Kind::kLimit,
        "elements that were never written of at most " + std::to_string(unwritten_left_) + " bytes",
        std::to_string(bytes) + " bytes");
  unwritten_left_ -= bytes;
}

Bytes File::at(uint64_t address) const { return map_.bytes().from(base_).from(address); }

void File::spend(uint64_t bytes) const {
  if (bytes > budget_)
    io::damaged("parts that do not overlap", "the same bytes used again and again");
  budget_ -= bytes;
}

Bytes File::heap_object(uint64_t collection, uint32_t index) const {
  auto [heap, is_new] = heaps_.try_emplace(collection);
  if (is_new) {
    Bytes start = at(collection);
    if (!start.starts_with("GCOL"))
      io::damaged("a global heap at address " + std::to_string(collection), "no GCOL signature");
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
    io::damaged("object " + std::to_string(index) + " in the global heap at address " +
                    std::to_string(collection),
                std::to_string(heap->second.size()) + " others");
  spend(object->second.size());
  return object->second;
}

}  // namespace luxtorch::hdf5
