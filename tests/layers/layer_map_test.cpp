#include "luxtorch/layer_map.h"

#include <gtest/gtest.h>

#include "luxtorch/compact.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/state_dict.h"
#include "luxtorch/layers/checkpointed.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/function.h"
#include "luxtorch/layers/parallel.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/layers/sequence.h"
#include "luxtorch/layers/transformer.h"
#include "support/compare.h"
#include "support/tiny_layers.h"

namespace luxtorch::testing {
namespace {

// Typed members, a Chain among them, and a vector of Layers.
struct Branched {
  Dense head{2, 3};
  Chain body{Dense(3, 3), Dropout(0.5)};
  std::vector<Layer> more{Dense(3, 3), Dropout(0.5)};
  LUXTORCH_LAYERS(head, body, more)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return {body(head(x, ps["head"], st["head"]).first, ps["body"], st["body"]).first.tensor(), st};
  }
};

Strings paths_of(const Layer& model) {
  auto [ps, st] = setup(Rng(0), model);
  Strings found;
  auto [ps2, st2] = layer_map(
      [&](const LeafLayer& layer, const Tree& p, const Tree& s, const std::string& path) {
        EXPECT_TRUE(p.same_node(ps.at(path)) && s.same_node(st.at(path))) << path;
        found.push_back(path + ": " + layer.label());
        return std::pair(p, s);
      },
      model, ps, st);
  EXPECT_SAME(ps2, ps);
  EXPECT_SAME(st2, st);
  return found;
}

TEST(LayerMap, VisitsEveryLeafWithItsPath) {
  EXPECT_EQ(paths_of(Chain(checkpointed(Chain(Dense(2, 3), NoOpLayer())), Branched{})),
            (Strings{"layer_1.layer_1: Dense(2 => 3)", "layer_1.layer_2: NoOpLayer()",
                     "layer_2.head: Dense(2 => 3)", "layer_2.body.layer_1: Dense(3 => 3)",
                     "layer_2.body.layer_2: Dropout(0.5)", "layer_2.more.0: Dense(3 => 3)",
                     "layer_2.more.1: Dropout(0.5)"}));
  EXPECT_EQ(paths_of(Dense(2, 3)), Strings{": Dense(2 => 3)"});
  EXPECT_EQ(paths_of(Chain()), Strings{": Chain"});
  EXPECT_EQ(paths_of(Chain(StatefulRecurrentCell(RNNCell(2, 3)))),
            Strings{"layer_1: StatefulRecurrentCell"});
  EXPECT_EQ(paths_of(SkipConnection(Slope{}, Counter{})).size(), 2U);
  EXPECT_EQ(paths_of(Wrapped{MoveOnly{}}).size(), 1U);
}

TEST(LayerMap, ChangesPartsOfChosenLayers) {
  auto model = Chain(Branched{}, Dense(3, 1));
  auto [ps, st] = setup(Rng(0), model);
  auto [ps2, st2] = layer_map(
      [](const auto& layer, const Tree& p, const Tree& s, const std::string& path) {
        const auto* dense = layer.template as<Dense>();
        const bool change = dense && path.starts_with("layer_1.body");
        return std::pair(change ? p.with("bias", full({3}, 7)) : p,
                         layer.template as<Dropout>() ? testmode(s) : s);
      },
      model, ps, st);
  EXPECT_SAME(ps2, ps.with("layer_1.body.layer_1.bias", full({3}, 7)));
  EXPECT_SAME(st2, testmode(st));
}

TEST(LayerMap, ReplacesLayersThatAreErased) {
  Layer model = Chain(Branched{}, Parallel(nullptr, Dropout(0.5), Slope{3}),
                      BranchLayer(Dropout(0.5)).fusion(SumCell{}), Maxout(Dropout(0.1)),
                      PairwiseFusion(Dropout(0.2), Dropout(0.3)), checkpointed(Dropout(0.5)),
                      SkipConnection(Dropout(0.5), Dropout(0.5)), RepeatedLayer(Dropout(0.5)));
  auto [ps, st] = setup(Rng(0), model);
  auto [other, ps2, st2] = layer_map(
      [](const LeafLayer& layer, const Tree& p, const Tree& s, const std::string&) -> MappedLayer {
        if (!layer.as<Dropout>()) return {.layer = {}, .parameters = p, .states = s};
        EXPECT_TRUE(layer.erased());
        return {.layer = NoOpLayer(), .parameters = p, .states = named({})};
      },
      model, ps, st);
  EXPECT_EQ(show(model).find("NoOpLayer"), std::string::npos);  // as it was
  auto text = show(other);
  EXPECT_EQ(text.find("Dropout"), std::string::npos) << text;
  EXPECT_TRUE(mismatches(structure(other).parameters, ps2).empty());
  EXPECT_TRUE(mismatches(structure(other).states, st2).empty()) << text;
  EXPECT_NE(text.find("Dense(2 => 3)"), std::string::npos);
}

TEST(LayerMap, TheNewModelComputesWithTheNewLayers) {
  auto model = Chain(Dense(2, 3), Dropout(0.5), Recurrence(RNNCell(3, 2)));
  auto [ps, st] = setup(Rng(0), model);
  auto mapped = layer_map(
      [](const LeafLayer& layer, const Tree& p, const Tree& s, const std::string&) -> MappedLayer {
        if (layer.as<Dropout>()) {
          return {[](const Tensor& x) { return x * 3; }, p, named({})};
        }
        if (!layer.as<RNNCell>()) return {{}, p, s};
        auto [p2, s2] = setup(Rng(1), LSTMCell(3, 2));
        return {LSTMCell(3, 2), p2, s2};
      },
      model, ps, st);
  static_assert(std::same_as<decltype(mapped.model), Chain>);
  auto x = random::normal(Rng(1), {4, 5, 2});
  auto expected =
      Chain(Dense(2, 3), [](const Tensor& y) { return y * 3; }, Recurrence(LSTMCell(3, 2)));
  EXPECT_SAME(apply(mapped.model, x, mapped.parameters, mapped.states).first,
              apply(expected, x, mapped.parameters, mapped.states).first);
}

MappedModel<Branched> with_head(const Layer& layer) {
  Branched model;
  auto [ps, st] = setup(Rng(0), model);
  return layer_map(
      [&](const LeafLayer&, const Tree& p, const Tree& s, const std::string& path) {
        return MappedLayer{path == "head" ? std::optional(layer) : std::nullopt, p, s};
      },
      model, ps, st);
}

TEST(LayerMap, ReplacesATypedMemberByItsOwnTypeAlone) {
  EXPECT_EQ(with_head(Dense(2, 3, tanh)).model.head.label(), "Dense(2 => 3, tanh)");
  EXPECT_ERROR(ArgumentError, with_head(NoOpLayer()),
               "[layer_map] at head: expected a Dense, as the model names the type of this layer, "
               "got NoOpLayer(). Where a model holds a Layer, as a Chain does, any layer can "
               "replace it.");
}

TEST(LayerMap, RefusesWhatCannotBeRebuilt) {
  auto refused = [](const Layer& model, const Layer& by) {
    auto [ps, st] = setup(Rng(0), model);
    return layer_map([&](const LeafLayer&, const Tree& p, const Tree& s,
                         const std::string&) { return MappedLayer{by, p, s}; },
                     model, ps, st);
  };
  auto made =
      compact(field("d", Dense(2, 3))).forward([](const Tensor& x, const auto& d) { return d(x); });
  EXPECT_ERROR(
      ArgumentError, refused(Chain(made), Dense(2, 3, tanh)),
      "[layer_map] at layer_1.d: expected a container that can be made with other layers, "
      "got Compact. Give it `with_layers(std::vector<Layer>) const`, or name the layers of "
      "a type that can be copied by LUXTORCH_LAYERS.");
  EXPECT_THROW(refused(Wrapped{MoveOnly{}}, NoOpLayer()), ArgumentError);
  EXPECT_THROW(refused(Recurrence(RNNCell(2, 3)), Dense(2, 3)), ArgumentError);  // no cell
}

// Adds 1 to what a Dense gives, and counts its calls.
struct Shifted {
  Dense dense;
  LUXTORCH_LAYERS(dense)
  std::vector<StateSpec> states() const { return {{"calls", int64_t{0}}}; }
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    Tensor y = dense(x, ps["dense"], st["dense"]).first + 1;
    return {y, st.with("calls", st["calls"].scalar<int64_t>() + 1)};
  }
};

// The model with every Dense whose path ends so in a Shifted.
template <class L>
MappedModel<L> shifted(const L& model, const Tree& ps, const Tree& st, const std::string& end) {
  return layer_map(
      [&](const LeafLayer& layer, const Tree& p, const Tree& s, const std::string& path) {
        const auto* dense = layer.as<Dense>();
        if (!dense || !path.ends_with(end)) return MappedLayer{std::nullopt, p, s};
        return MappedLayer{Shifted{*dense}, named({{"dense", p}}),
                           named({{"dense", s}, {"calls", int64_t{0}}})};
      },
      model, ps, st);
}

TEST(LayerMap, ReplacesTheDenseInAttention) {
  const MultiHeadAttention model(4, {.nheads = 2, .dense = {}, .qk_norm = true});
  auto [ps, st] = setup(Rng(0), model);
  auto [other, ps2, st2] = shifted(model, ps, st, "v_proj");
  EXPECT_TRUE(mismatches(structure(other).parameters, ps2).empty());
  EXPECT_TRUE(mismatches(structure(other).states, st2).empty());
  const Tensor x = random::normal(Rng(1), {3, 5, 4});
  const Tree plain = ps.with("v_proj.bias", ps.at("v_proj.bias").tensor() + 1);
  auto [y, st3] = other(x, ps2, st2);
  EXPECT_CLOSE(y.tensor(), model(x, plain, st).first.tensor(), kPlainFloat32);
  EXPECT_EQ(st3.at("v_proj.calls").scalar<int64_t>(), 1);
  EXPECT_EQ(model(x, ps, st).second.at("v_proj").size(), 0U);  // the model stays as it was
  // Its own names in PyTorch, as its rows are no longer in one tensor.
  EXPECT_EQ(tree::paths(to_torch(other, ps2, st2)),
            (Strings{"q_proj.weight", "q_proj.bias", "k_proj.weight", "k_proj.bias",
                     "v_proj.dense.weight", "v_proj.dense.bias", "out_proj.weight", "out_proj.bias",
                     "q_norm.weight", "k_norm.weight"}));
}

TEST(LayerMap, KeepsPackedNamesWhereTheFirstThreeFit) {
  const MultiHeadAttention model(4, {.nheads = 2, .dense = {}});
  auto [ps, st] = setup(Rng(0), model);
  auto [other, ps2, st2] = shifted(model, ps, st, "out_proj");
  EXPECT_EQ(
      tree::paths(to_torch(other, ps2, st2)),
      (Strings{"in_proj_weight", "in_proj_bias", "out_proj.dense.weight", "out_proj.dense.bias"}));
  // A bias in two of three places has no rows in in_proj_bias.
  auto [fewer, ps3, st3] = layer_map(
      [](const LeafLayer&, const Tree& p, const Tree& s, const std::string& path) {
        if (path != "k_proj") return MappedLayer{std::nullopt, p, s};
        return MappedLayer{Dense(4, 4, {.use_bias = false}), p.without("bias"), s};
      },
      model, ps, st);
  const Tree state = to_torch(fewer, ps3, st3);
  EXPECT_EQ(tree::paths(state),
            (Strings{"q_proj.weight", "q_proj.bias", "k_proj.weight", "v_proj.weight",
                     "v_proj.bias", "out_proj.weight", "out_proj.bias"}));
  EXPECT_SAME(from_torch(fewer, state).first, ps3);
}

// A Dense whose weight is of integers, times a scale.
struct OfIntegers {
  std::vector<ParameterSpec> parameters() const {
    auto ones_of_int8 = [](Rng, ShapeView shape) { return ones(shape, {.dtype = Dtype::Char}); };
    return {{.name = "weight", .shape = {4, 4}, .init = ones_of_int8, .dtype = Dtype::Char},
            {.name = "scale", .shape = {4}, .init = init::ones}};
  }
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    const Tensor& scale = ps["scale"].tensor();
    return {matmul(x, ps["weight"].tensor().to(scale.scalar_type()).t()) * scale, st};
  }
};

TEST(LayerMap, PutsALayerWithAWeightOfIntegersIntoAttention) {
  const MultiHeadAttention model(4, {.nheads = 2});
  auto [ps, st] = setup(Rng(0), model);
  const OfIntegers quantized;
  auto [other, ps2, st2] = layer_map(
      [&](const LeafLayer&, const Tree& p, const Tree& s, const std::string& path) {
        if (path != "q_proj") return MappedLayer{std::nullopt, p, s};
        return MappedLayer{quantized, setup(Rng(0), quantized).first, s};
      },
      model, ps, st);
  const Tensor x = random::normal(Rng(1), {3, 5, 4});
  EXPECT_CLOSE(other(x, ps2, st2).first.tensor(),
               model(x, ps.with("q_proj.weight", ones({4, 4})), st).first.tensor(), kPlainFloat32);
}

TEST(LayerMap, ReplacesTheDenseInTransformers) {
  const TransformerEncoderLayer layer(4, {.nheads = 2, .hidden = 6, .is_causal = true});
  const Tensor x = random::normal(Rng(1), {3, 5, 4});
  for (bool checkpointed : {false, true}) {
    const Chain model(TransformerEncoder(layer, 2, {.norm = true, .checkpointed = checkpointed}));
    auto [ps, st] = setup(Rng(0), model);
    for (const std::string name :
         {"self_attn.q_proj", "self_attn.out_proj", "linear1", "linear2"}) {
      SCOPED_TRACE(name);
      auto [other, ps2, st2] = shifted(model, ps, st, name);
      EXPECT_TRUE(mismatches(structure(other).states, st2).empty());
      Tree plain = ps;
      for (const std::string place : {"layer_1.layers.0.", "layer_1.layers.1."}) {
        const auto path = place + name + ".bias";
        plain = plain.with(path, plain.at(path).tensor() + 1);
      }
      const auto [y, st3] = apply<Tensor>(other, x, ps2, st2);
      if (name != "linear1") {  // whose activation comes before the 1
        EXPECT_CLOSE(y, apply<Tensor>(model, x, plain, st).first, kPlainFloat32);
      }
      EXPECT_EQ(st3.at("layer_1.layers.1." + name + ".calls").scalar<int64_t>(), 1);
    }
  }
}

TEST(LayerMap, ReplacesTheDenseOfStepsToo) {
  const TransformerDecoder model(TransformerDecoderLayer(4, {.nheads = 2, .is_causal = true}), 2,
                                 {.checkpointed = true});
  auto [ps, st] = setup(Rng(0), model);
  auto [other, ps2, st2] = shifted(model, ps, st, "multihead_attn.k_proj");
  const Tensor x = random::normal(Rng(1), {3, 5, 4}), memory = random::normal(Rng(2), {3, 2, 4});
  EXPECT_CLOSE(other.step(x, memory, Tree(), ps2, st2).first.y, other(x, memory, ps2, st2).first,
               kPlainFloat32);
}

TEST(LayerMap, NamesTheLayerWhosePartIsMissing) {
  auto model = Chain(Dense(2, 3), Branched{});
  auto [ps, st] = setup(Rng(0), model);
  auto same = [](const LeafLayer&, const Tree& p, const Tree& s, const std::string&) {
    return std::pair(p, s);
  };
  EXPECT_ERROR(TreeError, layer_map(same, model, ps.without("layer_2.body"), st),
               "[layer_map] at layer_2.body: expected parameters of this layer, got none. Are they "
               "of another model?");
  EXPECT_ERROR(TreeError, layer_map(same, model, ps, named({})),
               "[layer_map] at layer_1: expected states of this layer, got none. Are they of "
               "another model?");
}

}  // namespace
}  // namespace luxtorch::testing
