#include "layer_summary_memory.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <mutex>
#include <unordered_map>

namespace luxtorch::detail {

// The pass backward may run in threads of the engine, which get the same reports.
class HeldMemory::Reports final : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void* block, int64_t bytes, size_t, size_t, c10::Device) override {
    const std::lock_guard lock(mutex_);
    if (bytes > 0) {
      blocks_[block] = {bytes, part_};
    } else {
      blocks_.erase(block);
    }
  }
  bool memoryProfilingEnabled() const override { return true; }

  void begin_part() {
    const std::lock_guard lock(mutex_);
    ++part_;
  }
  std::vector<int64_t> held() const {
    const std::lock_guard lock(mutex_);
    std::vector<int64_t> bytes(part_ + 1);
    for (const auto& [address, block] : blocks_) bytes[block.part] += block.bytes;
    return bytes;
  }

 private:
  struct Block {
    int64_t bytes;
    size_t part;
  };
  mutable std::mutex mutex_;
  std::unordered_map<void*, Block> blocks_;
  size_t part_ = 0;
};

HeldMemory::HeldMemory() : reports_(std::make_shared<Reports>()) {
  c10::ThreadLocalDebugInfo::_push(c10::DebugInfoKind::PROFILER_STATE, reports_);
}
HeldMemory::~HeldMemory() { c10::ThreadLocalDebugInfo::_pop(c10::DebugInfoKind::PROFILER_STATE); }

bool HeldMemory::is_possible() {
  return c10::ThreadLocalDebugInfo::get(c10::DebugInfoKind::PROFILER_STATE) == nullptr;
}

void HeldMemory::begin_part() { reports_->begin_part(); }
std::vector<int64_t> HeldMemory::held() const { return reports_->held(); }

}  // namespace luxtorch::detail
