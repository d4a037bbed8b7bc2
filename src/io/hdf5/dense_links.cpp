// Links in a fractal heap.
#include <algorithm>
#include <bit>

#include "io/base/fault.h"
#include "io/hdf5/chunks.h"
#include "io/hdf5/file.h"
#include "io/hdf5/links.h"

namespace luxtorch::hdf5 {
namespace {

constexpr int kDeepestHeap = 16;

// A heap is one address space over blocks, which double in size from the third row of a table on.
class FractalHeap {
 public:
  FractalHeap(const File& file, uint64_t address) : file_(file) {
    Bytes header = file.block(address, 146);
    if (!header.starts_with("FRHP")) io::damaged("a fractal heap", "no FRHP signature");
    File::verify_checksum(header);
    auto filters = header.get<uint16_t>(7);
    if (filters != 0) io::unsupported("a fractal heap without filters", "one with filters");
    auto largest_object = header.get<uint32_t>(10);
    width_ = header.get<uint16_t>(110);
    smallest_ = header.get<uint64_t>(112);
    auto largest = header.get<uint64_t>(120);
    unsigned bits = header.get<uint16_t>(128);
    root_ = header.get<uint64_t>(132);
    rows_ = header.get<uint16_t>(140);
    if (bits == 0 || bits > 64 || width_ == 0 || !std::has_single_bit(smallest_) ||
        !std::has_single_bit(largest) || largest < smallest_)
      io::damaged("a fractal heap of sizes that are powers of two", "other sizes");
    largest_ = largest;
    offset_width_ = (bits + 7) / 8;
    uint64_t most = std::min<uint64_t>(largest, largest_object);
    length_width_ = most == 0 ? 1 : (static_cast<unsigned>(std::bit_width(most)) - 1) / 8 + 1;
  }

  /// The object that an identifier of the heap names.
  Bytes object(Bytes id) const {
    Cursor in(id);
    unsigned kind = in.u8();
    if (kind >> 6U != 0) io::damaged("a heap identifier of version 0", std::to_string(kind >> 6U));
    if ((kind >> 4U & 3U) == 2) return in.take((kind & 15U) + 1);
    if ((kind >> 4U & 3U) != 0) io::unsupported("links of less than 64 KiB", "a huge one");
    uint64_t offset = in.sized(offset_width_);
    uint64_t length = in.sized(length_width_);
    file_.spend(length);
    if (rows_ == 0) return file_.block(root_, smallest_).sub(offset, length);
    return in_table(root_, offset, length, 0);
  }

 private:
  Bytes in_table(uint64_t table, uint64_t offset, uint64_t length, int depth) const {
    if (depth > kDeepestHeap) io::damaged("a fractal heap of at most 16 levels", "more");
    if (!file_.at(table).starts_with("FHIB")) io::damaged("a table of a heap", "no FHIB signature");
    uint64_t first = 0;
    uint64_t size = smallest_;
    for (uint64_t row = 0; row < 64; ++row) {
      if (row > 1) size *= 2;
      uint64_t row_bytes = checked_product(width_, size);
      if (offset - first >= row_bytes) {
        first += row_bytes;
        continue;
      }
      uint64_t column = (offset - first) / size;
      auto child = file_.at(table).get<uint64_t>(13 + offset_width_ + 8 * (row * width_ + column));
      uint64_t inside = (offset - first) % size;
      if (size > largest_) return in_table(child, inside, length, depth + 1);
      return file_.block(child, size).sub(inside, length);
    }
    io::damaged("an offset inside its heap", std::to_string(offset));
  }

  const File& file_;
  uint64_t width_, smallest_, largest_, root_;
  unsigned rows_, offset_width_, length_width_;
};

}  // namespace

std::vector<Link> dense_links(const File& file, uint64_t heap, uint64_t btree) {
  FractalHeap objects(file, heap);
  std::vector<Link> links;
  for (Bytes record : btree2_records(file, btree))
    links.push_back(parse_link(objects.object(record.from(4))));
  // The tree is in the order of a hash.
  std::sort(links.begin(), links.end(), [](const Link& a, const Link& b) {
    return a.created != b.created ? a.created < b.created : a.name < b.name;
  });
  return links;
}

}  // namespace luxtorch::hdf5
