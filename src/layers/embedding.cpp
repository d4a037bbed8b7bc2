#include "luxtorch/layers/embedding.h"

#include <ATen/ops/embedding.h>

#include "layers/tokens.h"

namespace luxtorch {

Embedding::Embedding(int64_t vocabulary, int64_t dims, EmbeddingOptions options)
    : vocabulary_(vocabulary), dims_(dims), options_(std::move(options)) {
  check_positive("Embedding", "vocabulary", vocabulary);
  check_positive("Embedding", "dims", dims);
}

std::vector<ParameterSpec> Embedding::parameters() const {
  const auto& chosen = options_.init_weight;
  return {{.name = "weight",
           .shape = {vocabulary_, dims_},
           .init = chosen ? chosen : init::randn,
           .lux = {.dims = TensorLayout::Dims::Reversed}}};
}

Out<Tensor> Embedding::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  if (!are_tokens(x)) [[unlikely]] {
    fail(*this, fmt::format("expected tokens, integers from 0 to {}, got {} of shape {}. "
                            "x.to(kInt64) makes integers.",
                            vocabulary_ - 1, dtype_text(x.scalar_type()), shape_text(x.sizes())));
  }
  check_device(*this, "the tokens", x, weight);
  auto tokens = x.to(kInt64);
  if (auto wrong = first_wrong_token(tokens, vocabulary_); wrong != tokens.numel()) [[unlikely]]
    refuse_token(*this, tokens, wrong, vocabulary_, "vocabulary");
  auto y = at::embedding(weight, tokens);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string Embedding::label() const {
  return fmt::format("Embedding({} => {})", vocabulary_, dims_);
}

}  // namespace luxtorch
