// What ops::upsample, ops::pixel_shuffle, ops::pixel_unshuffle and their layers share.
//
// Level 1.5. The *_mismatch functions tell why x does not fit, for errors under the callers' own names; ""
// if it does.
#pragma once

#include <string>

#include "luxtorch/ops/upsample.h"

namespace luxtorch::ops {

/// ArgumentError of `who`: as upsample says.
void check_upsample(const std::string& who, UpsampleMode mode, const UpsampleOptions& options);
std::string upsample_mismatch(const Tensor& x, UpsampleMode mode, const UpsampleOptions& options);
Tensor upsampled(const Tensor& x, UpsampleMode mode, const UpsampleOptions& options);
/// "nearest"
const char* name_of(UpsampleMode mode);

std::string shuffle_mismatch(const Tensor& x, int64_t r);
Tensor shuffled(const Tensor& x, int64_t r);
std::string unshuffle_mismatch(const Tensor& x, int64_t r);
Tensor unshuffled(const Tensor& x, int64_t r);

}  // namespace luxtorch::ops
