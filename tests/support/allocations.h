// What tensors on the CPU are allocated while an object lives.
#pragma once

#include <c10/core/CPUAllocator.h>

#include <functional>
#include <utility>

namespace luxtorch::testing {

/// Calls seen with the bytes of each allocation; the memory comes from torch's allocator as before.
class WatchedAllocations : public c10::Allocator {
 public:
  explicit WatchedAllocations(std::function<void(size_t bytes)> seen) : seen_(std::move(seen)) {
    c10::SetCPUAllocator(this);
  }
  ~WatchedAllocations() override { c10::SetCPUAllocator(before_); }

  c10::DataPtr allocate(size_t bytes) override {
    seen_(bytes);
    return before_->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return before_->raw_deleter(); }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    before_->copy_data(to, from, bytes);
  }

 private:
  std::function<void(size_t)> seen_;
  c10::Allocator* before_ = c10::GetCPUAllocator();
};

}  // namespace luxtorch::testing
