// Which elements dropout keeps: those whose number of a uniform draw is at least p.
//
//     const Kept kept(rng, p);
//     Tensor y = fused_dropout(kept, x);  // or x.mul(mask_of(kept, x.sizes(), x.options(), true))
#pragma once

#include <c10/core/TensorOptions.h>

#include "luxtorch/core/types.h"
#include "luxtorch/rng.h"

namespace luxtorch::ops {

/// random::uniform(rng, shape) >= p, without the uniforms.
class Kept {
 public:
  Kept(Rng rng, double p) : rng_(rng), p_(p) {}
  Rng rng() const { return rng_; }
  double p() const { return p_; }

  /// The least of the 2^24 uniforms that are kept, times 2^24.
  uint32_t threshold() const;

 private:
  Rng rng_;
  double p_;
};

/// 1 where an element is kept, else 0, of the dtype and on the device of options; scaled: 1 / (1 - p) instead of 1.
/// Under vmap a draw for each sample, or one for all.
Tensor mask_of(const Kept& kept, ShapeView shape, const at::TensorOptions& options, bool scaled);

/// May fused_dropout read x?
bool may_fuse_dropout(const Tensor& x);
/// x times the scaled mask in one pass over memory; the backward pass draws the mask again. x: as
/// may_fuse_dropout says.
Tensor fused_dropout(const Kept& kept, const Tensor& x);

}  // namespace luxtorch::ops
