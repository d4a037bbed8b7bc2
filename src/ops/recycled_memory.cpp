#include "ops/recycled_memory.h"

#include <ATen/EmptyTensor.h>
#include <c10/core/Allocator.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

namespace luxtorch::ops {

namespace {

constexpr std::align_val_t kAlignment{64};

// Blocks by size: four sizes for each power of two, so that at most a fifth of a block is unused.
class Shelf final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const size_t size = size_of(index_of(bytes));
    // The size stands before the memory, in a line of its own.
    void* block = take(size);
    if (!block) block = ::operator new(size + kHeader, kAlignment);
    std::memcpy(block, &size, sizeof size);
    void* memory = static_cast<char*>(block) + kHeader;
    report(memory, static_cast<int64_t>(size));
    return {memory, block, &put_back, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }

  // Never destroyed: tensors may be let go after it would have been.
  static Shelf& shared() {
    static Shelf& it = *new Shelf;
    return it;
  }

  // A child that is forked while another thread holds the lock would wait for it for ever.
  Shelf() {
    pthread_atfork([] { shared().mutex_.lock(); }, [] { shared().mutex_.unlock(); },
                   [] { shared().mutex_.unlock(); });
  }

 private:
  static constexpr size_t kHeader = 64, kMost = size_t{64} << 20, kSizes = 4 * 40;

  static size_t index_of(size_t bytes) {
    bytes = std::max<size_t>(bytes, 64);
    const auto power = static_cast<size_t>(std::bit_width(bytes - 1)) - 1;  // 2^power < bytes
    const size_t quarter = (bytes - 1 - (size_t{1} << power)) >> (power - 2);
    return 4 * (power - 5) + quarter;
  }
  static size_t size_of(size_t index) {
    const size_t power = index / 4 + 5;
    return (size_t{1} << power) + (index % 4 + 1) * (size_t{1} << (power - 2));
  }

  // To torch's profiler, and to a summary that counts what a graph keeps.
  static void report(void* memory, int64_t bytes) {
    c10::reportMemoryUsageToProfiler(memory, bytes, 0, 0, c10::Device(c10::DeviceType::CPU));
  }

  void* take(size_t size) {
    const std::lock_guard lock(mutex_);
    const size_t index = index_of(size);
    if (index >= kSizes || blocks_[index].empty()) return nullptr;
    void* block = blocks_[index].back();
    blocks_[index].pop_back();
    kept_ -= size;
    return block;
  }

  static void put_back(void* block) {
    Shelf& self = shared();
    size_t size;
    std::memcpy(&size, block, sizeof size);
    report(static_cast<char*>(block) + kHeader, -static_cast<int64_t>(size));
    const size_t index = index_of(size);
    if (size > kMost || index >= kSizes) return ::operator delete(block, kAlignment);
    const std::lock_guard lock(self.mutex_);
    // Full of sizes that are asked for no more, or it would be smaller.
    if (self.kept_ + size > kMost) self.clear();
    self.blocks_[index].push_back(block);
    self.kept_ += size;
  }

  void clear() {
    for (auto& blocks : blocks_) {
      for (void* block : blocks) ::operator delete(block, kAlignment);
      blocks.clear();
    }
    kept_ = 0;
  }

  std::mutex mutex_;
  std::array<std::vector<void*>, kSizes> blocks_;
  size_t kept_ = 0;
};

}  // namespace

Tensor recycled(ShapeView shape, Dtype dtype) {
  return Tensor(at::detail::empty_generic(
      shape, &Shelf::shared(), c10::DispatchKeySet(c10::DispatchKey::CPU), dtype, std::nullopt));
}

}  // namespace luxtorch::ops
