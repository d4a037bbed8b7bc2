#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/transpose_bytes.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kLine = 64;        // bytes that memory gives and takes at a time
constexpr int64_t kRun = 8 * kLine;  // of a row in a block

// to[j][i] = from[i][j] for the square of elements that a register of 16 bytes is wide; steps in
// bytes.
template <class T>
HWY_INLINE void TransposeSquare(const char* from, int64_t from_step, char* to, int64_t to_step) {
  constexpr int64_t kSide = 16 / sizeof(T);
#if HWY_TARGET == HWY_SCALAR
  for (int64_t i = 0; i < kSide; ++i)
    for (int64_t j = 0; j < kSide; ++j)
      std::memcpy(to + j * to_step + i * sizeof(T), from + i * from_step + j * sizeof(T),
                  sizeof(T));
#else
  const hn::FixedTag<T, kSide> d;
  hn::Vec<decltype(d)> lines[kSide], next[kSide];
  for (int64_t i = 0; i < kSide; ++i)
    lines[i] = hn::LoadU(d, reinterpret_cast<const T*>(from + i * from_step));
  for (int64_t done = 1; done < kSide; done *= 2) {
    for (int64_t i = 0; i < kSide / 2; ++i) {
      next[2 * i] = hn::InterleaveLower(d, lines[i], lines[i + kSide / 2]);
      next[2 * i + 1] = hn::InterleaveUpper(d, lines[i], lines[i + kSide / 2]);
    }
    for (int64_t i = 0; i < kSide; ++i) lines[i] = next[i];
  }
  for (int64_t j = 0; j < kSide; ++j)
    hn::StoreU(lines[j], d, reinterpret_cast<T*>(to + j * to_step));
#endif
}

// Whole lines need not be fetched before they are written.
HWY_INLINE void Stream(const char* from, char* to, int64_t bytes) {
  const hn::CappedTag<uint8_t, kLine> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto misplaced = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) % kLine);
  int64_t at = std::min(bytes, (kLine - misplaced) % kLine);
  std::memcpy(to, from, static_cast<size_t>(at));
  for (; at + kLine <= bytes; at += kLine) {
    for (int64_t i = at; i < at + kLine; i += lanes)
      hn::Stream(hn::LoadU(d, reinterpret_cast<const uint8_t*>(from + i)), d,
                 reinterpret_cast<uint8_t*>(to + i));
  }
  std::memcpy(to + at, from + at, static_cast<size_t>(bytes - at));
}

// In blocks that fit the second cache: both sides see runs of some lines, and each line once, even
// where the lines of a block are a power of two apart.
template <class T>
HWY_INLINE void Transpose(const char* from, int64_t from_step, int64_t n, int64_t rows, char* to,
                          int64_t to_step) {
  constexpr int64_t kElement = sizeof(T), kSide = 16 / kElement, kHigh = kRun / kElement;
  constexpr int64_t kWide = std::min<int64_t>(kHigh, 128), kStep = kRun + kLine;
  HWY_ALIGN char block[kWide * kStep];
  HWY_ALIGN char out[kSide][kWide * kElement];
  for (int64_t i0 = 0; i0 < n; i0 += kWide) {
    const int64_t wide = std::min(kWide, n - i0);
    for (int64_t r0 = 0; r0 < rows; r0 += kHigh) {
      const int64_t high = std::min(kHigh, rows - r0);
      for (int64_t i = 0; i < wide; ++i)
        std::memcpy(block + i * kStep, from + (i0 + i) * from_step + r0 * kElement,
                    static_cast<size_t>(high * kElement));
      for (int64_t r = 0; r < high; r += kSide) {
        for (int64_t i = 0; i < wide; i += kSide)  // past the edge: elements that nobody looks at
          TransposeSquare<T>(block + i * kStep + r * kElement, kStep, out[0] + i * kElement,
                             sizeof out[0]);
        for (int64_t k = 0; k < std::min(kSide, high - r); ++k)
          Stream(out[k], to + i0 * kElement + (r0 + r + k) * to_step, wide * kElement);
      }
    }
  }
  hwy::FlushStream();
}

void TransposeBytes(size_t element, const char* from, int64_t from_step, int64_t n, int64_t rows,
                    char* to, int64_t to_step) {
  switch (element) {
    case 1:
      return Transpose<uint8_t>(from, from_step, n, rows, to, to_step);
    case 2:
      return Transpose<uint16_t>(from, from_step, n, rows, to, to_step);
    case 4:
      return Transpose<uint32_t>(from, from_step, n, rows, to, to_step);
    default:
      return Transpose<uint64_t>(from, from_step, n, rows, to, to_step);
  }
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "kernels/transpose_bytes.h"

namespace luxtorch::kernels {

HWY_EXPORT(TransposeBytes);

void transpose_bytes(size_t element, const char* from, int64_t from_step, int64_t n, int64_t rows,
                     char* to, int64_t to_step) {
  HWY_DYNAMIC_DISPATCH(TransposeBytes)(element, from, from_step, n, rows, to, to_step);
}

}  // namespace luxtorch::kernels
#endif
