// An HDF5 file as a graph of objects: the superblock, object headers and the global heap.
// Knows nothing of Julia. Read-only, one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/hdf5/bytes.h"
#include "io/hdf5/datatype.h"
#include "io/hdf5/links.h"
#include "io/hdf5/mapped_file.h"
#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {

/// One message of an object header.
struct Message {
  enum Type : uint16_t {
    kDataspace = 0x1,
    kLinkInfo = 0x2,
    kDatatype = 0x3,
    kOldFillValue = 0x4,
    kFillValue = 0x5,
    kLink = 0x6,
    kExternalFiles = 0x7,
    kLayout = 0x8,
    kGroupInfo = 0xa,
    kFilters = 0xb,
    kAttribute = 0xc,
    kContinuation = 0x10,
    kSymbolTable = 0x11,
  };

  uint16_t type = 0;
  uint8_t flags = 0;
  Bytes body;
};

/// What an object header says, sorted. A dataset has a datatype and a layout, a committed datatype
/// has a datatype alone, a group has neither.
struct Object {
  std::optional<TypeReference> type;
  Dataspace space;
  std::optional<Layout> layout;
  std::vector<Filter> filters;
  Bytes fill;  // the element of what was never written; empty: zeros
  std::vector<Attribute> attributes;
  std::vector<Link> links;  // of a group, in order
  bool is_group = false;
  bool keeps_order = false;  // the links are in the order in which they were made

  /// Null for none. Throws the Fault of one that cannot be read.
  const Attribute* attribute(std::string_view name) const;
};

/// The bytes of elements that were never written which a file may have unless its reader says more.
inline constexpr uint64_t kMostUnwritten = uint64_t{1} << 28U;

/// An open file. All addresses are those that the file itself uses, relative to its superblock.
class File {
 public:
  /// Maps the file and reads its superblock (version 0 to 3, after a user block of 0 to 4096
  /// bytes). `memory_limit`: bytes that reserve() gives at most; `unwritten_limit`: that
  /// claim_unwritten() does. Throws Fault.
  File(const io::InputFile& file, uint64_t memory_limit, uint64_t unwritten_limit = kMostUnwritten);

  /// Everything before the superblock.
  Bytes user_block() const { return map_.bytes().sub(0, base_); }
  uint64_t root() const { return root_; }

  /// Bytes from the superblock's base on.
  uint64_t size() const { return map_.bytes().size() - base_; }
  Bytes at(uint64_t address) const;
  Bytes block(uint64_t address, uint64_t length) const { return at(address).sub(0, length); }

  /// Asks for a part of the file, which is read then.
  void want(Bytes part) const { map_.want(part); }
  /// Gives the memory of a part of the file back.
  void forget(Bytes part) const { map_.forget(part); }

  /// Reads an object header, with its continuations; checksums are verified.
  Object object(uint64_t address) const;

  /// The address of the object that a link of the group at `group` leads to. Throws Fault (kUnsupported)
  /// for one that leads nowhere, in a circle or to another file.
  uint64_t follow(uint64_t group, const Link& link) const;

  /// The bytes of an object in a global heap collection.
  Bytes heap_object(uint64_t collection, uint32_t index) const;

  /// Counts work, in bytes looked at. Throws Fault after many times the file's size, which no file
  /// needs whose parts do not overlap.
  void spend(uint64_t bytes) const;

  /// To be called before memory is taken whose size the file decides. Throws Fault (kLimit).
  void reserve(uint64_t bytes) const;
  /// To be called before memory is taken for elements that were never written, of which a small file
  /// may claim any number. Throws Fault (kLimit).
  void claim_unwritten(uint64_t bytes) const;
  /// What was reserved is free again.
  void release(uint64_t bytes) const { reserved_ -= bytes; }

  /// Throws Fault (kDamaged) where the last four bytes are not the checksum of those before.
  static void verify_checksum(Bytes block);

 private:
  using Links = std::unordered_map<std::string, Link>;
  const Links& links_of(uint64_t group) const;
  std::optional<uint64_t> find(uint64_t group, const std::string& path, int soft_links) const;
  void read_superblock(Bytes block);
  void read_old_superblock(Bytes block);
  void require_end(uint64_t end) const;
  std::vector<Message> messages(uint64_t address) const;

  MappedFile map_;
  uint64_t base_ = 0;
  uint64_t root_ = 0;
  uint64_t memory_limit_ = 0;
  mutable uint64_t unwritten_left_ = 0;
  mutable uint64_t budget_ = 0;
  mutable uint64_t reserved_ = 0;
  mutable std::unordered_map<uint64_t, std::unordered_map<uint32_t, Bytes>> heaps_;
  mutable std::unordered_map<uint64_t, Links> groups_;  // that soft links went through
};

/// Memory reserved for as long as it lives.
class Reserved {
 public:
  Reserved(const File& file, uint64_t bytes) : file_(file), bytes_(bytes) { file.reserve(bytes); }
  ~Reserved() { file_.release(bytes_); }
  Reserved(const Reserved&) = delete;
  Reserved& operator=(const Reserved&) = delete;

 private:
  const File& file_;
  uint64_t bytes_;
};

}  // namespace luxtorch::hdf5
