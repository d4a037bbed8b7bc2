// Attention and its key-value cache, beyond what the registrations say.
#include "luxtorch/layers/attention.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/values.h"
#include "luxtorch/interop/state_dict.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/ops/attention.h"
#include "luxtorch/ops/fast_path.h"
#include "luxtorch/ops/positions.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

using MHA = MultiHeadAttention;
using Options = MultiHeadAttentionOptions;

Tensor normals(uint64_t seed, const Sizes& shape) {
  return random::normal(Rng(seed), shape, 0, 1, kFloat64);
}

template <class L>
std::pair<Tree, Tree> in_float64(const L& layer) {
  auto [ps, st] = setup(Rng(0), layer);
  return {tree::to(ps, kFloat64), tree::to(st, kFloat64)};
}

Tensor output(const MHA& layer, const Tensor& x, const Tree& ps, const Tree& st) {
  return layer(x, ps, st).first.tensor();
}

// Causal layers of 8 features, for up to 7 tokens.
std::vector<std::pair<std::string, Options>> causal_options() {
  return {{"plain", {.nheads = 2, .is_causal = true}},
          {"rotary", {.nheads = 2, .is_causal = true, .rotary = {{.max_sequence_length = 7}}}},
          {"alibi", {.nheads = 2, .is_causal = true, .alibi = true}},
          {"grouped", {.nheads = 4, .kv_heads = 2, .is_causal = true}},
          {"everything",
           {.nheads = 4,
            .kv_heads = 2,
            .dense = {},
            .is_causal = true,
            .rotary = {{.max_sequence_length = 7, .interleaved = true}},
            .qk_norm = true}}};
}
Options everything() { return causal_options().back().second; }
Options with_room(Options options, int64_t tokens) {
  options.cache_length = tokens;
  return options;
}

struct Fed {
  Tensor y;
  Tree carry;
};
// A sequence in parts of these lengths.
Fed feed(const MHA& layer, const Tensor& x, const std::vector<int64_t>& lengths, const Tree& ps,
         const Tree& st) {
  const KVCacheCell cell(layer);
  std::vector<Tensor> ys;
  Tree carry;
  int64_t at = 0;
  for (int64_t n : lengths) {
    const Tensor part = x.narrow(-2, at, n);
    const Step step = (carry.is_none() ? cell(part, ps, st) : cell(part, carry, ps, st)).first;
    ys.push_back(step.y), carry = step.carry, at += n;
  }
  return {cat(ys, -2), carry};
}
const std::vector<std::vector<int64_t>> kCuts{
    {7}, {1, 1, 1, 1, 1, 1, 1}, {4, 1, 1, 1}, {1, 6}, {3, 2, 2}, {5, 2}};

TEST(KVCache, GivesOneCausalCallsOutputInAnyCuts) {
  for (const Sizes& shape : {Sizes{2, 7, 8}, Sizes{7, 8}}) {
    const Tensor x = normals(1, shape);
    for (const auto& [name, options] : causal_options()) {
      const auto [ps, st] = in_float64(MHA(8, options));
      const Tensor whole = output(MHA(8, options), x, ps, st);
      for (int64_t room : {0, 7, 9}) {
        SCOPED_TRACE(name + ", room for " + std::to_string(room));
        const MHA layer(8, with_room(options, room));
        const Tree carry = feed(layer, x, {7}, ps, st).carry;
        EXPECT_EQ(carry.size(), room == 0 ? 2u : 3u);
        Sizes held{options.kv_heads ? options.kv_heads : options.nheads, 7, 8 / options.nheads};
        if (x.dim() == 3) held.insert(held.begin(), 2);
        EXPECT_EQ(carry[0].tensor().sizes(), held);
        for (const auto& lengths : kCuts) {
          const Fed fed = feed(layer, x, lengths, ps, st);
          EXPECT_CLOSE(fed.y, whole, kPlainFloat64);
          for (int i : {0, 1})
            EXPECT_CLOSE(fed.carry[i].tensor(), carry[i].tensor(), kPlainFloat64);
        }
      }
    }
  }
}

TEST(KVCache, HasTheGradientsOfOneCausalCallWithAndWithoutRoom) {
  const Tensor x = normals(1, {2, 5, 8}), w = normals(2, {2, 5, 8});
  for (int64_t room : {0, 7}) {
    const MHA layer(8, with_room(everything(), room));
    const auto made = in_float64(layer);
    const Tree &ps = made.first, &st = made.second;
    const Tree whole = grad([&](const Tree& p) { return (output(layer, x, p, st) * w).sum(); }, ps);
    auto in_parts = [&](const Tree& p) { return (feed(layer, x, {2, 1, 2}, p, st).y * w).sum(); };
    EXPECT_TREES_CLOSE(grad(in_parts, ps), whole, kPlainFloat64);
  }
}

TEST(KVCache, LivesInTheStatesOfAStatefulRecurrentCell) {
  const Tensor x = normals(1, {2, 5, 8});
  for (int64_t room : {0, 7}) {
    const MHA layer(8, with_room(everything(), room));
    const StatefulRecurrentCell cell{KVCacheCell(layer)};
    const auto [ps, fresh] = in_float64(cell);
    const Tensor whole = output(layer, x, ps, fresh["cell"]);
    auto [y1, st1] = cell(x.narrow(1, 0, 3), ps, fresh);
    auto [y2, st2] = cell(x.narrow(1, 3, 2), ps, st1);
    EXPECT_CLOSE(cat({y1, y2}, 1), whole, kPlainFloat64);
    auto [y3, st3] = cell(x.narrow(1, 0, 3), ps, update_state(st2, "carry", Tree()));
    EXPECT_CLOSE(y3, y1, kPlainFloat64);
  }
}

TEST(KVCache, WithRoomCopiesNoEarlierTokens) {
  const Tensor x = normals(1, {2, 7, 8});
  const MHA layer(8, with_room(everything(), 7));
  const auto [ps, st] = in_float64(layer);
  Tree carry = layer.step(x.narrow(1, 0, 3), Tree(), ps, st).first.carry;
  const void *k = carry[0].tensor().data_ptr(), *v = carry[1].tensor().data_ptr();
  for (int64_t at = 3; at < 7; ++at) {
    carry = layer.step(x.narrow(1, at, 1), carry, ps, st).first.carry;
    EXPECT_EQ(carry[0].tensor().data_ptr(), k);
    EXPECT_EQ(carry[1].tensor().data_ptr(), v);
  }
  const c10::InferenceMode without_gradients;
  carry = layer.step(x.narrow(1, 0, 3), Tree(), ps, st).first.carry;
  k = carry[0].tensor().data_ptr();
  EXPECT_EQ(layer.step(x.narrow(1, 3, 2), carry, ps, st).first.carry[0].tensor().data_ptr(), k);
}

TEST(KVCache, WithRoomLeavesACarryAsItWas) {
  const Tensor x = normals(1, {2, 7, 8}), other = normals(2, {2, 7, 8});
  const MHA layer(8, with_room(everything(), 7));
  const auto [ps, st] = in_float64(layer);
  const Tree start = layer.step(x.narrow(1, 0, 3), Tree(), ps, st).first.carry;
  const Tensor k = start[0].tensor().clone();
  const Step first = layer.step(x.narrow(1, 3, 2), start, ps, st).first;
  const Tensor k_first = first.carry[0].tensor().clone();
  const Step second = layer.step(other.narrow(1, 3, 2), start, ps, st).first;  // another way on
  EXPECT_SAME(start[0], Tree(k));
  EXPECT_SAME(first.carry[0], Tree(k_first));
  EXPECT_CLOSE(
      second.y,
      output(layer, cat({x.narrow(1, 0, 3), other.narrow(1, 3, 2)}, 1), ps, st).narrow(1, 3, 2),
      kPlainFloat64);
  // Of one sample alone, of copies, and of what has no room behind it.
  const Tensor expected = output(layer, x, ps, st).narrow(1, 5, 2);
  auto goes_on = [&](const Tree& carry, const Tensor& part, const Tensor& y) {
    EXPECT_CLOSE(layer.step(part, carry, ps, st).first.y, y, kPlainFloat64);
  };
  const Tensor last = x.narrow(1, 5, 2);
  goes_on(tree::map_tensors([](const Tensor& t) { return t.narrow(0, 0, 1); }, first.carry),
          last.narrow(0, 0, 1), expected.narrow(0, 0, 1));
  goes_on(tree::map_tensors([](const Tensor& t) { return t.narrow(0, 1, 1); }, first.carry),
          last.narrow(0, 1, 1), expected.narrow(0, 1, 1));
  goes_on(tree::map_tensors([](const Tensor& t) { return t.clone(); }, first.carry), last,
          expected);
  goes_on(tuple({first.carry[0], first.carry[1]}), last, expected);
  // Of the first tokens of another carry alone, which stays as it was.
  auto shorter = [](const Tensor& t) { return t.narrow(2, 0, 3); };
  const Tensor k_whole = first.carry[0].tensor().clone();
  goes_on(tree::map_tensors(shorter, first.carry), x.narrow(1, 3, 2),
          output(layer, x.narrow(1, 0, 5), ps, st).narrow(1, 3, 2));
  EXPECT_SAME(first.carry[0], Tree(k_whole));
  goes_on(first.carry, last, expected);
}

TEST(KVCache, RefusesOtherBatchesAndTokensPastItsEnd) {
  const MHA layer(8, everything());
  const auto [ps, st] = in_float64(layer);
  const Tensor x = normals(1, {2, 5, 8});
  const Tree carry = layer.step(x, Tree(), ps, st).first.carry;
  EXPECT_ERROR(
      ShapeError, layer.step(x.narrow(0, 0, 1), carry, ps, st),
      "[MultiHeadAttention] expected a carry (k, v) of shapes (1, 2, tokens, 2) and (1, 2, "
      "tokens, 2), got (2, 2, 5, 2) and (2, 2, 5, 2).");
  EXPECT_ERROR(ShapeError, layer.step(x[0], carry, ps, st),
               "[MultiHeadAttention] expected a carry (k, v) of shapes (2, tokens, 2) and (2, "
               "tokens, 2), got (2, 2, 5, 2) and (2, 2, 5, 2).");
  EXPECT_ERROR(ShapeError, layer.step(x, tree::to(carry, kFloat32), ps, st),
               "[MultiHeadAttention] expected the carry of dtype float64 like the parameters, got "
               "float32. Convert one of them: the carry.to(...) or tree::to(ps, ...).");
  EXPECT_ERROR(
      ShapeError, layer.step(x, x, ps, st),
      "[MultiHeadAttention] expected a carry (k, v) of shapes (2, 2, tokens, 2) and (2, 2, "
      "tokens, 2), got a float64 tensor of shape (2, 5, 8).");
  EXPECT_ERROR(ShapeError, layer.step(x, carry, ps, st),
               "[MultiHeadAttention] expected at most 7 tokens, as .rotary has positions "
               "(.max_sequence_length), got 5 in the carry and 5 more.");
  const MHA short_one(8, {.nheads = 4, .kv_heads = 2, .is_causal = true, .cache_length = 6});
  EXPECT_ERROR(
      ShapeError, short_one.step(x, carry, ps, st),
      "[MultiHeadAttention] expected at most 6 tokens, as .cache_length says, got 5 in the "
      "carry and 5 more.");
  EXPECT_ERROR(ArgumentError, MHA(8, {.nheads = 4, .kv_heads = 2}).step(x, Tree(), ps, st),
               "[MultiHeadAttention] expected .is_causal = true of a layer that takes steps, got "
               "false.");
}

TEST(MultiHeadAttention, CombinesAMaskWithCausality) {
  const Tensor x = normals(1, {2, 5, 8});
  const Tensor mask =
      tensor({{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}}).to(kBool).reshape({2, 1, 1, 5});  // true: attends
  const MHA causal(8, {.nheads = 2, .is_causal = true}), free(8, {.nheads = 2});
  const auto [ps, st] = in_float64(causal);
  const Tensor y = causal(x, x, x, mask, ps, st).first.tensor();
  const Tensor both = logical_and(mask, ops::make_causal_mask(5, 5));
  EXPECT_CLOSE(y, free(x, x, x, both, ps, st).first.tensor(), kPlainFloat64);
  EXPECT_CLOSE(y[0], output(causal, x, ps, st)[0], kPlainFloat64);
  EXPECT_GT(relative_difference(y[1], output(causal, x, ps, st)[1]), 1e-3);
}

TEST(MultiHeadAttention, GivesScoresOnRequest) {
  const MHA layer(8, {.nheads = 2, .return_scores = true});
  const auto [ps, st] = in_float64(layer);
  const Tensor x = normals(1, {3, 5, 8});
  const Tree out = layer(x, ps, st).first;
  EXPECT_EQ(out[1].tensor().sizes(), (Sizes{3, 2, 5, 5}));
  EXPECT_CLOSE(out[1].tensor().sum(-1), ones({3, 2, 5}, {.dtype = kFloat64}), kPlainFloat64);
  EXPECT_CLOSE(out[0].tensor(), output(MHA(8, {.nheads = 2}), x, ps, st), kPlainFloat64);
  const Tree of_one = layer(x[0], ps, st).first;
  EXPECT_CLOSE(of_one[0].tensor(), out[0].tensor()[0], kPlainFloat64);
  EXPECT_CLOSE(of_one[1].tensor(), out[1].tensor()[0], kPlainFloat64);
}

TEST(MultiHeadAttention, DropsScoresInTrainingAlone) {
  const MHA layer(8, {.nheads = 2, .attention_dropout_probability = 0.5, .return_scores = true});
  const auto [ps, st] = in_float64(layer);
  const Tensor x = normals(1, {3, 5, 8});
  auto zeros_of = [](const Tree& out) {
    return (out[1].tensor() == 0).to(kFloat64).mean().item<double>();
  };
  auto [out, st2] = layer(x, ps, st);
  EXPECT_NEAR(zeros_of(out), 0.5, 0.15);
  EXPECT_SAME(layer(x, ps, st).first, out);
  EXPECT_GT(relative_difference(layer(x, ps, st2).first[1].tensor(), out[1].tensor()), 0.1);
  EXPECT_EQ(zeros_of(layer(x, ps, testmode(st)).first), 0);
}

TEST(MultiHeadAttention, OfGroupsIsThatOfRepeatedHeads) {
  const Tensor x = normals(1, {2, 5, 8});
  const MHA grouped(8, {.nheads = 4, .kv_heads = 2}), full(8, {.nheads = 4});
  const auto [ps, st] = in_float64(grouped);
  auto repeated = [&](const Tree& p, const char* name) {
    return p.with(name,
                  p.at(name).tensor().unflatten(0, {2, 2}).repeat_interleave(2, 0).flatten(0, 1));
  };
  const Tree all = repeated(repeated(ps, "k_proj.weight"), "v_proj.weight");
  EXPECT_CLOSE(output(grouped, x, ps, st), output(full, x, all, st), kPlainFloat64);
  const ops::DisableFusedKernels guard;
  EXPECT_CLOSE(output(grouped, x, ps, st), output(full, x, all, st), kPlainFloat64);
}

TEST(MultiHeadAttention, AddsTheBiasesOfAlibi) {
  const Tensor x = normals(1, {2, 5, 8});
  const MHA layer(8, {.nheads = 2, .return_scores = true, .alibi = true}),
      without(8, {.nheads = 2, .return_scores = true});
  const auto [ps, st] = in_float64(layer);
  const Tensor scores = layer(x, ps, st).first[1].tensor();
  const Tensor expected =
      without(x, ps, st).first[1].tensor().log() + ops::alibi_bias(2, 5, 5, {.dtype = kFloat64});
  EXPECT_CLOSE(scores, softmax(expected, -1), kPlainFloat64);
}

TEST(MultiHeadAttention, TakesTheFusedWayWhereItIsRight) {
  auto backend = [] { return ops::last_backend(ops::FusedOp::attention).backend; };
  const Tensor x = normals(1, {2, 5, 8});
  for (const auto& [name, options] : causal_options()) {
    SCOPED_TRACE(name);
    const MHA layer(8, options);
    const auto [ps, st] = in_float64(layer);
    (void)layer(x, ps, st);
    EXPECT_EQ(backend(), ops::Backend::fused);
    (void)layer(x.narrow(1, 0, 1), ps, st);  // one query
    EXPECT_EQ(backend(), ops::Backend::fused);
  }
}

TEST(MultiHeadAttention, CountsItsProductsInASummary) {
  const int64_t batch = 3, time = 5, queries = batch * time;
  const MHA layer(8, {.nheads = 4, .kv_heads = 2});
  const auto s = summary(layer, Shape{batch, time, 8}, kFloat32);
  const int64_t products = 2 * queries * 4 * time * 2;  // of 4 heads of size 2
  EXPECT_EQ(s.rows[0].flops, 2 * products);             // scores and weighted sums
  EXPECT_EQ(s.flops, 2 * products + 2 * queries * 8 * (8 + 4 + 4 + 8));
}

TEST(MultiHeadAttention, HasTorchsPackedNamesInsideAModel) {
  const MHA same(4, {.nheads = 2, .dense = {}}),
      other(AttentionDims{.q_in = 4, .k_in = 3}, {.nheads = 2, .dense = {}});
  struct Model {
    MHA attn, cross;
    LUXTORCH_LAYERS(attn, cross)
    Out<Tree> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
  };
  const Chain model(Model{same, other});
  auto [ps, st] = setup(Rng(0), model);
  const Tree state = to_torch(model, ps, st);
  EXPECT_EQ(tree::paths(state),
            (Strings{"0.attn.in_proj_weight", "0.attn.in_proj_bias", "0.attn.out_proj.weight",
                     "0.attn.out_proj.bias", "0.cross.q_proj_weight", "0.cross.in_proj_bias",
                     "0.cross.k_proj_weight", "0.cross.v_proj_weight", "0.cross.out_proj.weight",
                     "0.cross.out_proj.bias"}));
  EXPECT_EQ(state.at("0.attn.in_proj_weight").tensor().sizes(), (Sizes{12, 4}));
  EXPECT_SAME(from_torch(model, state).first, ps);
  EXPECT_ERROR(
      TreeError, from_torch(model, state.with("0.attn.in_proj_weight", zeros({11, 4}))),
      "[from_torch] expected a state dict of the model, got 0.attn.in_proj_weight of shape "
      "(11, 4) in place of (12, 4).");
}

}  // namespace
}  // namespace luxtorch::testing
