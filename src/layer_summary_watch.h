// What a summary sees of a run: the reports of layers, with what ran between them.
//
// Level 2.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "layer_summary_memory.h"
#include "luxtorch/layer_summary.h"
#include "ops/flops.h"

namespace luxtorch::detail {

using Clock = std::chrono::steady_clock;

/// The dtypes of its tensors, "float32, int64".
std::string dtypes_text(const Tree& t);

/// The end of a layer's call, or of a part of it.
struct Observation {
  const void* layer;
  const std::type_info* type;
  std::optional<std::string> output;  // nothing of a part
  std::string dtype;
  ops::Flops flops;       // since the observation before
  Clock::time_point end;  // of what is observed; the next one's begins a little later
  Clock::time_point next;
  bool again;  // the report before is of the same call: a layer's own, and that of who called it
};

/// Sees the reports in its thread while it lives; one that was there before sees them afterwards.
class Watch {
 public:
  /// `memory` begins a new part at each report. With `gradients` the times at which the gradients of the
  /// outputs arrive are seen, by hooks on the tensors.
  explicit Watch(HeldMemory* memory = nullptr, bool gradients = false);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void add(const void* layer, const std::type_info& type, const Tree& y, bool whole);

  std::vector<Observation> seen;
  /// The position in `seen` of each output whose gradient arrived, and when. The hooks of a tensor that
  /// outlives this object find it gone.
  using Gradients = std::vector<std::pair<size_t, Clock::time_point>>;
  const std::shared_ptr<Gradients> gradients = std::make_shared<Gradients>();
  ops::FlopCounter flops;

 private:
  void follow(const Tensor& y);
  bool is_again(const void* layer, const std::type_info& type, const ops::Flops& flops,
                const std::vector<const void*>& output) const;

  HeldMemory* memory_;
  bool follows_;
  std::vector<const void*>
      last_output_;  // the tensors of the last report, if it was of a whole call
  std::set<std::pair<const void*, size_t>> followed_;  // node and output
  Watch* before_;
};

}  // namespace luxtorch::detail
