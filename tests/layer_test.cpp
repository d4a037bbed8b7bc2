#include "luxtorch/layer.h"

#include <gtest/gtest.h>

#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/ops/activation.h"
#include "support/compare.h"
#include "support/tiny_layers.h"

namespace luxtorch {
namespace {

using testing::Counter;
using testing::Slope;
using testing::Strings;
using testing::Two;
using testing::Wrapped;

Strings keys(const Tree& t) { return t.keys(); }

// ---- which members are layers, and what they are called

struct Base {
  Slope stem;
  LUXTORCH_LAYERS(stem)
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};
struct Derived : Base {
  Slope head;
  LUXTORCH_LAYERS(stem, head)
};
class Private {
 public:
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }

 private:
  Slope scale_{2};
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
  std::vector<Slope> blocks;
  std::array<Slope, 2> pair;
  std::optional<Slope> head;
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
  Slope inner;
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
  auto [ps, st] = setup(Rng(1), Two{Slope{2}, Counter{}});
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
  EXPECT_EQ(keys(setup(Rng(1), InTemplate<Slope, Counter>{}).first), names);
  EXPECT_EQ(keys(setup(Rng(1), Qualified<Slope, Counter>{}).first), names);
  EXPECT_EQ(field_names("a , b_"), names);
  EXPECT_EQ(field_names("this->a,Base<X, std::pair<Y, Z>>::b"), names);
  EXPECT_EQ(field_names("\n  a,\n\t b__ "), names);
  EXPECT_TRUE(field_names("").empty());
}

TEST(Layers, SeveralInOneMemberAreATuple) {
  Many model{{Slope{2}, Slope{3}},
             {Slope{2}, Slope{2}},
             Slope{4},
             Slope{5},
             {Slope{1}, Counter{}},
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
  Slope scale{2};
  EXPECT_SAME(setup(Rng(1), Wrapped{scale}).first, setup(Rng(1), scale).first);
  EXPECT_SAME(setup(Rng(1), Wrapped{Wrapped{scale}}).first, setup(Rng(1), scale).first);
  struct Frozen : Wrapped<Slope> {
    Tree initial_parameters(Rng) const { return named({{"frozen", true}}); }
  };
  EXPECT_EQ(keys(setup(Rng(1), Frozen{scale}).first), Strings{"frozen"});
}

// ---- setup

TEST(Setup, IsPure) {
  Two model{Slope{2}, Two{Slope{3}, Counter{}}};
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_SAME(setup(Rng(1), model).first, ps);
  EXPECT_SAME(setup(Rng(1), model).second, st);
  EXPECT_FALSE(tree::equal(setup(Rng(2), model).first, ps));
}

TEST(Setup, ALeafsKeyIsMadeFromItsPath) {
  auto ps = setup(Rng(42), Two{Slope{2}, Two{Slope{3}, Slope{3}}}).first;
  auto key = Rng(42).fold_in("parameters").fold_in("second").fold_in("first").fold_in("weight");
  EXPECT_SAME(ps.at("second.first.weight"), random::uniform(key, {3}));
  EXPECT_FALSE(tree::equal(ps.at("second.first"), ps.at("second.second")));
  auto blocks = setup(Rng(42), Many{{Slope{2}, Slope{2}}, {}, {}, Slope{2}, {}, nullptr}).first;
  key = Rng(42).fold_in("parameters").fold_in("blocks").fold_in(1).fold_in("weight");
  EXPECT_SAME(blocks.at("blocks.1.weight"), random::uniform(key, {2}));
}

struct Larger {
  Slope before, first, second;
  std::vector<Slope> more;
  LUXTORCH_LAYERS(before, first, more, second)
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

TEST(Setup, AnotherLayerChangesNoOthersNumbers) {
  auto ps = setup(Rng(3), Two{Slope{2}, Slope{2}}).first;
  auto larger = setup(Rng(3), Larger{{2}, {2}, {2}, {Slope{9}, Slope{9}}}).first;
  EXPECT_SAME(larger["first"], ps["first"]);
  EXPECT_SAME(larger["second"], ps["second"]);
  auto longer = setup(Rng(3), Larger{{2}, {2}, {2}, {Slope{9}, Slope{9}, Slope{9}}}).first;
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

TEST(States, AnUpdateLeavesOutWhatIsExcluded) {
  auto flag = named({{"training", true}, {"n", 1}});
  auto st = named({{"a", tuple({flag, flag})}, {"b", named({{"c", flag}})}, {"training", true}});
  auto by_paths = update_state(st, "training", false, {"a.1", "b"});
  EXPECT_SAME(by_paths, st.with("a.0.training", false).with("training", false));
  auto by_predicate = update_state(st, "training", false, [](const std::string& path) {
    return path == "training" || path == "b.c.training";
  });
  EXPECT_SAME(by_predicate, st.with("a.0.training", false).with("a.1.training", false));
  EXPECT_ERROR(TreeError, update_state(st, "training", false, {"a.0", "b.d"}),
               "[update_state] at b.d: expected a part of the states to exclude, got none.");
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
