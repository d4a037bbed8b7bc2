// Embedding: a learned vector for each token.
//
//     Embedding(1000, 50)                                   // (batch, time) -> (batch, time, 50)
//     Chain(Embedding(1000, 50), LSTM(50, 64), Dense(64, 1))
//     Embedding(1000, 50, {.padding_idx = 0})               // token 0 fills up short rows
//     Embedding({24, 7}, 8)                                 // of pairs: an hour and a weekday
//
#pragma once

#include <optional>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// The options of Embedding.
struct EmbeddingOptions {
  Initializer init_weight = {};  ///< Default: N(0, 1), as torch.nn.Embedding.
  /// The token that stands for nothing; a negative one counts from the end. Its row starts as zeros and
  /// has no gradient, as in torch.nn.Embedding. Of one vocabulary only.
  std::optional<int64_t> padding_idx = {};
};

/// A row of the weight for each token: Lux's Embedding, torch.nn.Embedding. x: tokens of any shape
/// (...), integers from 0 to vocabulary - 1, on the weight's device; y: (..., dims). Parameters:
/// weight (vocabulary, dims), a row for each token. The gradient of a row is the sum over the
/// places of its token in x, and zero for tokens that are not in x.
///
/// Of several vocabularies (2 to 4), x is a tuple of as many tensors of tokens, of one shape (...), and
/// weight (vocabularies..., dims) has a row for each combination of them.
class LUXTORCH_API Embedding {
 public:
  /// ArgumentError: vocabulary or dims is below 1, or .padding_idx is no token.
  Embedding(int64_t vocabulary, int64_t dims, EmbeddingOptions options = {});
  /// Of several vocabularies. ArgumentError: fewer than 1 or more than 4, one or dims is below 1, or
  /// .padding_idx is there with more than one.
  Embedding(std::vector<int64_t> vocabularies, int64_t dims, EmbeddingOptions options = {});

  /// weight, which Lux has as (dims, vocabularies...).
  std::vector<ParameterSpec> parameters() const;
  /// ShapeError: x is not of an integer dtype, is on another device, or has a token outside the
  /// range; the text says which one and where. There is another number of vocabularies.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// Of two vocabularies. ShapeError: also two shapes.
  Out<Tensor> operator()(const Tensor& x1, const Tensor& x2, const Tree& ps, const Tree& st) const;
  /// Of three.
  Out<Tensor> operator()(const Tensor& x1, const Tensor& x2, const Tensor& x3, const Tree& ps,
                         const Tree& st) const;
  /// Of four.
  Out<Tensor> operator()(const Tensor& x1, const Tensor& x2, const Tensor& x3, const Tensor& x4,
                         const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "Embedding(1000 => 50)".
  std::string label() const;

  /// The number of rows: that of different tokens, or of their combinations.
  int64_t vocabulary() const;
  /// The last size of y.
  int64_t dims() const { return dims_; }

 private:
  Out<Tensor> rows(const std::vector<Tensor>& x, const Tree& ps, const Tree& st) const;
  Tensor checked(const Tensor& x, size_t which, const Tensor& weight) const;

  std::vector<int64_t> vocabularies_;
  int64_t dims_;
  EmbeddingOptions options_;
};

}  // namespace luxtorch
