// Torch's autocast, which changes the dtypes of some operators' results behind a model's back.
//
// Level 1.
#pragma once

#include "luxtorch/core/error.h"
#include "luxtorch/core/types.h"

namespace luxtorch::detail {

/// Puts a sentence behind an error about tensors where autocast is on in this thread; once, however often it is called.
void explain_autocast_(Error& error);

/// t in the dtype to which autocast converts what goes into products; t itself where autocast is off in this
/// thread on its device, or leaves its dtype.
Tensor as_in_products(const Tensor& t);

}  // namespace luxtorch::detail
