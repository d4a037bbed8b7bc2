// Filters that store numbers in fewer bits: n-bit and scale-offset.
//
// Both write bits from the highest to the lowest, number after number without gaps. Their parameters are
// words that libhdf5 makes of the dataset's type (H5Znbit.c, H5Zscaleoffset.c).
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "io/base/fault.h"
#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {
namespace {

using Words = std::vector<uint32_t>;

uint32_t word(const Words& words, size_t i) {
  if (i >= words.size()) io::damaged("a filter's parameters", "fewer");
  return words[i];
}

class BitReader {
 public:
  explicit BitReader(Bytes bytes) : bytes_(bytes) {}

  /// The next `count` bits, at most 64, as a number.
  uint64_t take(unsigned count) {
    uint64_t value = 0;
    while (count > 0) {
      unsigned inside = 8 - at_ % 8, now = std::min(count, inside);
      uint64_t byte = bytes_.get<uint8_t>(at_ / 8);
      value = value << now | (byte >> (inside - now) & ((1U << now) - 1));
      at_ += now;
      count -= now;
    }
    return value;
  }

 private:
  Bytes bytes_;
  uint64_t at_ = 0;
};

void store(uint64_t value, uint64_t size, bool big_endian, uint8_t* to) {
  for (uint64_t i = 0; i < size; ++i) {
    to[big_endian ? size - 1 - i : i] = static_cast<uint8_t>(value);
    value >>= 8U;
  }
}

uint64_t checked_size(uint64_t size) {
  if (size == 0 || size > 8)
    io::unsupported("packed numbers of 1 to 8 bytes", std::to_string(size));
  return size;
}

/// One element of n-bit's parameters from word `at` on, which becomes the word behind them.
class NBit {
 public:
  NBit(const Words& words, Bytes stored) : words_(words), bits_(stored) {}

  void element(size_t& at, uint8_t* to, uint64_t room, int depth) {
    constexpr uint32_t kAtomic = 1, kArray = 2, kCompound = 3, kPlain = 4;
    constexpr int kMaxDepth = 32;
    if (depth > kMaxDepth) io::damaged("packed types nested at most 32 deep", "deeper ones");
    uint32_t kind = word(words_, at);
    uint64_t size = word(words_, at + 1);
    at += 2;
    if (size == 0 || size > room)
      io::damaged("packed elements inside their place", std::to_string(size));
    if (kind == kAtomic) {
      atomic(at, to, checked_size(size));
    } else if (kind == kPlain) {
      for (uint64_t i = 0; i < size; ++i) to[i] = static_cast<uint8_t>(bits_.take(8));
    } else if (kind == kArray) {
      uint64_t part = word(words_, at + 1);
      if (part == 0 || size % part != 0)
        io::damaged("an array of whole elements", std::to_string(part));
      size_t base = at;
      for (uint64_t i = 0; i < size; i += part) element(at = base, to + i, part, depth + 1);
    } else if (kind == kCompound) {
      uint32_t members = word(words_, at++);
      for (uint32_t i = 0; i < members; ++i) {
        uint64_t offset = word(words_, at++);
        if (offset >= size) io::damaged("a member inside its compound", std::to_string(offset));
        element(at, to + offset, size - offset, depth + 1);
      }
    } else {
      io::damaged("a packed type of kind 1 to 4", std::to_string(kind));
    }
  }

 private:
  void atomic(size_t& at, uint8_t* to, uint64_t size) {
    bool big_endian = word(words_, at) == 1;
    uint32_t precision = word(words_, at + 1), offset = word(words_, at + 2);
    at += 3;
    if (precision == 0 || precision > 8 * size || offset > 8 * size - precision)
      io::damaged("bits inside a number of " + std::to_string(size) + " bytes",
                  std::to_string(precision) + " from " + std::to_string(offset));
    store(bits_.take(precision) << offset, size, big_endian, to);
  }

  const Words& words_;
  BitReader bits_;
};

template <class T>
T floating(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// What the numbers of scale-offset become: n of `minbits` bits stands for least + n, or for least + n /
/// 10^scale; all bits set for the fill value.
template <class T, class Int>
uint64_t scaled(Int n, uint64_t least, int scale) {
  T factor = std::pow(T(10), static_cast<T>(scale));
  T value = static_cast<T>(n) / factor + floating<T>(least);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

}  // namespace

std::vector<uint8_t> unpack_bits(Bytes stored, const Filter& filter, uint64_t size) {
  const Words& words = filter.parameters;
  if (word(words, 1) != 0)
    return {stored.data(), stored.data() + stored.size()};  // nothing to gain
  uint64_t count = word(words, 2), element = word(words, 4);
  if (element == 0 || checked_product(count, element) != size)
    io::damaged("a chunk of " + std::to_string(size) + " bytes",
                std::to_string(count) + " elements");
  std::vector<uint8_t> out(size);
  NBit reader(words, stored);
  for (uint64_t i = 0; i < count; ++i) {
    size_t at = 3;
    reader.element(at, out.data() + i * element, element, 0);
  }
  return out;
}

std::vector<uint8_t> unscale(Bytes stored, const Filter& filter, uint64_t size) {
  constexpr uint32_t kDecimal = 0, kInteger = 2;
  constexpr uint64_t kHead = 21;  // bits, the least number's size and the number
  const Words& words = filter.parameters;
  uint32_t kind = word(words, 0);
  if (kind != kDecimal && kind != kInteger)
    io::unsupported("numbers scaled by powers of ten", "by powers of two");
  uint64_t count = word(words, 2), width = checked_size(word(words, 4));
  bool is_float = word(words, 3) == 1, big_endian = word(words, 6) == 1,
       has_fill = word(words, 7) == 1;
  if (!std::has_single_bit(width) || (is_float && width < 4))
    io::damaged("numbers of 1, 2, 4 or 8 bytes", std::to_string(width));
  if (checked_product(count, width) != size)
    io::damaged("a chunk of " + std::to_string(size) + " bytes",
                std::to_string(count) + " elements");
  auto bits = stored.get<uint32_t>(0);
  if (bits > 8 * width)
    io::damaged("numbers of at most " + std::to_string(8 * width) + " bits", std::to_string(bits));
  uint64_t least_width = std::min<uint64_t>(stored.get<uint8_t>(4), 8), least = 0;
  for (uint64_t i = 0; i < least_width; ++i) least |= uint64_t{stored.get<uint8_t>(5 + i)} << 8 * i;
  uint64_t fill = 0;
  for (uint64_t i = 0; has_fill && i < width; i += 4)
    fill |= uint64_t{word(words, 8 + i / 4)} << 8 * i;

  std::vector<uint8_t> out(size);
  auto scale = static_cast<int32_t>(word(words, 1));
  uint64_t all = bits == 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
  bool whole = bits == 8 * width;
  BitReader reader(stored.from(std::min<uint64_t>(kHead, stored.size())));
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t value = 0;
    if (whole) {  // as they were, in this machine's order
      Bytes plain = stored.sub(kHead + i * width, width);
      for (uint64_t b = 0; b < width; ++b) value |= uint64_t{plain.data()[b]} << 8 * b;
    } else {
      uint64_t n = reader.take(bits);
      if (has_fill && n == all) {
        value = fill;
      } else if (!is_float) {
        value = least + n;
      } else if (width == 4) {
        value = scaled<float>(static_cast<int32_t>(n), least, scale);
      } else {
        value = scaled<double>(static_cast<int64_t>(n), least, scale);
      }
    }
    store(value, width, big_endian, out.data() + i * width);
  }
  return out;
}

}  // namespace luxtorch::hdf5
