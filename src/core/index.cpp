#include "luxtorch/core/index.h"

#include <ATen/TensorIndexing.h>

#include <vector>

namespace luxtorch {

namespace {

using at::indexing::TensorIndex;

struct AsTorchs {
  TensorIndex operator()(int64_t position) const { return position; }
  TensorIndex operator()(const Tensor& t) const { return t; }
  TensorIndex operator()(std::nullopt_t) const { return std::nullopt; }
  TensorIndex operator()(const Slice& s) const {
    auto number = [](std::optional<int64_t> n) {
      return n ? std::optional<c10::SymInt>(*n) : std::nullopt;
    };
    return at::indexing::Slice(number(s.start), number(s.stop), number(s.step));
  }
};

}  // namespace

Tensor index(const Tensor& x, std::initializer_list<Index> indices) {
  std::vector<TensorIndex> torchs;
  for (const auto& i : indices) torchs.push_back(std::visit(AsTorchs(), i.value()));
  return x.index(torchs);
}

}  // namespace luxtorch
