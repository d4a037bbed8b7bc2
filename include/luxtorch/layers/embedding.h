// Embedding: a learned vector for each token.
//
//     Embedding(1000, 50)                                   // (batch, time) -> (batch, time, 50)
//     Chain(Embedding(1000, 50), LSTM(50, 64), Dense(64, 1))
//
// Level 3.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"

namespace luxtorch {

struct EmbeddingOptions {
  Initializer init_weight = {};  // default: N(0, 1), as torch.nn.Embedding
};

/// x: tokens of any shape (...), integers from 0 to vocabulary - 1, on the weight's device; y: (...,
/// dims). A token outside its range is a ShapeError that says which one and where it stands.
/// Parameters: weight (vocabulary, dims), a row for each token. A row's gradient is the sum over the
/// places where its token stands, and zero where it stands nowhere.
class LUXTORCH_API Embedding {
 public:
  Embedding(int64_t vocabulary, int64_t dims, EmbeddingOptions options = {});

  Tree initial_parameters(Rng rng) const;
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  std::string label() const;

  int64_t vocabulary() const { return vocabulary_; }
  int64_t dims() const { return dims_; }

 private:
  int64_t vocabulary_, dims_;
  EmbeddingOptions options_;
};

}  // namespace luxtorch
