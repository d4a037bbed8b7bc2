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

  /// Starts a step: no array has a gradient. tail: how many numbers follow the first array's memory.
  void reset_(int64_t tail = 0);
  /// Adds weight * gradients, by array; undefined: none.
  void add_(const std::vector<Tensor>& gradients, double weight);

  /// Counts an array without a gradient as one with zeros: another process may have one.
  void count_(size_t array) { there_[array] = 1; }

  /// The arrays, one per dtype and device, 0 where there is no gradient; float32 for narrower dtypes.
  std::vector<Tensor> all() const;
  /// The same arrays, the first one with the tail: what a message between processes has.
  const std::vector<Tensor>& messages() const { return buffers_; }
  /// The tail, behind the first array. float32 where there is no array.
  Tensor tail() const;
  /// all() as kept arrays of a 16-bit dtype, to be sent; widen_ takes them back.
  const std::vector<Tensor>& narrow_(Dtype dtype);
  void widen_();
  /// Of the parameters' dtypes, by array; undefined: none. Views of them, except for narrow dtypes.
  std::vector<Tensor> by_array() const;

 private:
  std::shared_ptr<const Layout> layout_;
  std::vector<Tensor> buffers_;
  std::vector<Tensor> narrow_buffers_;
  std::vector<char> there_;  // by array
  int64_t tail_ = 0;
};

}  // namespace luxtorch::detail
