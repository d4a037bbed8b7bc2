// The choice between the ways of luxtorch/ops/recurrent_path.h.
#pragma once

#include "luxtorch/ops/recurrent.h"
#include "luxtorch/ops/recurrent_path.h"

namespace luxtorch::ops {

/// What a call of a recurrent operator is given; parts that it lacks are undefined.
struct RecurrentInputs {
  const Tensor &x, &h, &c;
  const CellWeights& w;
  const Tensor& lengths;
};

/// stock: the cell has a kernel. Remembers the choice for last_recurrent_run().
RecurrentPath choose_path(const RecurrentInputs& in, bool stock);
/// The choice where the kernels could run but had better not, with the reason, a literal.
void choose_other_path(RecurrentPath path, const char* reason);

}  // namespace luxtorch::ops
