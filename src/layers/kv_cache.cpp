#include "layers/kv_cache.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "ops/fast_path.h"
#include "transforms.h"

namespace luxtorch {

namespace {

// The tokens lie at the start of memory for `room` of them, which nobody has written behind them.
bool has_room(const Tensor& t, int64_t room, const KVCache& cache) {
  const int64_t size = t.size(3), sample = t.size(1) * room * size;
  return !t.is_inference() && t._version() == cache.writes && t.size(2) == cache.held &&
         t.strides() == Shape{sample, room * size, size, 1} &&
         t.storage().nbytes() >= static_cast<size_t>(t.size(0) * sample) * t.itemsize() &&
         t.storage_offset() == 0;
}

// Memory for `room` tokens, which starts with those of t.
Tensor with_room(const Tensor& t, int64_t room, const Tensor& like) {
  const c10::InferenceMode counted(false);  // an inference tensor does not count its writes
  Shape shape(like.sizes());
  shape[2] = room;
  const Tensor memory = at::empty(shape, like.options());
  const int64_t tokens = t.defined() ? t.size(2) : 0;
  if (tokens > 0) memory.narrow(2, 0, tokens).copy_(t);
  return memory.narrow(2, 0, tokens);
}

Tensor extended(const Tensor& t, const Tensor& added) {
  Shape shape(t.sizes());
  shape[2] += added.size(2);
  const Tensor all = t.as_strided(shape, t.strides());
  all.narrow(2, t.size(2), added.size(2)).copy_(added);
  return all;
}

Tensor masks_of(const KVCache& earlier, const KVCache& added) {
  if (!earlier.mask.defined() && !added.mask.defined()) return {};
  auto or_all = [&](const KVCache& cache) {
    if (cache.mask.defined()) return cache.mask;
    return at::ones({added.k.size(0), cache.tokens()}, added.k.options().dtype(kBool));
  };
  return at::cat({or_all(earlier), or_all(added)}, 1);
}

}  // namespace

bool needs_graph(std::initializer_list<Tensor> tensors) {
  if (transforms::active()) return true;
  return std::ranges::any_of(tensors, [](const Tensor& t) {
    return t.defined() && ((at::GradMode::is_enabled() && t.requires_grad()) ||
                           ops::is_indirect(t) || ops::has_tangent(t));
  });
}

KVCache appended(const KVCache& earlier, const KVCache& added, int64_t room, bool recorded) {
  const Tensor mask = masks_of(earlier, added);
  if (room == 0 || recorded || added.k.is_meta()) {
    if (!earlier.k.defined()) return {.k = added.k, .v = added.v, .mask = mask};
    return {
        .k = at::cat({earlier.k, added.k}, 2), .v = at::cat({earlier.v, added.v}, 2), .mask = mask};
  }
  Tensor k = earlier.k, v = earlier.v;
  if (!k.defined() || !has_room(k, room, earlier) || !has_room(v, room, earlier))
    k = with_room(earlier.k, room, added.k), v = with_room(earlier.v, room, added.v);
  k = extended(k, added.k), v = extended(v, added.v);
  return {.k = k, .v = v, .mask = mask, .writes = k._version(), .held = k.size(2)};
}

}  // namespace luxtorch
