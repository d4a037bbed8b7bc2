#include "ops/recycled_memory.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

namespace luxtorch::ops {

namespace {

struct Block {
  void* memory;
  size_t bytes;
};

class Shelf {
 public:
  // A block of at least so many bytes, at most twice as many.
  Block take(size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      for (auto it = blocks_.rbegin(); it != blocks_.rend(); ++it) {
        if (it->bytes < bytes || it->bytes > 2 * bytes) continue;
        const Block found = *it;
        blocks_.erase(std::next(it).base());
        kept_ -= found.bytes;
        return found;
      }
    }
    return {::operator new(bytes, kAlignment), bytes};
  }

  void put_back(Block block) {
    if (block.bytes <= kMost) {
      const std::lock_guard lock(mutex_);
      // The oldest makes room: sizes that are not asked for any more.
      while (kept_ + block.bytes > kMost || blocks_.size() == kMostBlocks) {
        kept_ -= blocks_.front().bytes;
        release(blocks_.front());
        blocks_.erase(blocks_.begin());
      }
      blocks_.push_back(block);
      kept_ += block.bytes;
      return;
    }
    release(block);
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  static constexpr size_t kMost = size_t{64} << 20, kMostBlocks = 64;

  static void release(Block block) { ::operator delete(block.memory, kAlignment); }

  std::mutex mutex_;
  std::vector<Block> blocks_;
  size_t kept_ = 0;
};

// Never destroyed: tensors may be let go after it would have been.
Shelf& shelf() {
  static Shelf& it = *new Shelf;
  return it;
}

}  // namespace

Tensor recycled_memory(int64_t elements, Dtype dtype) {
  // So little comes from memory that the allocator keeps anyway.
  constexpr size_t kLittle = 64 << 10;
  const size_t bytes = elements * c10::elementSize(dtype);
  if (bytes <= kLittle) return uninitialized({elements}, dtype);
  const Block block = shelf().take(bytes);
  return at::from_blob(
      block.memory, {elements}, [block](void*) { shelf().put_back(block); },
      at::TensorOptions(dtype));
}

Tensor uninitialized(Shape shape, Dtype dtype) {
  return Tensor(at::detail::empty_cpu(shape, dtype));
}

}  // namespace luxtorch::ops
