// The key-value cache of transformers, their masks, and what their registrations do not say.
#include "luxtorch/layers/transformer.h"

#include <gtest/gtest.h>

#include "layers/transformer_cases.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/values.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/ops/attention.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

using Lengths = std::vector<int64_t>;

// What a cell gives for a sequence in parts of these lengths.
template <class C>
Tensor fed_in_parts(const C& cell, const Tensor& x, const Lengths& lengths, const Tree& ps,
                    Tree st) {
  std::vector<Tensor> ys;
  Tree carry;
  int64_t at = 0;
  for (int64_t n : lengths) {
    auto [step, next] = cell(x.narrow(1, at, n), carry, ps, st);
    ys.push_back(step.y), carry = step.carry, st = next, at += n;
  }
  return cat(ys, 1);
}

const std::vector<Lengths> kCutsOfSeven{
    {7}, {1, 1, 1, 1, 1, 1, 1}, {4, 1, 1, 1}, {1, 6}, {3, 2, 2}};

template <class L>
void expect_the_call_in_any_cuts(const L& layer) {
  const Tensor x = numbers(1, {2, 7, 8});
  const auto [ps, st] = doubles_of(layer);
  const Tensor whole = layer(x, ps, st).first;
  for (const auto& lengths : kCutsOfSeven)
    EXPECT_CLOSE(fed_in_parts(KVCacheCell(layer), x, lengths, ps, st), whole, kPlainFloat64);
}

TEST(TransformerCache, GivesTheCausalCallOfALayerInAnyCuts) {
  expect_the_call_in_any_cuts(TransformerEncoderLayer(8, kGpt));
  expect_the_call_in_any_cuts(TransformerEncoderLayer(8, kLlama));
  auto post_norm = kGpt;
  post_norm.norm_first = false, post_norm.qk_norm = true;
  expect_the_call_in_any_cuts(TransformerEncoderLayer(8, post_norm));
}

TEST(TransformerCache, GivesTheCausalCallOfAStackInAnyCuts) {
  expect_the_call_in_any_cuts(TransformerEncoder(TransformerEncoderLayer(8, kGpt), 3));
  expect_the_call_in_any_cuts(
      TransformerEncoder(TransformerEncoderLayer(8, kLlama), 2, {.norm = true}));
  expect_the_call_in_any_cuts(TransformerEncoder(TransformerEncoderLayer(8, kLlama), 2,
                                                 {.norm = true, .checkpointed = true}));
}

TEST(TransformerCache, GivesTheCausalCallInMemoryOfAGivenSize) {
  auto options = kLlama;
  options.cache_length = 7;
  expect_the_call_in_any_cuts(TransformerEncoderLayer(8, options));
  expect_the_call_in_any_cuts(TransformerEncoder(TransformerEncoderLayer(8, options), 2));
}

TEST(TransformerCache, GivesTheCausalCallOfADecodersLayerInAnyCuts) {
  const TransformerDecoderLayer layer(8, kLlama);
  const auto made = doubles_of(layer);
  const Tree &ps = made.first, &st = made.second;
  const Tensor x = numbers(1, {2, 7, 8}), memory = numbers(2, {2, 3, 8});
  const Tensor whole = layer(x, memory, ps, st).first;
  auto cell = [&](const Tensor& part, const Tree& carry, const Tree& p, const Tree& s) {
    return layer.step(part, memory, carry, p, s);
  };
  for (const auto& lengths : kCutsOfSeven)
    EXPECT_CLOSE(fed_in_parts(cell, x, lengths, ps, st), whole, kPlainFloat64);
}

TEST(TransformerCache, GivesTheCausalCallOfADecodersStackInAnyCuts) {
  auto in_memory = kLlama;
  in_memory.cache_length = 7;
  for (const auto& options : {kGpt, kLlama, in_memory}) {
    for (bool checkpointed : {false, true}) {
      const TransformerDecoder stack(TransformerDecoderLayer(8, options), 3,
                                     {.norm = true, .checkpointed = checkpointed});
      const auto made = doubles_of(stack);
      const Tree &ps = made.first, &st = made.second;
      const Tensor x = numbers(1, {2, 7, 8}), memory = numbers(2, {2, 3, 8});
      const Tensor whole = stack(x, memory, ps, st).first;
      auto cell = [&](const Tensor& part, const Tree& carry, const Tree& p, const Tree& s) {
        return stack.step(part, memory, carry, p, s);
      };
      for (const auto& lengths : kCutsOfSeven)
        EXPECT_CLOSE(fed_in_parts(cell, x, lengths, ps, st), whole, kPlainFloat64);
    }
  }
}

TEST(TransformerCache, OfADecodersStackHasAPartForEachLayer) {
  const TransformerDecoder stack(TransformerDecoderLayer(8, kGpt), 2, {.norm = true});
  const auto [ps, st] = doubles_of(stack);
  const Tensor x = numbers(1, {2, 2, 8}), memory = numbers(2, {2, 3, 8});
  const Tree carry = stack.step(x.narrow(1, 0, 1), memory, Tree(), ps, st).first.carry;
  ASSERT_EQ(carry.size(), 2U);
  const Tree next = stack.step(x.narrow(1, 1, 1), memory, carry, ps, st).first.carry;
  for (size_t i : {0U, 1U})  // the memory's keys are not computed again
    EXPECT_TRUE(next[i][1][0].tensor().is_same(carry[i][1][0].tensor()));
  EXPECT_ERROR(
      ShapeError, stack.step(x, memory, tuple({carry[0]}), ps, st),
      "[TransformerDecoder] expected a carry with a part for each of 2 layers, got a tuple of 1.");
}

TEST(TransformerCache, OfADecodersLayerHoldsTheMemorysKeysAndValues) {
  auto options = kLlama;
  options.qk_norm = true;
  const TransformerDecoderLayer layer(8, options);
  const auto [ps, st] = doubles_of(layer);
  const Tensor x = numbers(1, {2, 2, 8}), memory = numbers(2, {2, 3, 8});
  const Tensor first = x.narrow(1, 0, 1), second = x.narrow(1, 1, 1);
  const Tree carry = layer.step(first, memory, Tree(), ps, st).first.carry;
  EXPECT_EQ(carry[1][0].tensor().sizes(), (Sizes{2, 2, 3, 2}));
  const auto next = layer.step(second, memory, carry, ps, st).first;
  EXPECT_CLOSE(next.y, layer(x, memory, ps, st).first.narrow(1, 1, 1), kPlainFloat64);
  for (int i : {0, 1})  // not computed again
    EXPECT_TRUE(next.carry[1][i].tensor().is_same(carry[1][i].tensor()));
  const Tensor alone = x.select(0, 1), its_memory = memory.select(0, 1);
  const Tree its_carry = layer.step(alone.narrow(0, 0, 1), its_memory, Tree(), ps, st).first.carry;
  EXPECT_CLOSE(layer.step(alone.narrow(0, 1, 1), its_memory, its_carry, ps, st).first.y,
               next.y.select(0, 1), kPlainFloat64);
  EXPECT_ERROR(ShapeError, layer.step(second, memory, tuple({carry[0]}), ps, st),
               "[TransformerDecoderLayer] expected a carry of self-attention and of the memory, a "
               "tuple of 2, got a tuple of 1.");
  EXPECT_ERROR(ShapeError, layer.step(second, memory.narrow(1, 0, 2), carry, ps, st),
               "[MultiHeadAttention] expected a carry with the memory's keys and values of shapes "
               "(2, 2, 2, 2) and (2, 2, 2, 2), got (2, 2, 3, 2) and (2, 2, 3, 2). A carry goes on "
               "with the memory that it began with.");
}

TEST(TransformerCache, LivesInTheStatesOfAStatefulRecurrentCell) {
  const TransformerEncoder stack(TransformerEncoderLayer(8, kGpt), 2, {.norm = true});
  const StatefulRecurrentCell cell{KVCacheCell(stack)};
  const auto [ps, fresh] = doubles_of(cell);
  const Tensor x = numbers(1, {2, 5, 8}), whole = stack(x, ps, fresh["cell"]).first;
  auto [y1, st1] = cell(x.narrow(1, 0, 3), ps, fresh);
  auto [y2, st2] = cell(x.narrow(1, 3, 2), ps, st1);
  EXPECT_CLOSE(cat({y1, y2}, 1), whole, kPlainFloat64);
  EXPECT_EQ(st2["carry"].size(), 2u);
  auto [again, st3] = cell(x.narrow(1, 0, 3), ps, update_state(st2, "carry", Tree()));
  EXPECT_CLOSE(again, y1, kPlainFloat64);
}

TEST(TransformerCache, HasTheGradientsOfTheCausalCall) {
  const TransformerEncoder stack(TransformerEncoderLayer(8, kLlama), 2, {.norm = true});
  const auto made = doubles_of(stack);
  const Tree &ps = made.first, &st = made.second;
  const Tensor x = numbers(1, {2, 5, 8}), w = numbers(2, {2, 5, 8});
  const Tree whole = grad([&](const Tree& p) { return (stack(x, p, st).first * w).sum(); }, ps);
  const Tree parts = grad(
      [&](const Tree& p) {
        return (fed_in_parts(KVCacheCell(stack), x, {2, 1, 2}, p, st) * w).sum();
      },
      ps);
  EXPECT_TREES_CLOSE(parts, whole, 1e-11);
}

TEST(TransformerCache, RefusesACarryThatDoesNotFit) {
  const TransformerEncoder stack(TransformerEncoderLayer(8, kGpt), 2);
  const KVCacheCell cell(stack);
  const auto [ps, st] = doubles_of(cell);
  const Tensor x = numbers(1, {2, 5, 8});
  const Tree carry = apply(cell, x, ps, st).first.carry;
  EXPECT_ERROR(
      ShapeError, stack.step(x, tuple({carry[0]}), ps, st),
      "[TransformerEncoder] expected a carry with a part for each of 2 layers, got a tuple "
      "of 1.");
  try {
    (void)Layer(cell)(tuple({x.narrow(0, 0, 1), carry}), ps, st);
    ADD_FAILURE() << "takes a carry of another batch size";
  } catch (const ShapeError& error) {
    const std::string text = error.what(), place = "[MultiHeadAttention] at layers.0.self_attn: ";
    EXPECT_EQ(text.substr(0, place.size()), place);
  }
  const TransformerEncoderLayer both_ways(8, {.nheads = 2});
  const auto [ps2, st2] = doubles_of(both_ways);
  EXPECT_THROW((void)both_ways.step(x, Tree(), ps2, st2), ArgumentError);
}

TEST(TransformerMask, IsTrueWhereATokenMayAttend) {
  auto free = kGpt;
  free.is_causal = false;
  const TransformerEncoderLayer causal(8, kGpt), any(8, free);
  const auto [ps, st] = doubles_of(any);
  const Tensor x = numbers(1, {2, 5, 8}), mask = ops::make_causal_mask(5, 5);
  EXPECT_CLOSE(any(x, mask, ps, st).first, causal(x, ps, st).first, kPlainFloat64);
  EXPECT_GT(relative_difference(any(x, ps, st).first, causal(x, ps, st).first), 1e-3);
}

TEST(TransformerMask, GoesToEveryLayerOfAStack) {
  auto free = kGpt;
  free.is_causal = false;
  for (bool checkpointed : {false, true}) {
    const TransformerEncoder stack(TransformerEncoderLayer(8, free), 2,
                                   {.checkpointed = checkpointed});
    const auto [ps, st] = doubles_of(stack);
    // What is behind the first 3 tokens is padding.
    const Tensor x = numbers(1, {2, 5, 8}),
                 mask = tensor({1, 1, 1, 0, 0}).to(kBool).reshape({1, 1, 1, 5});
    const Tensor y = stack(x, mask, ps, st).first;
    EXPECT_CLOSE(y.narrow(1, 0, 3), stack(x.narrow(1, 0, 3), ps, st).first, kPlainFloat64);
  }
}

TEST(TransformerMask, OfADecoderIsOfItselfAndOfTheMemory) {
  auto free = kGpt;
  free.is_causal = false;
  const TransformerDecoderLayer causal(8, kGpt), any(8, free);
  const auto [ps, st] = doubles_of(any);
  const Tensor x = numbers(1, {2, 5, 8}), memory = numbers(2, {2, 4, 8});
  const Tensor mask = ops::make_causal_mask(5, 5);
  EXPECT_CLOSE(any(x, memory, mask, ps, st).first, causal(x, memory, ps, st).first, kPlainFloat64);
  const Tensor memory_mask = tensor({1, 1, 0, 0}).to(kBool).reshape({1, 1, 1, 4});
  EXPECT_CLOSE(any(x, memory, Tensor(), memory_mask, ps, st).first,
               any(x, memory.narrow(1, 0, 2), ps, st).first, kPlainFloat64);
  EXPECT_CLOSE(any(x, memory, mask, memory_mask, ps, st).first,
               causal(x, memory.narrow(1, 0, 2), ps, st).first, kPlainFloat64);
}

TEST(TransformerMask, GoesToEveryLayerOfADecodersStack) {
  auto free = kGpt;
  free.is_causal = false;
  for (bool checkpointed : {false, true}) {
    const TransformerDecoder any(TransformerDecoderLayer(8, free), 2,
                                 {.checkpointed = checkpointed}),
        causal(TransformerDecoderLayer(8, kGpt), 2);
    const auto [ps, st] = doubles_of(any);
    const Tensor x = numbers(1, {2, 5, 8}), memory = numbers(2, {2, 4, 8});
    const Tensor mask = ops::make_causal_mask(5, 5),
                 memory_mask = tensor({1, 1, 0, 0}).to(kBool).reshape({1, 1, 1, 4});
    EXPECT_CLOSE(any(x, memory, mask, ps, st).first, causal(x, memory, ps, st).first,
                 kPlainFloat64);
    EXPECT_CLOSE(any(x, memory, Tensor(), memory_mask, ps, st).first,
                 any(x, memory.narrow(1, 0, 2), ps, st).first, kPlainFloat64);
  }
}

TEST(Transformer, OfADecoderHasTheSameGradientsCheckpointed) {
  const TransformerDecoderLayer layer(8, {.nheads = 2, .hidden = 5, .dropout = 0.3});
  const TransformerDecoder plain(layer, 2), checkpointed(layer, 2, {.checkpointed = true});
  const auto made = doubles_of(plain);
  const Tree &ps = made.first, &st = made.second;
  const Tensor x = numbers(1, {2, 5, 8}), memory = numbers(3, {2, 4, 8}), w = numbers(2, {2, 5, 8});
  auto of = [&](const TransformerDecoder& stack) {
    return grad([&](const Tree& p) { return (stack(x, memory, p, st).first * w).sum(); }, ps);
  };
  EXPECT_TREES_CLOSE(of(checkpointed), of(plain), kPlainFloat64);
  EXPECT_SAME(checkpointed(x, memory, ps, st).second, plain(x, memory, ps, st).second);
}

TEST(Transformer, HasTheSameGradientsCheckpointed) {
  const TransformerEncoderLayer layer(8, {.nheads = 2, .hidden = 5, .dropout = 0.3});
  const TransformerEncoder plain(layer, 3), checkpointed(layer, 3, {.checkpointed = true});
  const auto made = doubles_of(plain);
  const Tree &ps = made.first, &st = made.second;
  EXPECT_SAME(doubles_of(checkpointed).first, ps);
  const Tensor x = numbers(1, {2, 5, 8}), w = numbers(2, {2, 5, 8});
  auto of = [&](const TransformerEncoder& stack) {
    return grad([&](const Tree& p) { return (stack(x, p, st).first * w).sum(); }, ps);
  };
  EXPECT_TREES_CLOSE(of(checkpointed), of(plain), kPlainFloat64);
  EXPECT_SAME(checkpointed(x, ps, st).second, plain(x, ps, st).second);
}

TEST(Transformer, DropsInTrainingAlone) {
  const TransformerEncoderLayer dropping(8, {.nheads = 2, .dropout = 0.5}), plain(8, {.nheads = 2});
  const auto [ps, st] = doubles_of(dropping);
  const Tensor x = numbers(1, {2, 5, 8});
  EXPECT_CLOSE(dropping(x, ps, testmode(st)).first, plain(x, ps, setup(0, plain).second).first,
               kPlainFloat64);
  auto [y, st2] = dropping(x, ps, st);
  EXPECT_GT(relative_difference(y, dropping(x, ps, st2).first), 1e-3);
  for (const char* name : {"dropout", "dropout1", "dropout2"})
    EXPECT_FALSE(same("before", "after", st[name], st2[name])) << name;
}

TEST(Transformer, NamesThePlacesOfItsLayers) {
  const Chain model(TransformerEncoder(TransformerEncoderLayer(8, kGpt), 2, {.norm = true}));
  const auto rows = summary(model, {2, 5, 8}).rows;
  std::vector<std::string> unseen;
  for (const auto& row : rows)
    if (row.output.empty() && row.layer != "nothing" && row.path != "layer_1.layers")
      unseen.push_back(row.path);
  EXPECT_EQ(unseen, Strings{});
}

}  // namespace
}  // namespace luxtorch::testing
