// Torch's autocast, which changes the dtypes of some operators' results behind a model's back.
//
// Level 1.
#pragma once

#include "luxtorch/core/error.h"

namespace luxtorch::detail {

/// Puts a sentence behind an error about tensors where autocast is on in this thread; once, however often it is called.
void explain_autocast_(Error& error);

}  // namespace luxtorch::detail
