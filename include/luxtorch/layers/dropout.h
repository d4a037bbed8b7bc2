// Dropout, with its random key in the states: the same st gives the same mask, and the returned st
// the next one.
//
// Level 3.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

struct DropoutOptions {
  // The mask varies along these and is shared along all others; empty: it varies along all.
  std::vector<int64_t> dims = {};
};

/// In training y = x * mask / (1 - p), the mask 1 with probability 1 - p (Srivastava et al. 2014);
/// in test mode y = x. x: floating, any shape. States: rng, which moves on with each mask drawn,
/// and training.
class LUXTORCH_API Dropout {
 public:
  explicit Dropout(double p, DropoutOptions options = {});  // 0 <= p < 1, else an ArgumentError

  Tree initial_states(Rng rng) const;
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  std::string label() const;

 private:
  double p_;
  DropoutOptions options_;
};

}  // namespace luxtorch
