// Memory of tensors that was allocated in a stretch of a run and is still in use.
//
// Level 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace luxtorch::detail {

/// Sees what this thread allocates while it lives, by the reports that allocators make to torch's
/// profiler. Not while a profiler records: `is_possible`.
class HeldMemory {
 public:
  HeldMemory();
  ~HeldMemory();
  HeldMemory(const HeldMemory&) = delete;
  HeldMemory& operator=(const HeldMemory&) = delete;

  static bool is_possible();

  /// What is allocated from now on belongs to the next part.
  void begin_part();
  /// The bytes of each part that are in use now. The last one is the part that has begun.
  std::vector<int64_t> held() const;

 private:
  class Reports;
  std::shared_ptr<Reports> reports_;
};

}  // namespace luxtorch::detail
