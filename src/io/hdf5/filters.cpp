// The filter pipeline: deflate, Zstandard, LZF, shuffle, Fletcher32 and what bit_filters.cpp has.
#include <algorithm>

#include "io/base/fault.h"
#include "io/hdf5/file.h"
#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {
namespace {

// Shuffle stores the first bytes of all elements, then all second bytes, and so on. Puts the elements
// `first`, `first` + 1, ... of `all` together.
void unshuffle(const uint8_t* in, uint64_t all, uint64_t element, uint64_t first, uint64_t count,
               uint8_t* out) {
  for (uint64_t byte = 0; byte < element; ++byte)
    for (uint64_t i = 0; i < count; ++i) out[i * element + byte] = in[byte * all + first + i];
}

std::vector<uint8_t> unshuffle(const std::vector<uint8_t>& in, uint64_t element) {
  if (element <= 1) return in;
  uint64_t count = in.size() / element;
  std::vector<uint8_t> out(in.size());
  unshuffle(in.data(), count, element, 0, count, out.data());
  std::copy(in.begin() + static_cast<int64_t>(count * element), in.end(),
            out.begin() + static_cast<int64_t>(count * element));
  return out;
}

constexpr uint16_t kLzf = 32000;  // h5py's own

// Runs of literal bytes, and copies of bytes that came up to 8192 bytes before.
std::vector<uint8_t> unlzf_exactly(Bytes stored, uint64_t size) {
  Cursor in(stored);
  std::vector<uint8_t> out;
  out.reserve(size);
  auto require_room = [&](uint64_t length) {
    if (length > size - out.size())
      io::damaged(std::to_string(size) + " bytes of LZF data", "more");
  };
  while (in.remaining() > 0) {
    unsigned control = in.u8();
    if (control < 32) {
      Bytes literal = in.take(control + 1);
      require_room(literal.size());
      out.insert(out.end(), literal.data(), literal.data() + literal.size());
      continue;
    }
    unsigned length = control >> 5U;
    if (length == 7) length += in.u8();
    length += 2;
    uint64_t back = ((control & 31U) << 8U) + in.u8() + 1;
    require_room(length);
    if (back > out.size()) io::damaged("LZF data that refers to what came before", "other data");
    for (unsigned i = 0; i < length; ++i) out.push_back(out[out.size() - back]);
  }
  return out;
}

// Fletcher's checksum of 16-bit words, the first byte of a word highest (H5_checksum_fletcher32).
uint32_t fletcher32(const std::vector<uint8_t>& data, size_t count) {
  uint32_t a = 0, b = 0;
  auto fold = [](uint32_t sum) { return (sum & 0xffffU) + (sum >> 16U); };
  for (size_t i = 0; i < count;) {
    size_t end = std::min(i + 720, count);  // so many words before 32 bits overflow
    for (; i < end; i += 2) {
      a += uint32_t{data[i]} << 8U | (i + 1 < count ? data[i + 1] : 0U);
      b += a;
    }
    a = fold(a), b = fold(b);
  }
  return fold(b) << 16U | fold(a);
}

void check_fletcher32(std::vector<uint8_t>& data) {
  if (data.size() < 4) io::damaged("a Fletcher32 checksum", "too few bytes");
  size_t count = data.size() - 4;
  uint32_t stored = Bytes(data.data(), data.size()).get<uint32_t>(count);
  uint32_t sum = fletcher32(data, count);
  // HDF5 before 1.6.3 swapped the bytes of each half.
  uint32_t swapped = (sum & 0x00ff00ffU) << 8U | (sum >> 8U & 0x00ff00ffU);
  if (stored != sum && stored != swapped)
    io::damaged("a chunk with its own Fletcher32 checksum", "another checksum");
  data.resize(count);
}

bool is_compression(uint16_t id) {
  return id == Filter::kDeflate || id == Filter::kZstd || id == kLzf;
}

bool is_packing(uint16_t id) { return id == Filter::kNBit || id == Filter::kScaleOffset; }

std::string filter_name(uint16_t id) {
  switch (id) {
    case 4:
      return "szip";
    case 307:
      return "bzip2";
    case 32004:
      return "LZ4";
    default:
      return "HDF5 filter " + std::to_string(id);
  }
}

std::vector<uint8_t> decompressed(Bytes data, const Filter& filter, uint64_t size, bool is_exact) {
  if (filter.id == Filter::kNBit) return unpack_bits(data, filter, size);
  if (filter.id == Filter::kScaleOffset) return unscale(data, filter, size);
  if (filter.id == Filter::kZstd && is_exact) return unzstd_exactly(data, size);
  auto unpacking = unpacking_of(data, filter.id);
  if (!unpacking && is_exact) return unlzf_exactly(data, size);
  if (!unpacking)
    io::unsupported("packed numbers compressed with deflate or Zstandard", "with LZF");
  std::vector<uint8_t> out(size);
  if (is_exact)
    unpacking->read(out.data(), size);
  else
    out.resize(unpacking->some(out.data(), size));
  unpacking->finish();
  return out;
}

}  // namespace

// Deflate's best case is 258 bytes for two bits, Zstandard's 128 KiB for a block of four bytes, and that of
// packed numbers 8 bytes for one bit.
uint64_t most_unfiltered(uint64_t stored, const std::vector<Filter>& filters) {
  uint64_t most = stored;
  for (size_t i = filters.size(); i-- > 0;) {
    uint16_t id = filters[i].id;
    if (id == Filter::kDeflate) most = checked_product(most, 1032) + 64;
    if (id == kLzf) most = checked_product(most, 88) + 264;
    if (id == Filter::kZstd) most = checked_product(most / 4 + 1, 1 << 17);
    if (is_packing(id)) most = checked_product(most, 64) + 64;
  }
  return most;
}

std::vector<Filter> Filter::parse_pipeline(Bytes message) {
  Cursor in(message);
  uint8_t version = in.u8();
  uint8_t count = in.u8();
  if (version != 1 && version != 2)
    io::unsupported("a filter pipeline of version 1 or 2", std::to_string(version));
  if (version == 1) in.skip(6);
  std::vector<Filter> filters;
  for (int i = 0; i < count; ++i) {
    Filter filter;
    filter.id = in.u16();
    uint64_t name = version == 2 && filter.id < 256 ? 0 : in.u16();
    in.skip(2);  // flags
    uint16_t parameters = in.u16();
    in.skip(version == 2 ? name : (name + 7) / 8 * 8);
    for (int k = 0; k < parameters; ++k) filter.parameters.push_back(in.u32());
    if (version == 1 && parameters % 2 == 1) in.skip(4);
    filters.push_back(std::move(filter));
  }
  return filters;
}

void unshuffle_part(Bytes shuffled, uint64_t element, uint64_t first, std::vector<uint8_t>& out) {
  uint64_t all = shuffled.size() / element, count = out.size() / element;
  if (first > all || count > all - first) io::damaged("shuffled elements", "fewer");
  unshuffle(shuffled.data(), all, element, first, count, out.data());
}

void Unpacking::read(uint8_t* to, uint64_t count) {
  uint64_t got = some(to, count);
  if (got < count)
    io::damaged(std::to_string(count) + " bytes after decompressing",
                "only " + std::to_string(got));
}

void Unpacking::finish() {
  uint8_t more = 0;
  if (some(&more, 1) != 0) io::damaged("the end of the compressed data", "more");
}

std::unique_ptr<Unpacking> unpacking_of(Bytes stored, uint16_t filter) {
  if (filter == Filter::kDeflate) return inflating(stored);
  if (filter == Filter::kZstd) return unzstding(stored);
  return nullptr;
}

std::vector<uint8_t> unfilter(Bytes stored, const std::vector<Filter>& filters, uint64_t size) {
  // What each filter was given: so many bytes, or that many at most.
  struct Given {
    uint64_t size;
    bool is_exact = true;
  };
  std::vector<Given> given = {{size}};
  for (const Filter& filter : filters) {
    Given next = given.back();
    if (is_compression(filter.id)) next = {0, false};
    if (filter.id == Filter::kFletcher32 && next.size != 0) next.size += 4;
    constexpr uint64_t kHead = 64;  // more than scale-offset puts before its numbers
    if (is_packing(filter.id)) next = {next.size + next.size / 8 + kHead, false};
    given.push_back(next);
  }
  std::vector<uint8_t> out(stored.data(), stored.data() + (filters.empty() ? stored.size() : 0));
  Bytes data = stored;
  for (size_t i = filters.size(); i-- > 0; data = Bytes(out.data(), out.size())) {
    const Filter& filter = filters[i];
    if (is_compression(filter.id) || is_packing(filter.id)) {
      if (given[i].size == 0) io::unsupported("data compressed once", "data compressed twice");
      uint64_t most = most_unfiltered(data.size(), {filter});
      if (is_packing(filter.id)) most += kMostUnwritten;  // equal numbers take no bits
      if (given[i].is_exact && given[i].size > most)
        io::damaged(std::to_string(size) + " bytes after decompressing",
                    "only " + std::to_string(data.size()) + " stored bytes");
      uint64_t wanted = given[i].is_exact ? given[i].size : std::min(given[i].size, most);
      out = decompressed(data, filter, wanted, given[i].is_exact);
      continue;
    }
    if (i + 1 == filters.size()) out.assign(stored.data(), stored.data() + stored.size());
    if (filter.id == Filter::kShuffle)
      out = unshuffle(out, filter.parameters.empty() ? 1 : filter.parameters[0]);
    else if (filter.id == Filter::kFletcher32)
      check_fletcher32(out);
    else
      io::unsupported(
          "data compressed with deflate, Zstandard, LZF, n-bit or scale-offset, with or without "
          "shuffle",
          filter_name(filter.id));
  }
  if (out.size() != size)
    io::damaged("a chunk of " + std::to_string(size) + " bytes", std::to_string(out.size()));
  return out;
}

}  // namespace luxtorch::hdf5
