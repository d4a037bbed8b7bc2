// The filter pipeline: deflate, Zstandard, LZF, shuffle and Fletcher32.
#include <algorithm>

#include "io/hdf5/fault.h"
#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {
namespace {

// Shuffle stores the first bytes of all elements, then all second bytes, and so on.
std::vector<uint8_t> unshuffle(const std::vector<uint8_t>& in, uint64_t element) {
  if (element <= 1) return in;
  uint64_t count = in.size() / element;
  std::vector<uint8_t> out(in.size());
  for (uint64_t byte = 0; byte < element; ++byte)
    for (uint64_t i = 0; i < count; ++i) out[i * element + byte] = in[byte * count + i];
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
    if (length > size - out.size()) damaged(std::to_string(size) + " bytes of LZF data", "more");
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
    if (back > out.size()) damaged("LZF data that refers to what came before", "other data");
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
  if (data.size() < 4) damaged("a Fletcher32 checksum", "too few bytes");
  size_t count = data.size() - 4;
  uint32_t stored = Bytes(data.data(), data.size()).get<uint32_t>(count);
  uint32_t sum = fletcher32(data, count);
  // HDF5 before 1.6.3 swapped the bytes of each half.
  uint32_t swapped = (sum & 0x00ff00ffU) << 8U | (sum >> 8U & 0x00ff00ffU);
  if (stored != sum && stored != swapped)
    damaged("a chunk with its own Fletcher32 checksum", "another checksum");
  data.resize(count);
}

bool is_compression(uint16_t id) {
  return id == Filter::kDeflate || id == Filter::kZstd || id == kLzf;
}

std::string filter_name(uint16_t id) {
  switch (id) {
    case Filter::kDeflate:
      return "deflate";
    case 4:
      return "szip";
    case 5:
      return "n-bit";
    case 6:
      return "scale-offset";
    case 307:
      return "bzip2";
    case 32004:
      return "LZ4";
    case Filter::kZstd:
      return "Zstandard";
    case kLzf:
      return "LZF";
    default:
      return "HDF5 filter " + std::to_string(id);
  }
}

}  // namespace

// Deflate's best case is 258 bytes for two bits, Zstandard's 128 KiB for a block of four bytes.
uint64_t most_unfiltered(uint64_t stored, const std::vector<Filter>& filters) {
  uint64_t most = stored;
  for (const Filter& filter : filters) {
    if (filter.id == Filter::kDeflate) most = std::max(most, checked_product(stored, 1032) + 64);
    if (filter.id == kLzf) most = std::max(most, checked_product(stored, 88) + 264);
    if (filter.id == Filter::kZstd) most = std::max(most, checked_product(stored / 4 + 1, 1 << 17));
  }
  return most;
}

std::vector<Filter> Filter::parse_pipeline(Bytes message) {
  Cursor in(message);
  uint8_t version = in.u8();
  uint8_t count = in.u8();
  if (version != 1 && version != 2)
    unsupported("a filter pipeline of version 1 or 2", std::to_string(version));
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

std::vector<uint8_t> unfilter(Bytes stored, const std::vector<Filter>& filters, uint32_t skipped,
                              uint64_t size) {
  std::vector<Filter> applied;
  std::vector<uint64_t> sizes;  // of what each of them was given; 0: not known
  uint64_t given = size;
  for (size_t i = 0; i < filters.size(); ++i) {
    if (i < 32 && (skipped >> i & 1U) != 0) continue;
    applied.push_back(filters[i]);
    sizes.push_back(given);
    if (is_compression(filters[i].id)) given = 0;
    if (filters[i].id == Filter::kFletcher32 && given != 0) given += 4;
  }
  std::vector<uint8_t> out(stored.data(), stored.data() + (applied.empty() ? stored.size() : 0));
  bool untouched = !applied.empty();  // the data are still `stored`
  for (size_t i = applied.size(); i-- > 0; untouched = false) {
    const Filter& filter = applied[i];
    if (is_compression(filter.id)) {
      Bytes data = untouched ? stored : Bytes(out.data(), out.size());
      if (sizes[i] == 0) unsupported("data compressed once", "data compressed twice");
      if (sizes[i] > most_unfiltered(data.size(), {filter}))
        damaged(std::to_string(size) + " bytes after decompressing",
                "only " + std::to_string(data.size()) + " stored bytes");
      out = filter.id == Filter::kDeflate ? inflate_exactly(data, sizes[i])
            : filter.id == Filter::kZstd  ? unzstd_exactly(data, sizes[i])
                                          : unlzf_exactly(data, sizes[i]);
      continue;
    }
    if (untouched) out.assign(stored.data(), stored.data() + stored.size());
    if (filter.id == Filter::kShuffle)
      out = unshuffle(out, filter.parameters.empty() ? 1 : filter.parameters[0]);
    else if (filter.id == Filter::kFletcher32)
      check_fletcher32(out);
    else
      unsupported("data compressed with deflate, Zstandard or LZF, with or without shuffle",
                  filter_name(filter.id));
  }
  if (out.size() != size)
    damaged("a chunk of " + std::to_string(size) + " bytes", std::to_string(out.size()));
  return out;
}

}  // namespace luxtorch::hdf5
