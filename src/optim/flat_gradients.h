// Gradients in a few flat arrays, with the layout of their parameters.
//
// Level 4. For what needs all of them in one place: a sum over the parts of a batch, or over processes.
// The arrays are kept from step to step; one that somebody still looks at is left to them and replaced.
#pragma once

#include <memory>
#include <vector>

#include "optim/layout.h"

namespace luxtorch::detail {

class FlatGradients {
 public:
  explicit FlatGradients(std::shared_ptr<const Layout> layout) : layout_(std::move(layout)) {}

  /// Starts a step: no array has a gradient.
  void reset_();
  /// Adds weight * gradients, by array; undefined: none.
  void add_(const std::vector<Tensor>& gradients, double weight);

  /// The arrays, one per dtype and device, 0 where there is no gradient; float32 for narrower dtypes.
  const std::vector<Tensor>& all() const { return buffers_; }
  /// Of the parameters' dtypes, by array; undefined: none. Views of them, except for narrow dtypes.
  std::vector<Tensor> by_array() const;

 private:
  std::shared_ptr<const Layout> layout_;
  std::vector<Tensor> buffers_;
  std::vector<char> there_;  // by array
};

}  // namespace luxtorch::detail
