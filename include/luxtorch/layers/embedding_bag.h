// EmbeddingBag: the learned vectors of several tokens as one.
//
//     EmbeddingBag(1000, 50)                                    // (batch, bag) -> (batch, 50), the mean
//     EmbeddingBag(1000, 50, {.mode = BagMode::Sum, .padding_idx = 0})
//     apply<Tensor>(model, tuple({x, lengths}), ps, st)         // the first tokens of each bag
//
#pragma once

#include <optional>

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// What an EmbeddingBag makes of the rows of a bag.
enum class BagMode {
  Sum,   ///< their sum
  Mean,  ///< their mean
  Max    ///< the greatest value of each feature
};

/// The options of EmbeddingBag.
struct EmbeddingBagOptions {
  BagMode mode = BagMode::Mean;  ///< How the rows of a bag become one.
  /// The token that stands for nothing: no bag has it. A negative one counts from the end. Its row
  /// starts as zeros.
  std::optional<int64_t> padding_idx = {};
  Initializer init_weight = {};  ///< Default: N(0, 1), as torch.nn.EmbeddingBag.
};

/// The sum, mean or maximum of the rows of a bag of tokens: torch.nn.EmbeddingBag; Lux has no such
/// layer. x: tokens (..., bag), integers from 0 to vocabulary - 1, on the weight's device; y: (...,
/// dims), zeros for a bag without tokens. Or (x, lengths), lengths (...) of integers: the first tokens
/// of each bag, in place of PyTorch's offsets; the others may be anything. Parameters: weight
/// (vocabulary, dims). The gradient of a maximum goes to the first row that has it.
class LUXTORCH_API EmbeddingBag {
 public:
  /// ArgumentError: vocabulary or dims is below 1, or .padding_idx is no token.
  EmbeddingBag(int64_t vocabulary, int64_t dims, EmbeddingBagOptions options = {});

  /// weight, which Lux would have as (dims, vocabulary).
  std::vector<ParameterSpec> parameters() const;
  /// Of bags of one size. ShapeError: x has no dimensions, is not of an integer dtype, is on another
  /// device, or has a token outside the range.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// Of bags with lengths from 0 to x.size(-1). ShapeError: also lengths that are not such integers, or
  /// of another shape.
  Out<Tensor> operator()(const Tensor& x, const Tensor& lengths, const Tree& ps,
                         const Tree& st) const;
  /// The text in a printed model: "EmbeddingBag(1000 => 50, mean)".
  std::string label() const;

 private:
  void check_tokens(const Tensor& x, const Tensor& weight) const;
  Out<Tensor> of_bags(const Tensor& tokens, const Tensor& there, const Tree& ps,
                      const Tree& st) const;

  int64_t vocabulary_, dims_;
  EmbeddingBagOptions options_;
};

}  // namespace luxtorch
