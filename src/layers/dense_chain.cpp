#include "layers/dense_chain.h"

#include <vector>

#include "luxtorch/layers/dense.h"
#include "ops/dense_kernels.h"

namespace luxtorch::detail {

namespace {

// As the operator takes it; nullopt for parameters that Dense itself refuses.
std::optional<ops::DenseCall> call_of(const Dense& dense, const Tree& ps) {
  auto has = [&](const char* name) {
    return ps.is_named() && ps.contains(name) && ps[name].is_tensor() &&
           ps[name].tensor().defined();
  };
  if (!has("weight") || (dense.use_bias() && !has("bias"))) return std::nullopt;
  const Tensor& weight = ps["weight"].tensor();
  if (weight.dim() != 2 || weight.size(0) != dense.out_dims() || weight.size(1) != dense.in_dims())
    return std::nullopt;
  return ops::DenseCall{weight, dense.use_bias() ? ps["bias"].tensor() : Tensor(),
                        dense.activation()};
}

}  // namespace

std::optional<DenseChain> run_dense_chain(const NamedLayers& layers, size_t first, const Tree& x,
                                          const Tree& ps) {
  const bool starts = first + 1 < layers.size() && layers[first].second.as<Dense>() &&
                      layers[first + 1].second.as<Dense>() && x.is_tensor() && x.tensor().defined();
  if (!starts || observers.load(std::memory_order_relaxed) != 0) return std::nullopt;
  std::vector<ops::DenseCall> calls;
  std::optional<Activation> after;  // the last one's, where it has no kernel
  for (size_t i = first; i < layers.size() && !after; ++i) {
    const auto& [name, layer] = layers[i];
    const Dense* dense = layer.as<Dense>();
    if (!dense || !ps.is_named() || !ps.contains(name)) break;
    auto call = call_of(*dense, ps[name]);
    if (!call) break;
    if (!ops::is_fused(call->activation)) {
      after = call->activation;
      call->activation = identity;
    }
    calls.push_back(*std::move(call));
  }
  if (calls.size() < 2) return std::nullopt;
  auto y = ops::dense_run(x.tensor(), calls);
  if (!y) return std::nullopt;
  return DenseChain{after ? (*after)(*y) : *std::move(y), calls.size()};
}

}  // namespace luxtorch::detail
