#include "luxtorch/layers/embedding.h"

#include <fmt/ranges.h>

#include <functional>
#include <numeric>

#include "layers/embedded_rows.h"
#include "layers/tokens.h"

namespace luxtorch {

namespace {

// (vocabularies..., dims) is (dims, vocabularies...) in Lux, in which the tokens stand in the same order.
Tensor dims_first(const Tensor& weight) { return weight.movedim(-1, 0).contiguous(); }
Tensor dims_last(const Tensor& weight) { return weight.movedim(0, -1).contiguous(); }

}  // namespace

Embedding::Embedding(int64_t vocabulary, int64_t dims, EmbeddingOptions options)
    : Embedding(std::vector<int64_t>{vocabulary}, dims, std::move(options)) {}

Embedding::Embedding(std::vector<int64_t> vocabularies, int64_t dims, EmbeddingOptions options)
    : vocabularies_(std::move(vocabularies)), dims_(dims), options_(std::move(options)) {
  constexpr size_t kMost = 4;  // tensors that a layer takes
  if (vocabularies_.empty() || vocabularies_.size() > kMost) {
    throw ArgumentError("Embedding", fmt::format("expected 1 to {} vocabularies, got {}.", kMost,
                                                 vocabularies_.size()));
  }
  for (int64_t size : vocabularies_) check_positive("Embedding", "vocabulary", size);
  check_positive("Embedding", "dims", dims);
  if (!options_.padding_idx) return;
  if (vocabularies_.size() > 1) {
    throw ArgumentError("Embedding",
                        fmt::format("expected .padding_idx with one vocabulary, got {} of them.",
                                    vocabularies_.size()));
  }
  options_.padding_idx = checked_padding("Embedding", *options_.padding_idx, vocabularies_[0]);
}

int64_t Embedding::vocabulary() const {
  return std::accumulate(vocabularies_.begin(), vocabularies_.end(), int64_t{1},
                         std::multiplies<>());
}

std::vector<ParameterSpec> Embedding::parameters() const {
  std::vector<int64_t> shape = vocabularies_;
  shape.push_back(dims_);
  return {{.name = "weight",
           .shape = shape,
           .init = with_zero_row(options_.init_weight, options_.padding_idx),
           .lux = {.from_ours = dims_first, .to_ours = dims_last}}};
}

// The tokens of one vocabulary, as int64.
Tensor Embedding::checked(const Tensor& x, size_t which, const Tensor& weight) const {
  const int64_t count = vocabularies_[which];
  if (!are_tokens(x)) [[unlikely]] {
    fail(*this, fmt::format("expected tokens, integers from 0 to {}, got {} of shape {}. "
                            "x.to(kInt64) makes integers.",
                            count - 1, dtype_text(x.scalar_type()), shape_text(x.sizes())));
  }
  check_device(*this, "the tokens", x, weight);
  auto tokens = x.to(kInt64);
  if (auto wrong = first_wrong_token(tokens, count); wrong != tokens.numel()) [[unlikely]]
    refuse_token(*this, tokens, wrong, count, "vocabulary");
  return tokens;
}

Out<Tensor> Embedding::rows(const std::vector<Tensor>& x, const Tree& ps, const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  if (x.size() != vocabularies_.size()) [[unlikely]] {
    fail(*this, fmt::format("expected a tensor of tokens for each of {} vocabularies, got {}.",
                            vocabularies_.size(), x.size()));
  }
  Tensor tokens;  // numbered through all vocabularies, the last one fastest
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i].sizes() != x[0].sizes()) [[unlikely]] {
      fail(*this, fmt::format("expected tokens of one shape, got {} and {}.",
                              shape_text(x[0].sizes()), shape_text(x[i].sizes())));
    }
    auto more = checked(x[i], i, weight);
    tokens = i == 0 ? more : tokens.mul(vocabularies_[i]).add(more);
  }
  const auto table = x.size() == 1 ? weight : weight.reshape({-1, dims_});
  auto y = embedded_rows(table, tokens, options_.padding_idx);
  detail::report(*this, y);
  return {std::move(y), st};
}

Out<Tensor> Embedding::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  return rows({x}, ps, st);
}
Out<Tensor> Embedding::operator()(const Tensor& x1, const Tensor& x2, const Tree& ps,
                                  const Tree& st) const {
  return rows({x1, x2}, ps, st);
}
Out<Tensor> Embedding::operator()(const Tensor& x1, const Tensor& x2, const Tensor& x3,
                                  const Tree& ps, const Tree& st) const {
  return rows({x1, x2, x3}, ps, st);
}
Out<Tensor> Embedding::operator()(const Tensor& x1, const Tensor& x2, const Tensor& x3,
                                  const Tensor& x4, const Tree& ps, const Tree& st) const {
  return rows({x1, x2, x3, x4}, ps, st);
}

std::string Embedding::label() const {
  const auto in = vocabularies_.size() == 1 ? fmt::format("{}", vocabularies_[0])
                                            : fmt::format("({})", fmt::join(vocabularies_, ", "));
  return fmt::format(
      "Embedding({} => {}{})", in, dims_,
      options_.padding_idx ? fmt::format(", padding_idx={}", *options_.padding_idx) : "");
}

}  // namespace luxtorch
