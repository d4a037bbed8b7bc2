// Steps of attention with a mask of padding: one masked causal call, in any cuts.
#include <gtest/gtest.h>

#include "layers/transformer_cases.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/values.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/layers/transformer.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TransformerLayerOptions with_room(TransformerLayerOptions options) {
  options.cache_length = 7;
  return options;
}

// Three prompts of 7, 4 and 5 tokens, padded at their start; and padding in between.
Tensor kept_tokens() {
  return tensor({{1, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 1, 1, 1, 1}, {0, 0, 1, 1, 0, 1, 1}}).to(kBool);
}
// Of shape (batch, heads, queries, keys), as a whole call takes it.
Tensor of_keys(const Tensor& kept) { return kept.unsqueeze(1).unsqueeze(1); }

const std::vector<std::vector<int64_t>> kCuts{{7}, {1, 1, 1, 1, 1, 1, 1}, {5, 1, 1}, {2, 5}};

// step(x, mask, carry): a layer's. Steps behind the last padding get no mask.
template <class F>
Tensor fed(const Tensor& x, const Tensor& kept, const std::vector<int64_t>& lengths,
           const F& step) {
  std::vector<Tensor> ys;
  Tree carry;
  int64_t at = 0;
  for (int64_t n : lengths) {
    const Tensor mask = kept.narrow(-1, at, n);
    Step now = step(x.narrow(-2, at, n), mask.all().item<bool>() ? Tensor() : mask, carry);
    ys.push_back(now.y), carry = now.carry, at += n;
  }
  return cat(ys, -2);
}

template <class L>
void expect_the_masked_call(const L& layer) {
  const Tensor x = numbers(1, {3, 7, 8}), kept = kept_tokens();
  const auto made = doubles_of(layer);
  const Tree &ps = made.first, &st = made.second;
  const Tensor whole = layer(x, of_keys(kept), ps, st).first;
  const KVCacheCell<L> cell(layer);
  auto step = [&](const Tensor& part, const Tensor& mask, const Tree& carry) {
    return cell(part, mask, carry, ps, st).first;
  };
  for (const auto& lengths : kCuts) EXPECT_CLOSE(fed(x, kept, lengths, step), whole, kPlainFloat64);
  // Of one sample, without batch.
  EXPECT_CLOSE(fed(x[1], kept[1], {4, 1, 2}, step), whole[1], kPlainFloat64);
  EXPECT_GT(relative_difference(fed(x, kept.logical_or(kept.logical_not()), {7}, step), whole),
            1e-3);
}

TEST(PaddedSteps, GiveTheMaskedCausalCallOfALayer) {
  for (const auto& options : {kGpt, kLlama, with_room(kLlama)})
    expect_the_masked_call(TransformerEncoderLayer(8, options));
}

TEST(PaddedSteps, GiveTheMaskedCausalCallOfAStack) {
  for (const auto& options : {kGpt, with_room(kLlama)}) {
    expect_the_masked_call(
        TransformerEncoder(TransformerEncoderLayer(8, options), 2, {.norm = true}));
  }
  expect_the_masked_call(TransformerEncoder(TransformerEncoderLayer(8, kLlama), 2,
                                            {.norm = true, .checkpointed = true}));
}

TEST(PaddedSteps, GiveTheMaskedCausalCallOfAttention) {
  for (int64_t room : {0, 7}) {
    const MultiHeadAttention layer(8, {.nheads = 2, .is_causal = true, .cache_length = room});
    const auto made = doubles_of(layer);
    const Tree &ps = made.first, &st = made.second;
    const Tensor x = numbers(1, {3, 7, 8}), kept = kept_tokens();
    const Tensor whole = layer(x, x, x, of_keys(kept), ps, st).first.tensor();
    auto step = [&](const Tensor& part, const Tensor& mask, const Tree& carry) {
      return layer.step(part, mask, carry, ps, st).first;
    };
    for (const auto& lengths : kCuts)
      EXPECT_CLOSE(fed(x, kept, lengths, step), whole, kPlainFloat64);
  }
}

TEST(PaddedSteps, OfAShorterPromptAreThoseOfThePromptAlone) {
  const TransformerEncoder stack(TransformerEncoderLayer(8, kGpt), 2, {.norm = true});
  const auto made = doubles_of(stack);
  const Tree &ps = made.first, &st = made.second;
  const Tensor x = numbers(1, {3, 7, 8});
  auto step = [&](const Tensor& part, const Tensor& mask, const Tree& carry) {
    return stack.step(part, mask, carry, ps, st).first;
  };
  const Tensor y = fed(x, kept_tokens(), {5, 1, 1}, step);
  EXPECT_CLOSE(y[1].narrow(0, 3, 4), stack(x[1].narrow(0, 3, 4), ps, st).first, kPlainFloat64);
}

TEST(PaddedSteps, HoldTheMaskInTheCarryOnceThereIsOne) {
  for (int64_t room : {0, 7}) {
    const MultiHeadAttention layer(8, {.nheads = 2, .is_causal = true, .cache_length = room});
    const auto [ps, st] = doubles_of(layer);
    const Tensor x = numbers(1, {3, 7, 8}), kept = kept_tokens();
    const Tree without = layer.step(x.narrow(1, 0, 3), Tree(), ps, st).first.carry;
    EXPECT_EQ(without.size(), room == 0 ? 2U : 3U);
    const Tree with =
        layer.step(x.narrow(1, 3, 2), kept.narrow(1, 3, 2), without, ps, st).first.carry;
    EXPECT_EQ(with.size(), room == 0 ? 3U : 4U);
    EXPECT_SAME(with[2], Tree(cat({ones({3, 3}).to(kBool), kept.narrow(1, 3, 2)}, 1)));
    const Tree after = layer.step(x.narrow(1, 5, 1), with, ps, st).first.carry;
    EXPECT_SAME(after[2], Tree(cat({with[2].tensor(), ones({3, 1}).to(kBool)}, 1)));
  }
}

TEST(PaddedSteps, GoOnInTheStatesOfAStatefulRecurrentCell) {
  const TransformerEncoder stack(TransformerEncoderLayer(8, kLlama), 2);
  const StatefulRecurrentCell cell{KVCacheCell(stack)};
  const auto [ps, fresh] = doubles_of(cell);
  const Tensor x = numbers(1, {3, 7, 8}), kept = kept_tokens();
  auto [prompt, after] =
      stack.step(x.narrow(1, 0, 5), kept.narrow(1, 0, 5), Tree(), ps, fresh["cell"]);
  const Tree st = named({{"cell", after}, {"carry", prompt.carry}});
  const Tensor y = cell(x.narrow(1, 5, 2), ps, st).first;
  EXPECT_CLOSE(y, stack(x, of_keys(kept), ps, fresh["cell"]).first.narrow(1, 5, 2), kPlainFloat64);
}

template <class L>
void expect_the_masked_call_with_memory(const L& layer) {
  const Tensor x = numbers(1, {3, 7, 8}), kept = kept_tokens(), memory = numbers(2, {3, 4, 8}),
               memory_kept = tensor({{1, 1, 1, 1}, {1, 1, 0, 0}, {1, 0, 0, 0}}).to(kBool);
  const auto made = doubles_of(layer);
  const Tree &ps = made.first, &st = made.second;
  const Tensor whole = layer(x, memory, of_keys(kept), of_keys(memory_kept), ps, st).first;
  for (const auto& lengths : kCuts) {
    for (bool once : {false, true}) {  // the memory's mask in the first step alone
      auto step = [&](const Tensor& part, const Tensor& mask, const Tree& carry) {
        const Tensor of_memory = once && !carry.is_none() ? Tensor() : memory_kept;
        return layer.step(part, memory, mask, of_memory, carry, ps, st).first;
      };
      EXPECT_CLOSE(fed(x, kept, lengths, step), whole, kPlainFloat64);
    }
  }
  // Of one sample, without batch.
  auto step = [&](const Tensor& part, const Tensor& mask, const Tree& carry) {
    return layer.step(part, memory[1], mask, memory_kept[1], carry, ps, st).first;
  };
  EXPECT_CLOSE(fed(x[1], kept[1], {4, 1, 2}, step), whole[1], kPlainFloat64);
}

TEST(PaddedSteps, GiveTheMaskedCausalCallOfADecodersLayer) {
  for (const auto& options : {kGpt, kLlama, with_room(kLlama)})
    expect_the_masked_call_with_memory(TransformerDecoderLayer(8, options));
}

TEST(PaddedSteps, GiveTheMaskedCausalCallOfADecodersStack) {
  for (const auto& options : {kGpt, with_room(kLlama)}) {
    expect_the_masked_call_with_memory(
        TransformerDecoder(TransformerDecoderLayer(8, options), 2, {.norm = true}));
  }
  expect_the_masked_call_with_memory(
      TransformerDecoder(TransformerDecoderLayer(8, kGpt), 2, {.checkpointed = true}));
}

TEST(PaddedSteps, RefuseAMaskOfAnotherShapeOrDtype) {
  const MultiHeadAttention layer(8, {.nheads = 2, .is_causal = true});
  const auto [ps, st] = doubles_of(layer);
  const Tensor x = numbers(1, {3, 7, 8}), kept = kept_tokens();
  EXPECT_ERROR(ShapeError, layer.step(x, kept.narrow(1, 0, 5), Tree(), ps, st),
               "[MultiHeadAttention] expected a mask of booleans of shape (3, 7), true for a token "
               "and false for padding, got bool of shape (3, 5).");
  EXPECT_ERROR(ShapeError, layer.step(x, of_keys(kept), Tree(), ps, st),
               "[MultiHeadAttention] expected a mask of booleans of shape (3, 7), true for a token "
               "and false for padding, got bool of shape (3, 1, 1, 7).");
  EXPECT_ERROR(ShapeError, layer.step(x, kept.to(kFloat64), Tree(), ps, st),
               "[MultiHeadAttention] expected a mask of booleans of shape (3, 7), true for a token "
               "and false for padding, got float64 of shape (3, 7).");
  EXPECT_ERROR(ShapeError, layer.step(x[0], kept, Tree(), ps, st),
               "[MultiHeadAttention] expected a mask of booleans of shape (7,), true for a token "
               "and false for padding, got bool of shape (3, 7).");
  const Tree carry = layer.step(x, kept, Tree(), ps, st).first.carry;
  EXPECT_ERROR(
      ShapeError,
      layer.step(x, tuple({carry[0], carry[1], carry[2].tensor().narrow(1, 0, 6)}), ps, st),
      "[MultiHeadAttention] expected a carry whose mask is of booleans of shape (3, 7), true for a "
      "token and false for padding, got bool of shape (3, 6).");
  const TransformerDecoderLayer decoder(8, kGpt);
  const auto [ps2, st2] = doubles_of(decoder);
  EXPECT_ERROR(
      ShapeError, decoder.step(x, x, Tensor(), kept.narrow(1, 0, 5), Tree(), ps2, st2),
      "[MultiHeadAttention] expected a mask of the memory of booleans of shape (3, 7), true for a "
      "token and false for padding, got bool of shape (3, 5).");
}

}  // namespace
}  // namespace luxtorch::testing
