#include "luxtorch/layers/transformer.h"

#include "layers/check.h"
#include "layers/transformer_norm.h"
#include "luxtorch/layers/checkpointed.h"
#include "text.h"

namespace luxtorch {

namespace {

template <class L>
std::vector<Layer> copies(const char* who, const L& layer, int64_t num_layers, bool in_wrappers) {
  check_positive(who, "num_layers", num_layers);
  std::vector<Layer> layers;
  // Each an object of its own, by whose address errors and summaries know its place.
  for (int64_t i = 0; i < num_layers; ++i)
    layers.push_back(in_wrappers ? Layer(Checkpointed(layer)) : Layer(layer));
  return layers;
}

template <class L>
std::optional<detail::TransformerNormLayer> last_norm(const L& layer,
                                                      const TransformerStackOptions& options) {
  if (!options.norm) return std::nullopt;
  return transformer_norm(layer.dims(), layer.options());
}

// The L in one of a stack's layers.
template <class L>
const L& layer_inside(const Layer& layer) {
  const L* found = layer.as<L>();
  if (!found) {
    LayerAccess::visit_wrapped(
        *layer.as<Checkpointed>(),
        [&](std::string_view, const Layer& inner) { found = inner.as<L>(); });
  }
  return *found;
}

// carry: of all layers; Tree() at the start.
template <class Stack>
void check_carry(const Stack& stack, const Tree& carry, size_t layers) {
  if (carry.is_none() || (carry.is_tuple() && carry.size() == layers)) return;
  fail(stack, fmt::format("expected a carry with a part for each of {} layers, got {}.", layers,
                          describe_kind(carry)));
}

}  // namespace

namespace detail {

TransformerStack::TransformerStack(std::vector<Layer> layers,
                                   std::optional<TransformerNormLayer> norm)
    : layers_(std::move(layers)), norm_(std::move(norm)) {}

Tensor TransformerStack::run(const Tensor& x, const Tree& ps, Tree& st, const Next& next) const {
  Tensor y = x;
  std::vector<Tree> states;
  for (size_t i = 0; i < layers_.size(); ++i) {
    states.push_back(st["layers"][i]);
    y = next(i, y, ps["layers"][i], states.back());
  }
  if (norm_) y = normalized(*norm_, y, ps["norm"], st["norm"]);
  st = st.with("layers", tuple(std::move(states)));
  return y;
}

Out<Step> TransformerStack::run_step(const Tensor& x, const Tree& carry, const Tree& ps,
                                     const Tree& st, const NextStep& next) const {
  std::vector<Tree> carries;
  Out<Step> out{{}, st};
  out.first.y =
      run(x, ps, out.second, [&](size_t i, const Tensor& h, const Tree& its_ps, Tree& its_st) {
        auto [step, after] = next(i, h, carry.is_none() ? Tree() : carry[i], its_ps, its_st);
        carries.push_back(std::move(step.carry)), its_st = std::move(after);
        return step.y;
      });
  out.first.carry = tuple(std::move(carries));
  return out;
}

}  // namespace detail

TransformerEncoder::TransformerEncoder(TransformerEncoderLayer layer, int64_t num_layers,
                                       TransformerEncoderOptions options)
    : TransformerStack(copies("TransformerEncoder", layer, num_layers, options.checkpointed),
                       last_norm(layer, options)) {}

Out<Tensor> TransformerEncoder::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  return (*this)(x, Tensor(), ps, st);
}

Out<Tensor> TransformerEncoder::operator()(const Tensor& x, const Tensor& mask, const Tree& ps,
                                           const Tree& st) const {
  Tree after = st;
  Tensor y = run(x, ps, after, [&](size_t i, const Tensor& h, const Tree& its_ps, Tree& its_st) {
    auto [out, next] = layers_[i](mask.defined() ? tuple({h, mask}) : Tree(h), its_ps, its_st);
    its_st = std::move(next);
    return out.tensor();
  });
  detail::report(*this, y);
  return {std::move(y), std::move(after)};
}

Out<Step> TransformerEncoder::step(const Tensor& x, const Tree& carry, const Tree& ps,
                                   const Tree& st) const {
  return step(x, Tensor(), carry, ps, st);
}

Out<Step> TransformerEncoder::step(const Tensor& x, const Tensor& mask, const Tree& carry,
                                   const Tree& ps, const Tree& st) const {
  check_carry(*this, carry, layers_.size());
  auto out = run_step(x, carry, ps, st,
                      [&](size_t i, const Tensor& h, const Tree& its_carry, const Tree& its_ps,
                          const Tree& its_st) {
                        return layer_inside<TransformerEncoderLayer>(layers_[i])
                            .step(h, mask, its_carry, its_ps, its_st);
                      });
  detail::report(*this, out.first);
  return out;
}

TransformerDecoder::TransformerDecoder(TransformerDecoderLayer layer, int64_t num_layers,
                                       TransformerDecoderOptions options)
    : TransformerStack(copies("TransformerDecoder", layer, num_layers, options.checkpointed),
                       last_norm(layer, options)) {}

Out<Tensor> TransformerDecoder::operator()(const Tensor& x, const Tensor& memory, const Tree& ps,
                                           const Tree& st) const {
  return (*this)(x, memory, Tensor(), Tensor(), ps, st);
}

Out<Tensor> TransformerDecoder::operator()(const Tensor& x, const Tensor& memory,
                                           const Tensor& mask, const Tree& ps,
                                           const Tree& st) const {
  return (*this)(x, memory, mask, Tensor(), ps, st);
}

Out<Tensor> TransformerDecoder::operator()(const Tensor& x, const Tensor& memory,
                                           const Tensor& mask, const Tensor& memory_mask,
                                           const Tree& ps, const Tree& st) const {
  Tree after = st;
  Tensor y = run(x, ps, after, [&](size_t i, const Tensor& h, const Tree& its_ps, Tree& its_st) {
    auto [out, next] = layers_[i](tuple({h, memory, mask, memory_mask}), its_ps, its_st);
    its_st = std::move(next);
    return out.tensor();
  });
  detail::report(*this, y);
  return {std::move(y), std::move(after)};
}

Out<Step> TransformerDecoder::step(const Tensor& x, const Tensor& memory, const Tree& carry,
                                   const Tree& ps, const Tree& st) const {
  return step(x, memory, Tensor(), Tensor(), carry, ps, st);
}

Out<Step> TransformerDecoder::step(const Tensor& x, const Tensor& memory, const Tensor& mask,
                                   const Tensor& memory_mask, const Tree& carry, const Tree& ps,
                                   const Tree& st) const {
  check_carry(*this, carry, layers_.size());
  auto out = run_step(x, carry, ps, st,
                      [&](size_t i, const Tensor& h, const Tree& its_carry, const Tree& its_ps,
                          const Tree& its_st) {
                        return layer_inside<TransformerDecoderLayer>(layers_[i])
                            .step(h, memory, mask, memory_mask, its_carry, its_ps, its_st);
                      });
  detail::report(*this, out.first);
  return out;
}

}  // namespace luxtorch
