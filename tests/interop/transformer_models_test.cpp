// Whole transformers made in Python: their logits, and their state dicts both ways.
#include <gtest/gtest.h>

#include <map>

#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/state_dict.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/transformer.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

constexpr int64_t kVocabulary = 11, kDims = 8, kLength = 6;

// One matrix for tokens in and out.
Tensor logits_of(const Tensor& h, const Tree& ps) {
  return matmul(h, ps["tokens"]["weight"].tensor().t());
}

struct LearnedPositionsGpt {
  Embedding tokens{kVocabulary, kDims};
  PositionalEmbedding positions{kLength, kDims};
  TransformerEncoder blocks{
      TransformerEncoderLayer(kDims, {.nheads = 2, .hidden = 16, .is_causal = true}),
      2,
      {.norm = true}};
  LUXTORCH_LAYERS(tokens, positions, blocks)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto h = tokens(x, ps["tokens"], st["tokens"]).first;
    h = positions(h, ps["positions"], st["positions"]).first;
    auto [y, next] = blocks(h, ps["blocks"], st["blocks"]);
    return {logits_of(y, ps), st.with("blocks", next)};
  }
};

struct RotaryPositionsGpt {
  Embedding tokens{kVocabulary, kDims};
  TransformerEncoder blocks{
      TransformerEncoderLayer(kDims, {.nheads = 4,
                                      .hidden = 12,
                                      .activation = swish,
                                      .norm = TransformerNorm::RMSNorm,
                                      .gated = true,
                                      .kv_heads = 2,
                                      .rotary = {{.max_sequence_length = kLength}},
                                      .is_causal = true,
                                      .use_bias = false}),
      2,
      {.norm = true}};
  LUXTORCH_LAYERS(tokens, blocks)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    const auto h = tokens(x, ps["tokens"], st["tokens"]).first;
    auto [y, next] = blocks(h, ps["blocks"], st["blocks"]);
    return {logits_of(y, ps), st.with("blocks", next)};
  }
  // One token after the other, from the cache.
  Tensor in_steps(const Tensor& x, const Tree& ps, const Tree& st) const {
    const KVCacheCell cell(blocks);
    std::vector<Tensor> ys;
    Tree carry;
    for (int64_t i = 0; i < x.size(1); ++i) {
      const auto h = tokens(x.narrow(1, i, 1), ps["tokens"], st["tokens"]).first;
      auto step = cell(h, carry, ps["blocks"], st["blocks"]).first;
      ys.push_back(logits_of(step.y, ps)), carry = step.carry;
    }
    return cat(ys, 1);
  }
};

struct Classifier {
  Embedding tokens{kVocabulary, kDims};
  TransformerEncoder blocks{
      TransformerEncoderLayer(kDims,
                              {.nheads = 2, .hidden = 16, .activation = relu, .norm_first = false}),
      2};
  Dense head{kDims, 3};
  LUXTORCH_LAYERS(tokens, blocks, head)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    const Tensor kept = x != 0;
    const auto h = tokens(x, ps["tokens"], st["tokens"]).first;
    auto [y, next] = blocks(h, kept.unsqueeze(1).unsqueeze(1), ps["blocks"], st["blocks"]);
    const Tensor weights = kept.unsqueeze(-1).to(h.scalar_type());
    const Tensor mean = (y * weights).sum(1) / weights.sum(1);
    return {head(mean, ps["head"], st["head"]).first, st.with("blocks", next)};
  }
};

// Names in alphabetical order: that of a state dict has no meaning.
std::map<std::string, Tree> by_name(const Tree& state) {
  std::map<std::string, Tree> leaves;
  tree::for_each([&](const std::string& path, const Tree& leaf) { leaves.emplace(path, leaf); },
                 state);
  return leaves;
}

template <class Model>
void expect_as_in_python(const Model& model, const Tree& c) {
  auto [ps, st] = from_torch(model, c["state"]);
  EXPECT_CLOSE(apply(model, c["x"].tensor(), ps, st).first, c["logits"].tensor(), kGoldenFloat64);

  const auto expected = by_name(c["state"]), got = by_name(to_torch(model, ps, st));
  Strings expected_names, names;
  for (const auto& [name, leaf] : expected) expected_names.push_back(name);
  for (const auto& [name, leaf] : got) names.push_back(name);
  ASSERT_EQ(names, expected_names);
  for (const auto& [name, leaf] : expected) EXPECT_SAME(got.at(name), leaf) << name;
}

TEST(TransformerModels, OfPythonWithLearnedPositionsGiveTheSameLogits) {
  expect_as_in_python(LearnedPositionsGpt(), load_golden("transformers")["learned_positions"]);
}

TEST(TransformerModels, OfPythonWithRotaryPositionsGiveTheSameLogits) {
  const Tree c = load_golden("transformers")["rotary_positions"];
  const RotaryPositionsGpt model;
  expect_as_in_python(model, c);
  const auto [ps, st] = from_torch(model, c["state"]);
  EXPECT_CLOSE(model.in_steps(c["x"].tensor(), ps, st), c["logits"].tensor(), kGoldenFloat64);
  // With the tables of positions too, as older files have them.
  Tree with = c["state"];
  for (const std::string layer : {"0", "1"}) {
    const auto attention = "blocks.layers." + layer + ".self_attn";
    with = with.with(attention, with.at(attention).with("rotary", st.at(attention)["rotary"]));
  }
  EXPECT_SAME(from_torch(model, with).second, st);
}

TEST(TransformerModels, OfPythonThatEncodePaddedTokensGiveTheSameLogits) {
  expect_as_in_python(Classifier(), load_golden("transformers")["encoder"]);
}

}  // namespace
}  // namespace luxtorch::testing
