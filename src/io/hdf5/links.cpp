#include "io/hdf5/links.h"

#include <algorithm>

#include "io/base/fault.h"
#include "io/hdf5/file.h"

namespace luxtorch::hdf5 {
namespace {

constexpr uint32_t kSoftLink = 2;  // of a symbol table entry's cache

void read_symbols(const File& file, uint64_t address, Bytes names, std::vector<Link>& links) {
  Cursor in(file.at(address));
  if (!file.at(address).starts_with("SNOD"))
    io::damaged("a symbol table node", "no SNOD signature");
  in.skip(6);
  unsigned count = in.u16();
  file.spend(8 + 40 * uint64_t{count});
  for (unsigned i = 0; i < count; ++i) {
    Link link;
    Cursor name(names.from(in.u64()));
    link.name = name.text_until_nul();
    file.spend(link.name.size());
    link.address = in.u64();
    bool is_soft = in.u32() == kSoftLink;
    in.skip(4);
    uint32_t target = in.u32();
    if (is_soft) link.target = Cursor(names.from(target)).text_until_nul();
    file.spend(link.target.size());
    in.skip(12);
    links.push_back(std::move(link));
  }
}

void walk_symbols(const File& file, uint64_t address, int expected_level, Bytes names,
                  std::vector<Link>& links) {
  Cursor in(file.at(address));
  if (!file.at(address).starts_with("TREE"))
    io::damaged("a B-tree of symbols", "no TREE signature");
  in.skip(4);
  unsigned type = in.u8();
  int level = in.u8();
  unsigned entries = in.u16();
  if (type != 0) io::damaged("a B-tree of symbols", "node type " + std::to_string(type));
  // Levels that only fall bound the walk, whatever addresses the nodes hold.
  if (expected_level >= 0 && level != expected_level)
    io::damaged("B-tree level " + std::to_string(expected_level), std::to_string(level));
  in.skip(16);  // siblings
  file.spend(24 + 16 * uint64_t{entries});
  for (unsigned i = 0; i < entries; ++i) {
    in.skip(8);  // the key, a name
    uint64_t child = in.u64();
    if (level > 0)
      walk_symbols(file, child, level - 1, names, links);
    else
      read_symbols(file, child, names, links);
  }
}

}  // namespace

Link parse_link(Bytes message) {
  Cursor in(message);
  unsigned version = in.u8();
  unsigned flags = in.u8();
  if (version != 1) io::unsupported("a link of version 1", std::to_string(version));
  unsigned kind = (flags & 8U) != 0 ? in.u8() : 0;
  Link link;
  if ((flags & 4U) != 0) link.created = in.u64();
  if ((flags & 16U) != 0) in.skip(1);  // character set
  uint64_t length = in.sized(1U << (flags & 3U));
  link.name = in.take(length).text();
  constexpr unsigned kHard = 0, kSoft = 1;
  if (kind == kHard) link.address = in.u64();
  if (kind == kSoft) link.target = in.take(in.u16()).text();
  link.is_external = kind != kHard && link.target.empty();
  return link;
}

std::vector<Link> symbol_table_links(const File& file, uint64_t btree, uint64_t heap) {
  Bytes header = file.at(heap);
  if (!header.starts_with("HEAP")) io::damaged("a heap of names", "no HEAP signature");
  Bytes names = file.block(header.get<uint64_t>(24), header.get<uint64_t>(8));
  std::vector<Link> links;
  walk_symbols(file, btree, -1, names, links);
  return links;
}

}  // namespace luxtorch::hdf5
