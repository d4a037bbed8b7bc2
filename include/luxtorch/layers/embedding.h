// Embedding: a learned vector for each token.
//
//     Embedding(1000, 50)                                   // (batch, time) -> (batch, time, 50)
//     Chain(Embedding(1000, 50), LSTM(50, 64), Dense(64, 1))
//
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// The options of Embedding.
struct EmbeddingOptions {
  Initializer init_weight = {};  ///< Default: N(0, 1), as torch.nn.Embedding.
};

/// A row of the weight for each token: Lux's Embedding, torch.nn.Embedding. x: tokens of any shape
/// (...), integers from 0 to vocabulary - 1, on the weight's device; y: (..., dims). Parameters:
/// weight (vocabulary, dims), a row for each token. The gradient of a row is the sum over the
/// places of its token in x, and zero for tokens that are not in x.
class LUXTORCH_API Embedding {
 public:
  /// ArgumentError: vocabulary or dims is below 1.
  Embedding(int64_t vocabulary, int64_t dims, EmbeddingOptions options = {});

  /// weight, which Lux has as (dims, vocabulary).
  std::vector<ParameterSpec> parameters() const;
  /// ShapeError: x is not of an integer dtype, is on another device, or has a token outside the
  /// range; the text says which one and where.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "Embedding(1000 => 50)".
  std::string label() const;

  /// The number of different tokens.
  int64_t vocabulary() const { return vocabulary_; }
  /// The last size of y.
  int64_t dims() const { return dims_; }

 private:
  int64_t vocabulary_, dims_;
  EmbeddingOptions options_;
};

}  // namespace luxtorch
