// The recurrent operators as plain loops of differentiable torch operators.
//
// Level 1. Slower than the others, but for every case: any floating dtype and device, lengths, tokens, no
// rows; gradients of any order, forward-mode derivatives, vmap.
#pragma once

#include "ops/recurrent/call.h"

namespace luxtorch::ops {

SequenceOutput reference(const RecurrentCall& call);

}  // namespace luxtorch::ops
