#include "luxtorch/layer.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/ops/activation.h"
#include "support/compare.h"
#include "support/tiny_layers.h"

namespace elsewhere {

struct Custom {
  luxtorch::Tensor a;
};
luxtorch::Tree to_tree(const Custom& c) { return luxtorch::named({{"a", c.a}}); }

}  // namespace elsewhere

namespace luxtorch {
namespace {

using elsewhere::Custom;
using testing::Counter;
using testing::Scale;
using testing::SumCell;
using testing::Two;
using testing::Wrapped;
using Strings = std::vector<std::string>;

const Tree kNone = named({});

Strings keys(const Tree& t) { return t.keys(); }

// ---- which members are layers, and what they are called

struct Base {
  Scale stem;
  LUXTORCH_LAYERS(stem)
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};
struct Derived : Base {
  Scale head;
  LUXTORCH_LAYERS(stem, head)
};
class Private {
 public:
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }

 private:
  Scale scale_{2};
  LUXTORCH_LAYERS(scale_)
};
template <class A, class B>
struct Pair {
  A a;
};
template <class A, class B>
struct InTemplate : Pair<A, B> {
  B b_;
  LUXTORCH_LAYERS(this->a, b_)
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};
template <class A, class B>
struct Qualified : Pair<A, B> {
  B b_;
  LUXTORCH_LAYERS(Pair<A, B>::a, b_)
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};
struct Many {
  std::vector<Scale> blocks;
  std::array<Scale, 2> pair;
  std::optional<Scale> head;
  Layer any;
  std::vector<Layer> children;
  Tensor (*act)(const Tensor&);
  LUXTORCH_LAYERS(blocks, pair, head, any, children, act)
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};
struct Nothing {
  LUXTORCH_LAYERS()
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};
struct WithItsOwn {
  Scale inner;
  LUXTORCH_LAYERS(inner)
  Tree initial_parameters(Rng rng) const {
    return named({{"shift", init::rand(rng.fold_in("shift"), {2})}});
  }
  Tree initial_states(Rng) const { return named({{"calls", 0}}); }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};
struct TakesTheNameTwice : WithItsOwn {
  Tree initial_parameters(Rng) const { return named({{"inner", 1}}); }
};

TEST(Layers, ThePartsOfTheTreesAreTheMembersInTheirOrder) {
  auto [ps, st] = setup(Rng(1), Two{Scale{2}, Counter{}});
  EXPECT_EQ(keys(ps), (Strings{"first", "second"}));
  EXPECT_EQ(keys(st), (Strings{"first", "second"}));
  EXPECT_EQ(keys(ps["first"]), Strings{"weight"});
  EXPECT_EQ(ps["second"].size(), 0u);
  EXPECT_EQ(keys(st["second"]), (Strings{"count", "training"}));
}

TEST(Layers, ADerivedClassListsItsBasesToo) {
  EXPECT_EQ(keys(setup(Rng(1), Derived{}).first), (Strings{"stem", "head"}));
}

TEST(Layers, TheMacroMayStandInAPrivateSection) {
  EXPECT_EQ(keys(setup(Rng(1), Private{}).first), Strings{"scale"});
}

TEST(Layers, NamesLoseTheirTrailingUnderscoreAndWhatStandsBefore) {
  auto names = Strings{"a", "b"};
  EXPECT_EQ(keys(setup(Rng(1), InTemplate<Scale, Counter>{}).first), names);
  EXPECT_EQ(keys(setup(Rng(1), Qualified<Scale, Counter>{}).first), names);
  EXPECT_EQ(field_names("a , b_"), names);
  EXPECT_EQ(field_names("this->a,Base<X, std::pair<Y, Z>>::b"), names);
  EXPECT_EQ(field_names("\n  a,\n\t b__ "), names);
  EXPECT_TRUE(field_names("").empty());
}

TEST(Layers, SeveralInOneMemberAreATuple) {
  Many model{{Scale{2}, Scale{3}},
             {Scale{2}, Scale{2}},
             Scale{4},
             Scale{5},
             {Scale{1}, Counter{}},
             nullptr};
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_EQ(keys(ps), (Strings{"blocks", "pair", "head", "any", "children", "act"}));
  ASSERT_TRUE(ps["blocks"].is_tuple());
  EXPECT_EQ(ps["blocks"][1]["weight"].tensor().numel(), 3);
  EXPECT_EQ(ps["pair"].size(), 2u);
  EXPECT_EQ(ps["head"]["weight"].tensor().numel(), 4);
  EXPECT_EQ(ps["any"]["weight"].tensor().numel(), 5);
  EXPECT_EQ(st["children"][1]["count"].scalar<int64_t>(), 0);
  EXPECT_EQ(ps["act"].size(), 0u);
  model.head.reset();
  model.blocks.clear();
  auto smaller = setup(Rng(1), model).first;
  EXPECT_TRUE(smaller["head"].is_named());
  EXPECT_EQ(smaller["head"].size(), 0u);
  EXPECT_TRUE(smaller["blocks"].is_tuple());
  EXPECT_EQ(smaller["blocks"].size(), 0u);
}

TEST(Layers, NoMembersGiveEmptyTrees) {
  auto [ps, st] = setup(Rng(1), Nothing{});
  EXPECT_TRUE(ps.is_named() && st.is_named());
  EXPECT_EQ(ps.size() + st.size(), 0u);
}

TEST(Layers, AContainersOwnPartsFollowItsLayers) {
  auto [ps, st] = setup(Rng(1), WithItsOwn{});
  EXPECT_EQ(keys(ps), (Strings{"inner", "shift"}));
  EXPECT_EQ(keys(st), (Strings{"inner", "calls"}));
  EXPECT_ERROR(TreeError, setup(Rng(1), TakesTheNameTwice{}),
               "[named] expected unique keys, got \"inner\" twice.");
}

TEST(Layers, AWrapperAddsNoLevel) {
  Scale scale{2};
  EXPECT_SAME(setup(Rng(1), Wrapped{scale}).first, setup(Rng(1), scale).first);
  EXPECT_SAME(setup(Rng(1), Wrapped{Wrapped{scale}}).first, setup(Rng(1), scale).first);
  struct Frozen : Wrapped<Scale> {
    Tree initial_parameters(Rng) const { return named({{"frozen", true}}); }
  };
  EXPECT_EQ(keys(setup(Rng(1), Frozen{scale}).first), Strings{"frozen"});
}

// ---- setup

TEST(Setup, IsPure) {
  Two model{Scale{2}, Two{Scale{3}, Counter{}}};
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_SAME(setup(Rng(1), model).first, ps);
  EXPECT_SAME(setup(Rng(1), model).second, st);
  EXPECT_FALSE(tree::equal(setup(Rng(2), model).first, ps));
}

TEST(Setup, ALeafsKeyIsMadeFromItsPath) {
  auto ps = setup(Rng(42), Two{Scale{2}, Two{Scale{3}, Scale{3}}}).first;
  auto key = Rng(42).fold_in("parameters").fold_in("second").fold_in("first").fold_in("weight");
  EXPECT_SAME(ps.at("second.first.weight"), random::uniform(key, {3}));
  EXPECT_FALSE(tree::equal(ps.at("second.first"), ps.at("second.second")));
  auto blocks = setup(Rng(42), Many{{Scale{2}, Scale{2}}, {}, {}, Scale{2}, {}, nullptr}).first;
  key = Rng(42).fold_in("parameters").fold_in("blocks").fold_in(1).fold_in("weight");
  EXPECT_SAME(blocks.at("blocks.1.weight"), random::uniform(key, {2}));
}

struct Larger {
  Scale before, first, second;
  std::vector<Scale> more;
  LUXTORCH_LAYERS(before, first, more, second)
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

TEST(Setup, AnotherLayerChangesNoOthersNumbers) {
  auto ps = setup(Rng(3), Two{Scale{2}, Scale{2}}).first;
  auto larger = setup(Rng(3), Larger{{2}, {2}, {2}, {Scale{9}, Scale{9}}}).first;
  EXPECT_SAME(larger["first"], ps["first"]);
  EXPECT_SAME(larger["second"], ps["second"]);
  auto longer = setup(Rng(3), Larger{{2}, {2}, {2}, {Scale{9}, Scale{9}, Scale{9}}}).first;
  EXPECT_SAME(longer["more"][1], larger["more"][1]);
}

TEST(Setup, StructCompactAndErasedModelsStartFromTheSameNumbers) {
  struct Model {
    LSTMCell lstm_cell;
    Dense classifier;
    LUXTORCH_LAYERS(lstm_cell, classifier)
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      auto [out, st_cell] = lstm_cell(x, ps["lstm_cell"], st["lstm_cell"]);
      auto [y, st_head] = classifier(out.y, ps["classifier"], st["classifier"]);
      return {y, named({{"lstm_cell", st_cell}, {"classifier", st_head}})};
    }
  };
  Model model{LSTMCell(2, 8), Dense(8, 1, sigmoid)};
  auto compact_model =
      compact(field("lstm_cell", LSTMCell(2, 8)), field("classifier", Dense(8, 1, sigmoid)))
          .forward([](const Tensor& x, auto& lstm_cell, auto& classifier) {
            return classifier(lstm_cell(x).y);
          });
  Layer erased = model;
  auto [ps, st] = setup(Rng(42), model);
  for (const auto& [ps2, st2] : {setup(Rng(42), compact_model), setup(Rng(42), erased)}) {
    EXPECT_SAME(ps2, ps);
    EXPECT_SAME(st2, st);
  }
  auto x = random::normal(Rng(1), {3, 2});
  auto [y, next] = apply(model, x, ps, st);
  EXPECT_SAME(apply(compact_model, x, ps, st).first, y);
  EXPECT_SAME(apply<Tensor>(erased, x, ps, st).first, y);
  EXPECT_SAME(apply(compact_model, x, ps, st).second, next);
}

// ---- the erased layer

TEST(ErasedLayer, ALayerOfATensorGetsTheTensor) {
  Layer layer = Scale{2};
  auto [ps, st] = setup(Rng(1), layer);
  auto x = random::normal(Rng(2), {3, 2});
  auto [y, st2] = layer(x, ps, st);
  EXPECT_SAME(y, x * ps["weight"].tensor());
  EXPECT_SAME(st2, st);
}

TEST(ErasedLayer, FunctionsAreLayersWithoutParameters) {
  auto x = tensor({1., -2.}).reshape({2, 1});
  auto run = [&](const Layer& f, const Tree& input) { return f(input, kNone, kNone).first; };
  EXPECT_SAME(run([](const Tensor& y) { return y * 2 - 1; }, x), x * 2 - 1);
  EXPECT_SAME(run([](const auto& y) { return 1 - y.squeeze(-1); }, x), 1 - x.squeeze(-1));
  EXPECT_SAME(run([](Tensor y) { return y; }, x), x);
  EXPECT_SAME(run([](auto y) { return y.neg(); }, x), -x);
  EXPECT_SAME(run(relu, x), x.relu());
  EXPECT_SAME(run([](const Tensor& a, const Tensor& b) { return a + b; }, tuple({x, x})), x * 2);
  EXPECT_SAME(run([](const Tree& t) { return t[1].tensor(); }, tuple({1, x})), x);
  EXPECT_SAME(run(std::function<Tensor(const Tensor&)>([](const Tensor& y) { return y + 1; }), x),
              x + 1);
  EXPECT_SAME(run(+[](const Tensor& y) { return y + 2; }, x), x + 2);
  auto [ps, st] = setup(Rng(1), Layer(relu));
  EXPECT_EQ(ps.size() + st.size(), 0u);
}

TEST(ErasedLayer, LambdasOfThreeMayThreadTheStates) {
  Layer plain = [](const Tensor& x, const Tree& ps, const Tree& st) {
    return std::pair{x * ps["w"].tensor(), st.with("seen", true)};
  };
  auto [y, st] = plain(ones({2}), named({{"w", full({}, 3)}}), kNone);
  EXPECT_SAME(y, full({2}, 3));
  EXPECT_TRUE(st["seen"].scalar<bool>());
  // Its body compiles with trees for ps and st only.
  Layer generic = [](const auto& x, const auto& ps, const auto& st) {
    return Out<Tensor>{x * ps["w"].tensor(), st};
  };
  EXPECT_SAME(generic(ones({2}), named({{"w", full({}, 3)}}), kNone).first, full({2}, 3));
}

TEST(ErasedLayer, MoreInputsArriveAsATuple) {
  struct Bilinear {
    Out<Tensor> operator()(const Tensor& a, const Tensor& b, const Tree&, const Tree& st) const {
      return {a * b, st};
    }
  };
  struct Attention {
    Out<Tensor> operator()(const Tensor& q, const Tensor& k, const Tensor& v, const Tree&,
                           const Tree& st) const {
      return {q + k + v, st};
    }
  };
  auto x = ones({2});
  EXPECT_SAME(Layer(Bilinear{})(tuple({x, x * 3}), kNone, kNone).first, x * 3);
  EXPECT_SAME(Layer(Attention{})(tuple({x, x, x}), kNone, kNone).first, x * 3);
  auto four = [](const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& d) {
    return a + b + c + d;
  };
  EXPECT_SAME(Layer(four)(tuple({x, x, x, x}), kNone, kNone).first, x * 4);
  EXPECT_SAME(apply(Bilinear{}, std::pair{x, x}, kNone, kNone).first, x);
  EXPECT_SAME(apply(Layer(Bilinear{}), std::pair{x, x}, kNone, kNone).first, x);
  EXPECT_ERROR(TreeError, Layer(Bilinear{})(x, kNone, kNone),
               "[Bilinear] takes a tuple of 2 tensors, got a float32 tensor of shape (2,).");
  EXPECT_ERROR(TreeError, Layer(Attention{})(tuple({x, x}), kNone, kNone),
               "[Attention] takes a tuple of 3 tensors, got a tuple of 2.");
  EXPECT_ERROR(TreeError, Layer(four)(tuple({x, x, x, 1}), kNone, kNone),
               "[Function] takes a tuple of 4 tensors, got a tuple of 4.");
}

TEST(ErasedLayer, OneOfSeveralArities) {
  struct Attention {
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      return (*this)(x, x, x, ps, st);
    }
    Out<Tensor> operator()(const Tensor& q, const Tensor& k, const Tensor& v, const Tree&,
                           const Tree& st) const {
      return {q + k * 10 + v * 100, st};
    }
  };
  auto x = ones({2});
  EXPECT_SAME(Layer(Attention{})(x, kNone, kNone).first, x * 111);
  EXPECT_SAME(Layer(Attention{})(tuple({x, x * 2, x * 3}), kNone, kNone).first, x * 321);
}

TEST(ErasedLayer, ATupleOfXAndACarryIsACallWithCarry) {
  Layer cell = SumCell{2};
  auto [ps, st] = setup(Rng(1), cell);
  auto x = ones({3, 2});
  auto w = ps["weight"].tensor();
  auto first = cell(x, ps, st).first;
  ASSERT_EQ(first.size(), 2u);
  EXPECT_SAME(first[0], x * w);
  auto second = cell(tuple({x, first[1]}), ps, st).first;
  EXPECT_SAME(second[0], x * w + x * w);
  EXPECT_ERROR(TreeError, cell(tuple({x, x, x}), ps, st),
               "[SumCell] takes a tensor or a tuple (x, carry), got a tuple of 3.");
}

TEST(ErasedLayer, StepRunsACellWithoutTuples) {
  Layer cell = SumCell{2};
  EXPECT_TRUE(cell.is_cell());
  auto [ps, st] = setup(Rng(1), cell);
  auto x = ones({3, 2});
  auto [out, st1] = cell.step(x, nullptr, ps, st);
  auto [next, st2] = cell.step(x, &out.carry, ps, st1);
  EXPECT_SAME(next.y, x * ps["weight"].tensor() * 2);
  EXPECT_FALSE(Layer(Scale{2}).is_cell());
  EXPECT_ERROR(
      UnsupportedError, Layer(Scale{2}).step(x, nullptr, ps, st),
      "[Scale] expected a recurrent cell, whose calls (x, ps, st) and (x, carry, ps, st) return "
      "Out<Step>.");
}

TEST(ErasedLayer, AWrongInputSaysWhatItTakesAndWhatItGot) {
  Layer layer = Scale{2};
  auto [ps, st] = setup(Rng(1), layer);
  auto x = ones({2});
  EXPECT_ERROR(TreeError, layer(tuple({x, x}), ps, st),
               "[Scale] takes a tensor, got a tuple of 2.");
  EXPECT_ERROR(TreeError, layer(Tree(), ps, st), "[Scale] takes a tensor, got nothing.");
  EXPECT_ERROR(TreeError, layer(named({{"a", x}}), ps, st),
               "[Scale] takes a tensor, got a named tree with the keys a.");
  EXPECT_ERROR(TreeError, layer(3, ps, st), "[Scale] takes a tensor, got the int64 3.");
}

TEST(ErasedLayer, OutputsOfEveryKindBecomeTrees) {
  auto x = ones({2});
  auto out = [&](auto value) {
    using Y = decltype(value);
    return Layer([=](const Tensor&, const Tree&, const Tree& st) { return Out<Y>{value, st}; })(
               x, kNone, kNone)
        .first;
  };
  EXPECT_TRUE(out(x).is_tensor());
  EXPECT_TRUE(out(Tree(3)).is<int64_t>());
  EXPECT_EQ(out(Step{x, tuple({x, x})})[1].size(), 2u);
  EXPECT_EQ(out(std::pair{x, x}).size(), 2u);
  EXPECT_EQ(out(std::tuple{x, x, x}).size(), 3u);
  EXPECT_EQ(out(std::array{x, x}).size(), 2u);
  EXPECT_EQ(out(std::vector{x, x, x}).size(), 3u);
  EXPECT_TRUE(out(Custom{x})["a"].is_tensor());
  EXPECT_TRUE(out(0.5).is<double>());
}

TEST(ErasedLayer, OutputsNestInEveryOrder) {
  auto x = ones({2});
  EXPECT_TRUE(to_tree(std::vector{std::array{x, x}})[0][1].is_tensor());
  EXPECT_TRUE(to_tree(std::vector{std::pair{x, x}})[0][1].is_tensor());
  EXPECT_TRUE(to_tree(std::vector{std::tuple{x, x}})[0][1].is_tensor());
  EXPECT_TRUE(to_tree(std::pair{std::array{x}, std::vector{x}})[1][0].is_tensor());
  EXPECT_TRUE(to_tree(std::tuple{std::pair{x, std::vector{x}}, Step{x, x}})[0][1][0].is_tensor());
  EXPECT_TRUE(to_tree(std::array{std::vector{std::tuple{x}}})[0][0][0].is_tensor());
  EXPECT_TRUE(to_tree(std::vector{Custom{x}})[0]["a"].is_tensor());
  EXPECT_TRUE(to_tree(std::tuple{Custom{x}, Tree(1)})[0]["a"].is_tensor());
}

TEST(ErasedLayer, CopiesShareTheLayerAndAsFindsIt) {
  Layer layer = Scale{3};
  Layer copy = layer;
  ASSERT_NE(copy.as<Scale>(), nullptr);
  EXPECT_EQ(copy.as<Scale>(), layer.as<Scale>());
  EXPECT_EQ(copy.as<Scale>()->dims, 3);
  EXPECT_EQ(copy.as<Counter>(), nullptr);
  Layer again = Layer(layer);
  EXPECT_EQ(again.as<Scale>(), layer.as<Scale>());
}

struct MoveOnly {
  std::unique_ptr<int> owned = std::make_unique<int>(3);
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const {
    return {x * *owned, st};
  }
};

TEST(ErasedLayer, HoldsWhatCanOnlyBeMoved) {
  Layer layer = MoveOnly{};
  EXPECT_SAME(layer(ones({2}), kNone, kNone).first, full({2}, 3));
  EXPECT_EQ(setup(Rng(1), MoveOnly{}).first.size(), 0u);
}

TEST(ErasedLayer, IsBuiltFromLayersOnly) {
  static_assert(std::is_convertible_v<Scale, Layer> && std::is_convertible_v<Activation, Layer>);
  static_assert(!std::is_constructible_v<Layer, int> && !std::is_constructible_v<Layer, Tree>);
  static_assert(!std::is_constructible_v<Layer, Tensor> &&
                !std::is_constructible_v<Layer, std::string>);
  static_assert(!std::is_constructible_v<Layer, std::vector<Scale>>);
  static_assert(!std::is_default_constructible_v<Layer>);
}

TEST(ErasedLayer, RunsOnManyThreads) {
  Layer layer = Two{Scale{2}, Counter{}};
  auto [ps, st] = setup(Rng(1), layer);
  auto expected = layer(ones({4, 2}), ps, st).first;
  std::vector<std::thread> threads;
  std::array<int, 6> good{};
  for (size_t k = 0; k < good.size(); ++k) {
    threads.emplace_back([&, k] {
      for (int i = 0; i < 200; ++i)
        good[k] += tree::equal(layer(ones({4, 2}), ps, st).first, expected);
    });
  }
  for (auto& t : threads) t.join();
  for (int n : good) EXPECT_EQ(n, 200);
}

// ---- apply

TEST(Apply, GivesWhatATypedModelReturns) {
  auto x = ones({2});
  auto [ps, st] = setup(Rng(1), SumCell{2});
  static_assert(std::is_same_v<decltype(apply(SumCell{2}, x, ps, st)), Out<Step>>);
  static_assert(std::is_same_v<decltype(apply(Layer(SumCell{2}), x, ps, st)), Out<Tree>>);
  static_assert(std::is_same_v<decltype(apply<Step>(Layer(SumCell{2}), x, ps, st)), Out<Step>>);
  EXPECT_SAME(apply<Step>(Layer(SumCell{2}), x, ps, st).first.y,
              apply(SumCell{2}, x, ps, st).first.y);
  EXPECT_SAME(apply<Tree>(Scale{2}, x, ps, st).first, apply(Scale{2}, x, ps, st).first);
  EXPECT_SAME(apply<Tensor>(Layer(Scale{2}), Tree(x), ps, st).first,
              apply(Scale{2}, x, ps, st).first);
  auto both = apply<std::pair<Tensor, Tree>>(Layer(SumCell{2}), x, ps, st).first;
  EXPECT_SAME(both.second[0], both.first);
  auto generic = [](const auto& t) { return t.squeeze(0); };
  EXPECT_SAME(apply(generic, Tree(x), kNone, kNone).first, x);
  EXPECT_SAME(apply(relu, x, kNone, kNone).first, x);
  EXPECT_SAME(apply([](const Tensor& t) { return t * 2; }, x, kNone, kNone).first, x * 2);
}

TEST(Apply, WithAnotherOutputTypeIsARefusal) {
  auto [ps, st] = setup(Rng(1), SumCell{2});
  EXPECT_ERROR(TreeError, apply<Tensor>(Layer(SumCell{2}), ones({2}), ps, st),
               "[Tree] expected a tensor, got a tuple of 2.");
}

TEST(Apply, PredictRunsInTestModeWithoutAGraph) {
  struct Mode {
    Tree initial_states(Rng) const { return named({{"training", true}}); }
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      return {x * ps["w"].tensor() + (st["training"].scalar<bool>() ? 1 : 0), st};
    }
  };
  auto ps = named({{"w", ones({2}).set_requires_grad(true)}});
  auto st = setup(Rng(1), Mode{}).second;
  EXPECT_TRUE(apply(Mode{}, ones({2}), ps, st).first.requires_grad());
  auto y = predict(Mode{}, ones({2}), ps, st);
  EXPECT_FALSE(y.requires_grad());
  EXPECT_SAME(y, ones({2}));
  EXPECT_TRUE(apply(Mode{}, ones({2}), ps, st).first.requires_grad());
  EXPECT_THROW(predict(Mode{}, ones({2}), kNone, st), TreeError);
  EXPECT_TRUE(apply(Mode{}, ones({2}), ps, st).first.requires_grad());
}

// ---- errors say where

TEST(ErrorPlaces, AStructInAChainInACompactInAStruct) {
  auto body = compact(field("chain", Chain(Counter{}, Two{Counter{}, Scale{7}})))
                  .forward([](const Tensor& x, auto& chain) { return chain(x).tensor(); });
  Two model{Counter{}, body};
  auto [ps, st] = setup(Rng(1), model);
  const char* inner = "second.chain.layer_2.second";
  EXPECT_ERROR(
      ShapeError, apply(model, ones({3, 2}), ps, st),
      std::string("[Scale] at ") + inner + ": expected x of shape (..., 7), got (..., 2).");
  EXPECT_ERROR(
      ShapeError,
      apply(Chain(model), ones({3, 2}), named({{"layer_1", ps}}), named({{"layer_1", st}})),
      std::string("[Scale] at layer_1.") + inner + ": expected x of shape (..., 7), got (..., 2).");
  try {
    apply(model, ones({3, 2}), ps, st);
  } catch (const ShapeError& e) {
    EXPECT_EQ(e.path(), inner);
  }
}

TEST(ErrorPlaces, TheModelItselfHasNoPath) {
  EXPECT_ERROR(ShapeError, apply(Scale{7}, ones({2}), setup(Rng(1), Scale{7}).first, kNone),
               "[Scale] expected x of shape (..., 7), got (..., 2).");
}

TEST(ErrorPlaces, VectorsArraysOptionalsAndWrappersHaveTheirs) {
  struct Model {
    std::vector<Scale> blocks{Scale{2}, Scale{5}};
    std::optional<Scale> head = Scale{4};
    Wrapped<Wrapped<Scale>> wrapped{{Scale{3}}};
    int fails = 0;
    LUXTORCH_LAYERS(blocks, head, wrapped)
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      if (fails == 0) return {blocks[1](x, ps["blocks"][1], st).first, st};
      if (fails == 1) return {(*head)(x, ps["head"], st).first, st};
      return {wrapped(x, ps["wrapped"], st).first, st};
    }
  };
  auto [ps, st] = setup(Rng(1), Model{});
  const char* paths[] = {"blocks.1", "head", "wrapped"};
  for (int i = 0; i < 3; ++i) {
    Model model;
    model.fails = i;
    try {
      apply(model, ones({2}), ps, st);
      ADD_FAILURE();
    } catch (const ShapeError& e) {
      EXPECT_EQ(e.path(), paths[i]);
    }
  }
}

TEST(ErrorPlaces, AMissingParameterIsListedWithEverythingThatDoesNotFit) {
  Two model{Scale{2}, Two{Scale{2}, Scale{2}}};
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_ERROR(
      TreeError, apply(model, ones({2}), ps.without("second.first.weight"), st),
      "[Tree] expected a key \"weight\", got an empty tree. The parameters do not fit the layer: "
      "missing second.first.weight.");
  auto other = ps.without("second.second").with("second.third", 1).with("first.weight", ones({5}));
  EXPECT_ERROR(
      TreeError, apply(model, ones({5}).narrow(0, 0, 2), other.with("first.weight", ones({1})), st),
      "[Tree] expected a key \"second\", got the keys first, third. The parameters do not fit the "
      "layer: first.weight of shape (1,) in place of (2,), missing second.second, unexpected "
      "second.third.");
}

TEST(ErrorPlaces, AMissingParameterOfAnErasedLayerIsSeenFromThere) {
  Chain model(Scale{2}, Chain(Counter{}, Two{Scale{2}, Scale{2}}));
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_ERROR(
      TreeError, apply(model, ones({2}), ps.without("layer_2.layer_2.second.weight"), st),
      "[Tree] at layer_2.layer_2: expected a key \"weight\", got an empty tree. The parameters do "
      "not fit the layer: missing second.weight.");
  EXPECT_ERROR(
      TreeError, apply(model, ones({2}), ps, st.without("layer_2.layer_1.count")),
      "[Tree] at layer_2.layer_1: expected a key \"count\", got the keys training. The states do "
      "not fit the layer: missing count.");
}

TEST(ErrorPlaces, AMissingHookIsAskedFor) {
  struct Forgetful {
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      return {x * ps["weight"].tensor(), st};
    }
  };
  EXPECT_ERROR(TreeError, apply(Forgetful{}, ones({2}), kNone, kNone),
               "[Tree] expected a key \"weight\", got an empty tree. Does Forgetful define Tree "
               "initial_parameters(Rng) const?");
  Chain chain(Counter{}, Forgetful{});
  auto [ps, st] = setup(Rng(1), chain);
  EXPECT_ERROR(
      TreeError, apply(chain, ones({2}), ps, st),
      "[Tree] at layer_2: expected a key \"weight\", got an empty tree. Does Forgetful define Tree "
      "initial_parameters(Rng) const?");
  struct Stateless : Scale {
    Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const {
      return {x * st["count"].scalar<double>(), st};
    }
  };
  EXPECT_ERROR(TreeError, apply(Stateless{}, ones({2}), setup(Rng(1), Stateless{}).first, kNone),
               "[Tree] expected a key \"count\", got an empty tree. Does Stateless define Tree "
               "initial_states(Rng) const?");
}

TEST(ErrorPlaces, AnotherTreesErrorAndAnyErrorInsideALayerAreAtThatLayer) {
  auto reads = [](const Tree& batch) { return batch["x"].tensor(); };
  Chain chain(Counter{}, [](const Tensor& x) { return tuple({x, x}); }, reads);
  auto [ps, st] = setup(Rng(1), chain);
  EXPECT_ERROR(TreeError, apply(chain, ones({2}), ps, st),
               "[Tree] at layer_3: expected a named tree with a key \"x\", got a tuple of 2.");
  auto refuses = [](const Tensor&) -> Tensor { throw ArgumentError("who", "expected better."); };
  Chain other(Counter{}, Chain(refuses));
  auto [ps2, st2] = setup(Rng(1), other);
  EXPECT_ERROR(ArgumentError, apply(other, ones({2}), ps2, st2),
               "[who] at layer_2.layer_1: expected better.");
}

TEST(ErrorPlaces, AWrongInputDeepInsideHasItsPath) {
  Chain chain([](const Tensor& x) { return tuple({x, x}); }, Chain(Scale{2}));
  auto [ps, st] = setup(Rng(1), chain);
  EXPECT_ERROR(TreeError, apply(chain, ones({2}), ps, st),
               "[Scale] at layer_2.layer_1: takes a tensor, got a tuple of 2.");
  Chain cells(Counter{}, Scale{2});
  EXPECT_ERROR(
      UnsupportedError, cells[1].step(ones({2}), nullptr, kNone, kNone),
      "[Scale] expected a recurrent cell, whose calls (x, ps, st) and (x, carry, ps, st) return "
      "Out<Step>.");
}

TEST(ErrorPlaces, AForeignExceptionPassesUnchanged) {
  auto throws = [](const Tensor&) -> Tensor { throw std::out_of_range("mine"); };
  auto [ps, st] = setup(Rng(1), Chain(throws));
  EXPECT_THROW(apply(Chain(throws), ones({2}), ps, st), std::out_of_range);
}

TEST(ErrorPlaces, TorchsOwnComplaintSaysWhichLayerItCameFrom) {
  struct Product {
    Tree initial_parameters(Rng) const { return named({{"w", ones({3, 4})}}); }
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      return {x.matmul(ps["w"].tensor()), st};
    }
  };
  Chain chain(Counter{}, Product{});
  auto [ps, st] = setup(Rng(1), chain);
  try {
    apply(chain, ones({2, 2}), ps, st);
    FAIL();
  } catch (const TorchError& e) {
    EXPECT_EQ(e.path(), "layer_2");
    EXPECT_EQ(e.who(), "Product");
    EXPECT_NE(e.message().find("2x2 and 3x4"), std::string::npos) << e.message();
  }
}

// ---- states

TEST(States, TestModeReachesFourDeepAndBack) {
  auto leaf = named({{"training", true}, {"count", 3}});
  auto st = named({{"a", tuple({named({{"b", named({{"c", leaf}})}}), leaf})}, {"d", leaf}});
  auto test = testmode(st);
  for (auto path : {"a.0.b.c", "a.1", "d"}) {
    EXPECT_FALSE(test.at(path)["training"].scalar<bool>());
    EXPECT_EQ(test.at(path)["count"].scalar<int64_t>(), 3);
  }
  EXPECT_SAME(trainmode(test), st);
  EXPECT_TRUE(st.at("a.0.b.c.training").scalar<bool>());
}

TEST(States, UpdateStateReplacesLeavesAndNodesOfThatName) {
  auto st = named({{"carry", tuple({ones({2})})}, {"cell", named({{"carry", Tree()}, {"n", 1}})}});
  auto reset = update_state(st, "carry", Tree());
  EXPECT_TRUE(reset["carry"].is_none() && reset["cell"]["carry"].is_none());
  EXPECT_EQ(update_state(st, "n", 2).at("cell.n").scalar<int64_t>(), 2);
}

TEST(States, AnUpdateThatChangesNothingSharesEverything) {
  auto st = named({{"a", tuple({named({{"training", false}})})}, {"b", 1}});
  EXPECT_TRUE(testmode(st).same_node(st));
  EXPECT_TRUE(update_state(st, "absent", 1).same_node(st));
  auto trained = trainmode(named({{"left", st}, {"right", named({{"x", 1}})}}));
  EXPECT_TRUE(trained["left"]["b"].same_node(st["b"]));
}

}  // namespace
}  // namespace luxtorch
