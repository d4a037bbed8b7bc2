// The choice between the ways of luxtorch/ops/recurrent_path.h.
#pragma once

#include "luxtorch/ops/recurrent.h"
#include "luxtorch/ops/recurrent_path.h"

namespace luxtorch::ops {

/// What a call of a recurrent operator is given; parts that it lacks are undefined.
struct RecurrentInputs {
  const Tensor &x, &h, &c;
  const CellWeights& w;
  const SequenceOptions* options;  // nullptr: one step
};

/// gates: of a cell that has a kernel, else 0. Remembers the choice for last_recurrent_run(). Shapes that
/// do not fit together go to torch's operators, which say what is wrong.
RecurrentPath choose_path(const RecurrentInputs& in, int64_t gates);
/// The choice where the kernels could run but had better not, with the reason, a literal.
void choose_other_path(RecurrentPath path, const char* reason);

}  // namespace luxtorch::ops
