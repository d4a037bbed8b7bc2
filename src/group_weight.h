// How much the part of a batch counts that the model sees.
#pragma once

#include <optional>

namespace luxtorch::detail {

/// For its lifetime the weight of a part, for layers that add gradients over processes: the gradients of a training
/// step are the sum of each part's gradients times its weight. Of the thread that calls the model.
class PartWeight {
 public:
  explicit PartWeight(double weight);
  PartWeight(const PartWeight&) = delete;
  PartWeight& operator=(const PartWeight&) = delete;
  ~PartWeight();

  /// Nothing outside of a training step of several processes.
  static std::optional<double> current();

 private:
  std::optional<double> before_;
};

}  // namespace luxtorch::detail
