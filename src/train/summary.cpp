#include "luxtorch/train/summary.h"

namespace luxtorch {

Summary summary(const TrainState& ts, const Tree& x, SummaryOptions options) {
  const auto frozen = ts.frozen();
  options.frozen.insert(options.frozen.end(), frozen.begin(), frozen.end());
  return summary(ts.model, ts.parameters(), ts.states(), x, options);
}

}  // namespace luxtorch
