// Which steps of a padded batch of sequences are there.
//
//     Padding padding(lengths, x, time);                 // time: the dimension of the steps in x
//     auto xs = padding.trimmed(x).unbind(time);
//     h = padding.keep(t, next, h);                      // a row that has ended stays
//     return padding.padded(at::stack(ys, time));
//
// Level 1: for the plain recurrent operators, and for layers that step a user's own cell. All is
// differentiable: what lies beyond a row's length gets a gradient of exactly zero.
#pragma once

#include <vector>

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

class Padding {
 public:
  /// lengths: int64 (batch) on the CPU, each 0 to x's number of steps; undefined: no row is padded.
  /// x: (batch, time, ...) or (time, batch, ...), with the dimension `time` 1 or 0.
  Padding(const Tensor& lengths, const Tensor& x, int64_t time);

  /// The longest row's length, but at least 1.
  int64_t steps() const { return steps_; }
  int64_t batch() const { return batch_; }
  /// Has every row a step t?
  bool full(int64_t t) const { return t < shortest_; }
  /// x's first steps() steps, zeros beyond each row's length, whatever x holds there.
  Tensor trimmed(const Tensor& x) const;
  /// now in the rows that have a step t, before in the others; both (batch, ...).
  Tensor keep(int64_t t, const Tensor& now, const Tensor& before) const;
  /// rows (batch, ...) of step t, with the longest row's in place of those that have no step t: a
  /// computation that goes on for all rows meets no other numbers than those of true steps, whose
  /// derivatives are finite. spare: of one quantity's steps; it holds what is lent where no row has a
  /// step t, and may begin undefined.
  Tensor lent(int64_t t, const Tensor& rows, Tensor& spare) const;
  /// x, of steps() steps, each row from its own last step to its first, and what lies beyond its
  /// length as it is. Its own inverse.
  Tensor reversed(const Tensor& x) const;
  /// y, of steps() steps: zeros beyond each row's length, and as many steps as x had.
  Tensor padded(const Tensor& y) const;

 private:
  Tensor cleared(const Tensor& x) const;

  int64_t time_, batch_, all_steps_, steps_, shortest_;
  Tensor lengths_, missing_;          // missing_: (steps, batch), true beyond a row's length
  std::vector<Tensor> missing_rows_;  // (batch) for each step
  int64_t longest_ = 0;               // its length, where it is known
  Tensor longest_row_;                // (1), its number
};

}  // namespace luxtorch::ops
