#include "layers/attention_carry.h"

#include "layers/check.h"

namespace luxtorch {

namespace {

Tensor with_batch(const Tensor& t, bool batched) { return batched ? t : t.unsqueeze(0); }

// The tensors of (k, v), (k, v, mask) and, of a carry with room, of one of these and two numbers; nothing of
// other trees.
KVCache taken_apart(const Tree& carry, bool batched) {
  if (!carry.is_tuple() || carry.size() < 2 || carry.size() > 4) return {};
  if (!carry[0].is_tensor() || !carry[1].is_tensor()) return {};
  KVCache cache;
  size_t next = 2;
  if (next < carry.size() && carry[next].is_tensor())
    cache.mask = with_batch(carry[next++].tensor(), batched);
  if (next < carry.size()) {
    const Tree& counts = carry[next++];
    if (!counts.is_tuple() || counts.size() != 2) return {};
    cache.writes = counts[0].scalar<int64_t>(), cache.held = counts[1].scalar<int64_t>();
  }
  if (next != carry.size()) return {};
  cache.k = with_batch(carry[0].tensor(), batched);
  cache.v = with_batch(carry[1].tensor(), batched);
  return cache;
}

std::string got(const Tree& carry, bool of_tensors) {
  if (!of_tensors) return describe_kind(carry);
  return shape_text(carry[0].tensor().sizes()) + " and " + shape_text(carry[1].tensor().sizes());
}

void check_tensors(const MultiHeadAttention& layer, const KVCache& cache, const Tensor& q) {
  check_alike(layer, "the carry", cache.k, q);
  check_alike(layer, "the carry", cache.v, q);
  check_token_mask(layer, "a carry whose mask is", cache.mask, q, cache.tokens(), true);
}

}  // namespace

void check_token_mask(const MultiHeadAttention& layer, const char* what, const Tensor& mask,
                      const Tensor& q, int64_t tokens, bool batched) {
  if (!mask.defined()) return;
  const Shape shape = batched ? Shape{q.size(0), tokens} : Shape{tokens};
  if (mask.scalar_type() != kBool || mask.sizes() != ShapeView(shape)) {
    fail(layer, fmt::format("expected {} of booleans of shape {}, true for a token and false for "
                            "padding, got {} of shape {}.",
                            what, shape_text(shape), dtype_text(mask.scalar_type()),
                            shape_text(mask.sizes())));
  }
  if (mask.device() == q.device() || q.is_meta()) return;
  fail(layer, fmt::format("expected {} on {} like x, got {}.", what, q.device().str(),
                          mask.device().str()));
}

KVCache cache_of(const MultiHeadAttention& layer, const Tree& carry, const Tensor& k,
                 const Tensor& v, bool batched) {
  if (carry.is_none()) return {};
  const KVCache cache = taken_apart(carry, batched);
  const bool of_tensors = cache.k.defined();
  auto fits = [&](const Tensor& t, const Tensor& now) {
    return t.dim() == 4 && t.size(0) == now.size(0) && t.size(1) == now.size(1) &&
           t.size(2) == cache.tokens() && t.size(3) == now.size(3);
  };
  if (!of_tensors || !fits(cache.k, k) || !fits(cache.v, v)) {
    const auto leading =
        batched ? fmt::format("{}, {}", k.size(0), k.size(1)) : std::to_string(k.size(1));
    fail(layer,
         fmt::format("expected a carry (k, v) of shapes ({0}, tokens, {1}) and ({0}, tokens, "
                     "{2}), got {3}.",
                     leading, k.size(3), v.size(3), got(carry, of_tensors)));
  }
  check_tensors(layer, cache, k);
  return cache;
}

KVCache memory_of(const MultiHeadAttention& layer, const Tree& held, const Tensor& q,
                  const std::array<std::vector<int64_t>, 2>& shapes, bool batched) {
  auto all_of = [&](std::vector<int64_t> shape) {
    if (batched) shape.insert(shape.begin(), q.size(0));
    return Shape(shape);
  };
  const Shape k_shape = all_of(shapes[0]), v_shape = all_of(shapes[1]);
  const KVCache memory = taken_apart(held, batched);
  const bool of_tensors = memory.k.defined();
  if (!of_tensors || held[0].tensor().sizes() != ShapeView(k_shape) ||
      held[1].tensor().sizes() != ShapeView(v_shape)) {
    fail(layer, fmt::format("expected a carry with the memory's keys and values of shapes {} and "
                            "{}, got {}. A carry goes on with the memory that it began with.",
                            shape_text(k_shape), shape_text(v_shape), got(held, of_tensors)));
  }
  check_tensors(layer, memory, q);
  return memory;
}

Tree carry_of(const KVCache& cache, int64_t room, bool batched) {
  auto as_given = [&](const Tensor& t) { return batched ? t : t.squeeze(0); };
  std::vector<Tree> carry{as_given(cache.k), as_given(cache.v)};
  if (cache.mask.defined()) carry.emplace_back(as_given(cache.mask));
  if (room > 0) carry.emplace_back(tuple({cache.writes, cache.held}));
  return tuple(std::move(carry));
}

}  // namespace luxtorch
