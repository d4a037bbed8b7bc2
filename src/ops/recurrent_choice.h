// The choice between the ways of luxtorch/ops/recurrent_path.h.
#pragma once

#include "luxtorch/ops/recurrent_path.h"
#include "ops/recurrent_run.h"

namespace luxtorch::ops {

/// kernel: the cell has one. Remembers the choice for last_recurrent_run(). Shapes that do not fit
/// together go to torch's operators, which say what is wrong.
RecurrentPath choose_path(const RecurrentInput& in, bool kernel = true);

}  // namespace luxtorch::ops
