// What EmbeddingBag computes.
#pragma once

#include <optional>

#include "luxtorch/layers/embedding_bag.h"

namespace luxtorch {

/// (..., dims): the sum, mean or maximum of the rows of weight (vocabulary, dims) for each bag of tokens
/// (..., bag), int64. there: bool (..., bag), the tokens that count, or undefined for all; padding: a
/// token that counts nowhere.
Tensor combined_rows(const Tensor& weight, const Tensor& tokens, const Tensor& there, BagMode mode,
                     std::optional<int64_t> padding);

}  // namespace luxtorch
