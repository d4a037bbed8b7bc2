#include "luxtorch/layers/embedding_bag.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/where.h>

#include "layers/bags.h"
#include "layers/embedded_rows.h"
#include "layers/tokens.h"

namespace luxtorch {

namespace {

const char* mode_name(BagMode mode) {
  switch (mode) {
    case BagMode::Sum:
      return "sum";
    case BagMode::Mean:
      return "mean";
    case BagMode::Max:
      return "max";
  }
  return "";
}

}  // namespace

EmbeddingBag::EmbeddingBag(int64_t vocabulary, int64_t dims, EmbeddingBagOptions options)
    : vocabulary_(vocabulary), dims_(dims), options_(std::move(options)) {
  check_positive("EmbeddingBag", "vocabulary", vocabulary);
  check_positive("EmbeddingBag", "dims", dims);
  if (options_.padding_idx)
    options_.padding_idx = checked_padding("EmbeddingBag", *options_.padding_idx, vocabulary);
}

std::vector<ParameterSpec> EmbeddingBag::parameters() const {
  return {{.name = "weight",
           .shape = {vocabulary_, dims_},
           .init = with_zero_row(options_.init_weight, options_.padding_idx),
           .lux = {.dims = TensorLayout::Dims::Reversed}}};
}

void EmbeddingBag::check_tokens(const Tensor& x, const Tensor& weight) const {
  if (x.dim() < 1 || !are_tokens(x)) [[unlikely]] {
    fail(*this, fmt::format("expected tokens of shape (..., bag), integers from 0 to {}, got {} of "
                            "shape {}.",
                            vocabulary_ - 1, dtype_text(x.scalar_type()), shape_text(x.sizes())));
  }
  check_device(*this, "the tokens", x, weight);
}

Out<Tensor> EmbeddingBag::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  check_tokens(x, ps["weight"].tensor());
  return of_bags(x.to(kInt64), {}, ps, st);
}

Out<Tensor> EmbeddingBag::operator()(const Tensor& x, const Tensor& lengths, const Tree& ps,
                                     const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  check_tokens(x, weight);
  const int64_t bag = x.size(-1);
  if (!are_tokens(lengths) || lengths.sizes() != x.sizes().slice(0, x.sizes().size() - 1))
      [[unlikely]] {
    fail(*this,
         fmt::format("expected lengths of shape {}, integers from 0 to {}, got {} of shape {}.",
                     shape_text(x.sizes().slice(0, x.sizes().size() - 1)), bag,
                     dtype_text(lengths.scalar_type()), shape_text(lengths.sizes())));
  }
  check_device(*this, "the lengths", lengths, weight);
  const auto counts = lengths.to(kInt64);
  if (first_wrong_token(counts, bag + 1) != counts.numel()) [[unlikely]]
    fail(*this, fmt::format("expected lengths from 0 to {}, got others among them.", bag));
  const auto there = at::arange(bag, counts.options()).lt(counts.unsqueeze(-1));
  return of_bags(at::where(there, x.to(kInt64), 0), there, ps, st);
}

Out<Tensor> EmbeddingBag::of_bags(const Tensor& tokens, const Tensor& there, const Tree& ps,
                                  const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  if (auto wrong = first_wrong_token(tokens, vocabulary_); wrong != tokens.numel()) [[unlikely]]
    refuse_token(*this, tokens, wrong, vocabulary_, "vocabulary");
  auto y = combined_rows(weight, tokens, there, options_.mode, options_.padding_idx);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string EmbeddingBag::label() const {
  return fmt::format(
      "EmbeddingBag({} => {}, {}{})", vocabulary_, dims_, mode_name(options_.mode),
      options_.padding_idx ? fmt::format(", padding_idx={}", *options_.padding_idx) : "");
}

}  // namespace luxtorch
