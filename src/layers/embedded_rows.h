// What Embedding and EmbeddingBag share: rows of a weight by token, one of which may be padding.
#pragma once

#include <optional>

#include "luxtorch/core/types.h"
#include "luxtorch/init.h"

namespace luxtorch {

/// The padding token from 0 on. ArgumentError: it is no token; a negative one counts from the end.
int64_t checked_padding(const char* layer, int64_t padding, int64_t vocabulary);

/// chosen, or N(0, 1), with zeros in the row of the padding token, if there is one.
Initializer with_zero_row(const Initializer& chosen, std::optional<int64_t> padding);

/// (..., dims): the row of weight (vocabulary, dims) for each of tokens (...), int64. The row of the
/// padding token is a constant of every derivative.
Tensor embedded_rows(const Tensor& weight, const Tensor& tokens, std::optional<int64_t> padding);

}  // namespace luxtorch
