#include "io/base/memory_order.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/parallel.h"
#include "kernels/transpose_bytes.h"

namespace luxtorch::io {
namespace {

constexpr int64_t kLine = 64;           // bytes that memory gives and takes at a time
constexpr int64_t kParallel = 1 << 20;  // bytes; less is not worth a second thread

struct Dim {
  int64_t size, from, to;  // strides in bytes
};

template <size_t kBytes>
void copy_plane(const char* from, char* to, const Dim& a, const Dim& b) {
  constexpr int64_t kBlock = 32;
  for (int64_t a0 = 0; a0 < a.size; a0 += kBlock) {
    int64_t a1 = std::min(a0 + kBlock, a.size);
    for (int64_t b0 = 0; b0 < b.size; b0 += kBlock) {
      int64_t b1 = std::min(b0 + kBlock, b.size);
      for (int64_t j = b0; j < b1; ++j)
        for (int64_t i = a0; i < a1; ++i)
          std::memcpy(to + i * a.to + j * b.to, from + i * a.from + j * b.from, kBytes);
    }
  }
}

void copy_plane(size_t element, const char* from, char* to, const Dim& a, const Dim& b) {
  auto step = static_cast<int64_t>(element);
  if (a.to == step && b.from == step && element <= 8)
    return kernels::transpose_bytes(element, from, a.from, a.size, b.size, to, b.to);
  switch (element) {
    case 1:
      return copy_plane<1>(from, to, a, b);
    case 2:
      return copy_plane<2>(from, to, a, b);
    case 4:
      return copy_plane<4>(from, to, a, b);
    case 8:
      return copy_plane<8>(from, to, a, b);
    default:
      return copy_plane<16>(from, to, a, b);
  }
}

// Neighbours that are one run on both sides become one dimension.
void merge(std::vector<Dim>& dims) {
  auto continues = [](const Dim& slow, const Dim& fast) {
    return slow.from == fast.from * fast.size && slow.to == fast.to * fast.size;
  };
  size_t last = 0;
  for (size_t d = 1; d < dims.size(); ++d) {
    Dim& before = dims[last];
    if (continues(before, dims[d])) {
      before = {before.size * dims[d].size, dims[d].from, dims[d].to};
    } else if (continues(dims[d], before)) {
      before.size *= dims[d].size;
    } else {
      dims[++last] = dims[d];
    }
  }
  if (!dims.empty()) dims.resize(last + 1);
}

// Takes the dimension that is fastest by `stride` out of `dims`; a dimension of size 1 if there is
// none.
Dim take_fastest(std::vector<Dim>& dims, int64_t Dim::* stride) {
  if (dims.empty()) return {1, 0, 0};
  auto fastest = std::min_element(dims.begin(), dims.end(), [&](const Dim& x, const Dim& y) {
    return std::abs(x.*stride) < std::abs(y.*stride);
  });
  Dim dim = *fastest;
  dims.erase(fastest);
  return dim;
}

// One thread. No dimension is empty.
void copy(std::vector<Dim> dims, int64_t bytes, const char* source, char* target) {
  Dim a = take_fastest(dims, &Dim::to);
  // Already dense along `a` on both sides: copy whole runs.
  bool runs = a.size == 1 || (a.from == bytes && a.to == bytes);
  Dim b = runs ? Dim{1, 0, 0} : take_fastest(dims, &Dim::from);
  std::vector<int64_t> at(dims.size(), 0);
  while (true) {
    if (runs)
      std::memcpy(target, source, static_cast<size_t>(a.size * bytes));
    else
      copy_plane(static_cast<size_t>(bytes), source, target, a, b);
    size_t d = 0;
    for (; d < dims.size(); ++d) {
      source += dims[d].from;
      target += dims[d].to;
      if (++at[d] < dims[d].size) break;
      source -= dims[d].from * dims[d].size;
      target -= dims[d].to * dims[d].size;
      at[d] = 0;
    }
    if (d == dims.size()) return;
  }
}

}  // namespace

std::vector<int64_t> column_major(std::span<const int64_t> sizes) {
  std::vector<int64_t> strides(sizes.size(), 1);
  for (size_t d = 1; d < sizes.size(); ++d) strides[d] = strides[d - 1] * sizes[d - 1];
  return strides;
}

std::vector<int64_t> row_major(std::span<const int64_t> sizes) {
  std::vector<int64_t> strides(sizes.size(), 1);
  for (size_t d = sizes.size(); d-- > 1;) strides[d - 1] = strides[d] * sizes[d];
  return strides;
}

void for_each_run(std::span<const int64_t> sizes, int64_t most,
                  const std::function<void(std::span<const int64_t> begin,
                                           std::span<const int64_t> sizes)>& part) {
  size_t cut = 0;  // the indices before it are whole in every part
  int64_t whole = 1;
  while (cut + 1 < sizes.size() && whole * sizes[cut] <= most) whole *= sizes[cut++];
  std::vector<int64_t> begin(sizes.size(), 0);
  std::vector<int64_t> extent(sizes.begin(), sizes.end());
  for (int64_t size : sizes)
    if (size == 0) return;
  if (sizes.empty()) return part(begin, extent);
  for (size_t d = cut + 1; d < sizes.size(); ++d) extent[d] = 1;
  int64_t step = std::max<int64_t>(1, most / whole);
  if (step > kLine) step -= step % kLine;  // so that rows are cut between lines
  while (true) {
    for (begin[cut] = 0; begin[cut] < sizes[cut]; begin[cut] += step) {
      extent[cut] = std::min(step, sizes[cut] - begin[cut]);
      part(begin, extent);
    }
    size_t d = cut + 1;
    while (d < sizes.size() && ++begin[d] == sizes[d]) begin[d++] = 0;
    if (d >= sizes.size()) return;
  }
}

void copy_strided(std::span<const int64_t> sizes, size_t element_size, const void* from,
                  std::span<const int64_t> from_strides, void* to,
                  std::span<const int64_t> to_strides) {
  auto bytes = static_cast<int64_t>(element_size);
  std::vector<Dim> dims;
  int64_t all = bytes;
  for (size_t d = 0; d < sizes.size(); ++d) {
    all *= sizes[d];
    if (sizes[d] > 1) dims.push_back({sizes[d], from_strides[d] * bytes, to_strides[d] * bytes});
  }
  if (all == 0) return;
  merge(dims);
  const char* source = static_cast<const char*>(from);
  char* target = static_cast<char*>(to);
  if (all < kParallel) return copy(std::move(dims), bytes, source, target);
  // Threads share the longest dimension, in whole lines.
  auto longest = std::max_element(dims.begin(), dims.end(),
                                  [](const Dim& x, const Dim& y) { return x.size < y.size; });
  size_t shared = static_cast<size_t>(longest - dims.begin());
  int64_t lines = (longest->size + kLine - 1) / kLine;
  detail::parallel_for(
      0, lines, std::max<int64_t>(1, lines * kParallel / all), [&](int64_t begin, int64_t end) {
        std::vector<Dim> part = dims;
        Dim& dim = part[shared];
        begin *= kLine;
        dim.size = std::min(end * kLine, dim.size) - begin;
        copy(std::move(part), bytes, source + begin * dim.from, target + begin * dim.to);
      });
}

}  // namespace luxtorch::io
