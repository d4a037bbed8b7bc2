#include "luxtorch/tree.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <thread>

#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

std::string printed(const Tree& t) {
  std::ostringstream out;
  out << t;
  return out.str();
}

Tree cell() { return named({{"weight", zeros({8, 2})}, {"bias", zeros({8})}}); }
Tree model() {
  return named({{"cell", cell()}, {"blocks", tuple({cell(), cell()})}, {"scale", 0.5}});
}

// ---- construction

TEST(Tree, IsNothingByDefault) {
  Tree t;
  EXPECT_TRUE(t.is_none());
  EXPECT_TRUE(t.is_leaf());
  EXPECT_FALSE(t.is_tensor() || t.is_scalar() || t.is_named() || t.is_tuple());
  EXPECT_EQ(t.size(), 0u);
}

TEST(Tree, HoldsEachKindOfLeaf) {
  EXPECT_TRUE(Tree(zeros({2})).is_tensor());
  EXPECT_TRUE(Tree(zeros({2})).is<Tensor>());
  EXPECT_TRUE(Tree(true).is<bool>());
  EXPECT_TRUE(Tree(3).is<int64_t>());
  EXPECT_TRUE(Tree(3.f).is<double>());
  EXPECT_TRUE(Tree("a").is<std::string>());
  EXPECT_TRUE(Tree(Rng(1)).is<Rng>());
  for (const Tree& t : {Tree(true), Tree(3), Tree(0.5)}) EXPECT_TRUE(t.is_scalar());
  for (const Tree& t : {Tree(), Tree("a"), Tree(Rng(1)), Tree(zeros({2})), tuple({3})}) {
    EXPECT_FALSE(t.is_scalar());
  }
  EXPECT_TRUE(Tree("a").is_string());
  EXPECT_TRUE(Tree(Rng(1)).is_rng());
}

TEST(Tree, TakesIntegersOfEveryWidthAndBothFloatingKinds) {
  EXPECT_EQ(Tree(int8_t{-3}).scalar<int64_t>(), -3);
  EXPECT_EQ(Tree(uint16_t{3}).scalar<int64_t>(), 3);
  EXPECT_EQ(Tree(size_t{3}).scalar<int64_t>(), 3);
  EXPECT_EQ(Tree(sizeof(int)).scalar<int64_t>(), 4);
  EXPECT_EQ(Tree(3LL).scalar<int64_t>(), 3);
  EXPECT_EQ(Tree(zeros({7}).size(0)).scalar<int64_t>(), 7);
  EXPECT_EQ(Tree(0.5f).scalar<double>(), 0.5);
  EXPECT_EQ(Tree(0.1).scalar<double>(), 0.1);
}

TEST(Tree, TakesEveryKindOfText) {
  std::string s = "abc";
  for (const Tree& t : {Tree("abc"), Tree(s), Tree(std::string_view(s)), Tree(s.c_str())}) {
    EXPECT_EQ(t.scalar<std::string>(), "abc");
  }
}

TEST(Tree, RefusesWhatMerelyConverts) {
  static_assert(!std::is_constructible_v<Tree, std::nullptr_t>);
  static_assert(!std::is_constructible_v<Tree, char>);
  static_assert(!std::is_constructible_v<Tree, wchar_t>);
  static_assert(!std::is_constructible_v<Tree, char32_t>);
  static_assert(!std::is_constructible_v<Tree, int*>);
  static_assert(!std::is_constructible_v<Tree, void*>);
  static_assert(!std::is_constructible_v<Tree, std::vector<Tree>>);
  static_assert(!std::is_constructible_v<Tree, std::vector<bool>::reference>);
  static_assert(!std::is_convertible_v<Tree, Tensor>);
  static_assert(!std::is_convertible_v<Tree, bool>);
  struct Derived : Tensor {};
  static_assert(!std::is_constructible_v<Tree, Derived>);
  enum Colour { red };
  static_assert(!std::is_constructible_v<Tree, Colour>);
}

TEST(Tree, NamedAndTupleCountTheirBracesRight) {
  auto x = zeros({2});
  std::string s = "s";
  EXPECT_EQ(named({{"a", "x"}, {"b", "y"}}).size(), 2u);
  EXPECT_EQ(named({{"a", "x"}}).size(), 1u);
  EXPECT_EQ(named({{s, s}, {s + "2", s}}).size(), 2u);
  EXPECT_EQ(named({}).size(), 0u);
  EXPECT_TRUE(named({}).is_named());
  EXPECT_TRUE(named({{"w", {}}})["w"].is_none());
  EXPECT_EQ(tuple({"a", "b"}).size(), 2u);
  EXPECT_EQ(tuple({s, s}).size(), 2u);
  EXPECT_EQ(tuple({x}).size(), 1u);
  EXPECT_EQ(tuple({x, x}).size(), 2u);
  EXPECT_EQ(tuple({0}).size(), 1u);
  EXPECT_EQ(tuple({3, x}).size(), 2u);
  EXPECT_EQ(tuple({}).size(), 0u);
  EXPECT_TRUE(tuple({}).is_tuple());
  EXPECT_EQ(tuple(std::vector<Tree>{x, x, x}).size(), 3u);
}

TEST(Tree, ATupleOfATupleIsNotTheTuple) {
  auto h = zeros({2});
  auto wrapped = tuple({tuple({h, h})});
  EXPECT_EQ(wrapped.size(), 1u);
  EXPECT_EQ(wrapped[0].size(), 2u);
  Tree t = tuple({h, h});
  EXPECT_EQ(tuple({t}).size(), 1u);
}

TEST(Tree, NamedRefusesDuplicateEmptyAndDottedKeys) {
  EXPECT_ERROR(TreeError, named({{"h", 0}, {"h", 1}}),
               "[named] expected unique keys, got \"h\" twice.");
  EXPECT_ERROR(TreeError, named({{"", 0}}),
               "[named] expected keys without '.' and not empty, got \"\".");
  EXPECT_ERROR(TreeError, named({{"a.b", 0}}),
               "[named] expected keys without '.' and not empty, got \"a.b\".");
  std::vector<Tree::Item> many;
  for (int i = 0; i < 1000; ++i) many.emplace_back("key" + std::to_string(i), i);
  EXPECT_EQ(named(many).size(), 1000u);
  many.emplace_back("key123", 0);
  EXPECT_ERROR(TreeError, named(many), "[named] expected unique keys, got \"key123\" twice.");
}

// ---- access

TEST(Tree, KeysPositionsAndPathsReachTheSamePart) {
  auto t = model();
  EXPECT_TRUE(t["cell"]["weight"].same_node(t.at("cell.weight")));
  EXPECT_TRUE(t["blocks"][1]["bias"].same_node(t.at("blocks.1.bias")));
  EXPECT_TRUE(t.at("").same_node(t));
  EXPECT_TRUE(t["blocks"][size_t{0}].same_node(t["blocks"][0]));
  EXPECT_TRUE(t["blocks"][uint8_t{1}].same_node(t["blocks"][1]));
  EXPECT_TRUE(t[std::string("cell")].same_node(t["cell"]));
  EXPECT_EQ(t.keys(), (std::vector<std::string>{"cell", "blocks", "scale"}));
}

TEST(Tree, ANumberIsAKeyOfANamedTreeAndAPositionOfATuple) {
  auto t = named({{"0", "zero"}, {"1", tuple({"a", "b"})}});
  EXPECT_EQ(t.at("0").scalar<std::string>(), "zero");
  EXPECT_EQ(t.at("1.1").scalar<std::string>(), "b");
}

TEST(Tree, ContainsAnswersForPaths) {
  auto t = model();
  for (auto path : {"", "cell", "cell.weight", "blocks.1.bias"})
    EXPECT_TRUE(t.contains(path)) << path;
  for (auto path : {"Cell", "cell.w", "cell.weight.x", "blocks.2", "blocks.-1", "blocks.one",
                    "scale.x", "blocks.99999999999999999999"}) {
    EXPECT_FALSE(t.contains(path)) << path;
  }
  EXPECT_FALSE(Tree().contains("a"));
}

TEST(Tree, TensorsUnpackIntoBindings) {
  auto [x, y] = tuple({zeros({2}), ones({3})}).tensors<2>();
  EXPECT_EQ(x.size(0), 2);
  EXPECT_EQ(y.size(0), 3);
  EXPECT_ERROR(TreeError, tuple({zeros({2})}).tensors<2>(),
               "[Tree] expected a tuple of 2, got a tuple of 1.");
  EXPECT_ERROR(TreeError, Tree(zeros({2})).tensors<2>(),
               "[Tree] expected a tuple of 2, got a float32 tensor of shape (2,).");
}

TEST(Tree, AnIntegerIsADoubleTooAndNothingElseConverts) {
  EXPECT_EQ(Tree(3).scalar<double>(), 3.0);
  EXPECT_ERROR(TreeError, Tree(true).scalar<double>(),
               "[Tree] expected a double, got the bool true.");
  EXPECT_ERROR(TreeError, Tree(1).scalar<bool>(), "[Tree] expected a bool, got the int64 1.");
  EXPECT_ERROR(TreeError, Tree(1.0).scalar<int64_t>(),
               "[Tree] expected an int64, got the double 1.0.");
  EXPECT_ERROR(TreeError, Tree("7").scalar<Rng>(), "[Tree] expected an rng, got the string \"7\".");
  EXPECT_ERROR(TreeError, Tree(Rng(1)).scalar<std::string>(),
               "[Tree] expected a string, got an rng.");
  EXPECT_EQ(Tree(Rng(7)).scalar<Rng>(), Rng(7));
}

TEST(Tree, AReferenceFromALongLivedTreeIsTheTreesOwn) {
  auto t = model();
  EXPECT_EQ(&t["cell"], &t["cell"]);
  EXPECT_EQ(&t["cell"]["weight"].tensor(), &t.at("cell.weight").tensor());
  static_assert(std::is_same_v<decltype(t["a"]), const Tree&>);
  static_assert(std::is_same_v<decltype(t[0]), const Tree&>);
  static_assert(std::is_same_v<decltype(t.at("a")), const Tree&>);
  static_assert(std::is_same_v<decltype(t.tensor()), const Tensor&>);
}

TEST(Tree, APartOfATemporaryOutlivesIt) {
  static_assert(std::is_same_v<decltype(Tree()["a"]), Tree>);
  static_assert(std::is_same_v<decltype(Tree()[0]), Tree>);
  static_assert(std::is_same_v<decltype(Tree().at("a")), Tree>);
  static_assert(std::is_same_v<decltype(Tree().tensor()), Tensor>);
  const Tree& w = model()["cell"]["weight"];
  EXPECT_EQ(w.tensor().size(0), 8);
  const Tree& b = model().at("blocks.0.bias");
  EXPECT_EQ(b.tensor().size(0), 8);
  const Tensor& t = model()["cell"]["weight"].tensor();
  EXPECT_EQ(t.size(1), 2);
  size_t seen = 0;
  for (const auto& [key, part] : model()["cell"].items()) seen += part.is_tensor() && !key.empty();
  for (const auto& part : model()["blocks"].elements()) seen += part.is_named();
  EXPECT_EQ(seen, 4u);
}

TEST(Tree, AMissingKeyListsTheKeysThereAre) {
  auto t = model();
  EXPECT_ERROR(TreeError, t["lstm"],
               "[Tree] expected a key \"lstm\", got the keys cell, blocks, scale.");
  EXPECT_ERROR(TreeError, t.at("cell.wieght"),
               "[Tree] at cell: expected a key \"wieght\", got the keys weight, bias.");
  EXPECT_ERROR(TreeError, t.at("blocks.0.w"),
               "[Tree] at blocks.0: expected a key \"w\", got the keys weight, bias.");
  EXPECT_ERROR(TreeError, named({})["w"], "[Tree] expected a key \"w\", got an empty tree.");
  std::vector<Tree::Item> many;
  for (int i = 0; i < 25; ++i) many.emplace_back("k" + std::to_string(i), i);
  EXPECT_ERROR(
      TreeError, named(many)["x"],
      "[Tree] expected a key \"x\", got the keys k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, "
      "k11, k12, k13, k14, k15, k16, k17, k18, k19, ... (25 in all).");
}

TEST(Tree, AskingALeafOrAWrongNodeSaysWhatItIs) {
  auto t = model();
  EXPECT_ERROR(TreeError, t["scale"]["x"],
               "[Tree] expected a named tree with a key \"x\", got the double 0.5.");
  EXPECT_ERROR(TreeError, t["blocks"]["x"],
               "[Tree] expected a named tree with a key \"x\", got a tuple of 2.");
  EXPECT_ERROR(
      TreeError, t["cell"][0],
      "[Tree] expected a tuple with a position 0, got a named tree with the keys weight, bias.");
  EXPECT_ERROR(TreeError, t["blocks"][2], "[Tree] expected a position below 2, got 2.");
  EXPECT_ERROR(TreeError, t["blocks"][-1], "[Tree] expected a position below 2, got -1.");
  EXPECT_ERROR(TreeError, t.at("blocks.2"),
               "[Tree] at blocks: expected a position below 2, got 2.");
  EXPECT_ERROR(TreeError, t["cell"].tensor(),
               "[Tree] expected a tensor, got a named tree with the keys weight, bias.");
  EXPECT_ERROR(TreeError, Tree().tensor(), "[Tree] expected a tensor, got nothing.");
  EXPECT_ERROR(TreeError, t["cell"].elements(),
               "[Tree] expected a tuple, got a named tree with the keys weight, bias.");
  EXPECT_ERROR(TreeError, t["blocks"].items(), "[Tree] expected a named tree, got a tuple of 2.");
  EXPECT_ERROR(TreeError, named({}).tensor(), "[Tree] expected a tensor, got an empty named tree.");
  EXPECT_ERROR(TreeError, Tree(zeros({2}, {.dtype = kInt64}))["w"],
               "[Tree] expected a named tree with a key \"w\", got an int64 tensor of shape (2,).");
}

// ---- new trees from old ones

TEST(Tree, WithReplacesAndSharesEverythingOffThePath) {
  auto t = model();
  auto w = ones({8, 2});
  auto t2 = t.with("cell.weight", w);
  EXPECT_TRUE(t2["cell"]["weight"].tensor().is_same(w));
  EXPECT_TRUE(t2["cell"]["bias"].same_node(t["cell"]["bias"]));
  EXPECT_TRUE(t2["blocks"].same_node(t["blocks"]));
  EXPECT_FALSE(t["cell"]["weight"].tensor().is_same(w));
  EXPECT_EQ(t2.keys(), t.keys());
  EXPECT_TRUE(t.with("blocks.1.bias", 3)["blocks"][0].same_node(t["blocks"][0]));
  EXPECT_EQ(t.with("blocks.1", 3)["blocks"][1].scalar<int64_t>(), 3);
  EXPECT_EQ(t.with("", 3).scalar<int64_t>(), 3);
}

TEST(Tree, WithAddsANewKeyAtTheEndOfItsParent) {
  auto t = model().with("cell.scale", 2);
  EXPECT_EQ(t["cell"].keys(), (std::vector<std::string>{"weight", "bias", "scale"}));
  EXPECT_EQ(named({}).with("a", 1)["a"].scalar<int64_t>(), 1);
}

TEST(Tree, WithRefusesAMissingParentAndAPositionThatIsNotThere) {
  auto t = model();
  EXPECT_ERROR(TreeError, t.with("lstm.weight", 1),
               "[Tree] expected a key \"lstm\", got the keys cell, blocks, scale.");
  EXPECT_ERROR(TreeError, t.with("cell.gates.i", 1),
               "[Tree] at cell: expected a key \"gates\", got the keys weight, bias.");
  EXPECT_ERROR(TreeError, t.with("blocks.2", 1),
               "[Tree] at blocks: expected a position below 2, got 2.");
  EXPECT_ERROR(TreeError, t.with("blocks.x", 1),
               "[Tree] at blocks: expected a named tree with a key \"x\", got a tuple of 2.");
  EXPECT_ERROR(TreeError, t.with("scale.x", 1),
               "[Tree] at scale: expected a named tree with a key \"x\", got the double 0.5.");
  EXPECT_ERROR(TreeError, Tree().with("a", 1),
               "[Tree] expected a named tree with a key \"a\", got nothing.");
  EXPECT_ERROR(TreeError, t.with("cell.", 1),
               "[named] expected keys without '.' and not empty, got \"\".");
}

TEST(Tree, WithoutLeavesOutAPartAtAnyDepth) {
  auto t = model();
  EXPECT_EQ(t.without("cell").keys(), (std::vector<std::string>{"blocks", "scale"}));
  EXPECT_EQ(t.without("cell.bias")["cell"].keys(), (std::vector<std::string>{"weight"}));
  EXPECT_EQ(t.without("blocks.0")["blocks"].size(), 1u);
  EXPECT_EQ(t.without("blocks.1.bias")["blocks"][1].size(), 1u);
  EXPECT_EQ(t.size(), 3u);
  EXPECT_ERROR(TreeError, t.without("cell.x"),
               "[Tree] at cell: expected a key \"x\", got the keys weight, bias.");
  EXPECT_ERROR(TreeError, t.without(""),
               "[Tree] expected the path of a part to leave out, got \"\".");
}

TEST(Tree, MergeKeepsTheFirstOrderAndTheSecondValues) {
  auto m = merge(named({{"a", 1}, {"b", 2}}), named({{"c", 3}, {"a", 4}}));
  EXPECT_EQ(m.keys(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(m["a"].scalar<int64_t>(), 4);
  EXPECT_ERROR(TreeError, merge(named({}), tuple({})),
               "[Tree] expected a named tree, got a tuple of 0.");
}

TEST(Tree, AChangedVectorLeavesTheTreeAlone) {
  std::vector<Tree> parts{1, 2};
  auto t = tuple(parts);
  parts[0] = 7;
  EXPECT_EQ(t[0].scalar<int64_t>(), 1);
}

TEST(Tree, CopiesShareTheirNode) {
  auto t = model(), copy = t;
  EXPECT_TRUE(copy.same_node(t));
  EXPECT_TRUE(copy["cell"].same_node(t["cell"]));
  EXPECT_FALSE(cell().same_node(cell()));
  EXPECT_TRUE(Tree("a").same_node("a"));
  EXPECT_TRUE(Tree(0.5).same_node(0.5));
  EXPECT_FALSE(Tree(1).same_node(1.0));
}

TEST(Tree, ManyThreadsReadCopyAndDeriveFromOneTree) {
  const auto t = model();
  std::vector<std::thread> threads;
  std::array<int, 8> good{};
  for (size_t k = 0; k < good.size(); ++k) {
    threads.emplace_back([&, k] {
      for (int i = 0; i < 2000; ++i) {
        Tree copy = t;
        auto changed = copy.with("cell.bias", i);
        good[k] += copy["cell"]["bias"].is_tensor() &&
                   changed["cell"]["bias"].scalar<int64_t>() == i &&
                   changed["blocks"][1].size() == 2;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (int n : good) EXPECT_EQ(n, 2000);
  EXPECT_TRUE(t["cell"]["bias"].is_tensor());
}

// ---- printing

TEST(Tree, PrintsLeavesInOneLine) {
  EXPECT_EQ(printed(Tree()), "nothing");
  EXPECT_EQ(printed(true), "true");
  EXPECT_EQ(printed(-3), "-3");
  EXPECT_EQ(printed(1.0), "1.0");
  EXPECT_EQ(printed(0.1), "0.1");
  EXPECT_EQ(printed(1e-20), "1e-20");
  EXPECT_EQ(printed(NAN), "nan");
  EXPECT_EQ(printed("a\"b"), "\"a\"b\"");
  EXPECT_EQ(printed(Rng(7)), "Rng(7)");
  EXPECT_EQ(printed(zeros({8, 2})), "float32(8, 2)");
  EXPECT_EQ(printed(zeros({8}, {.dtype = kInt64})), "int64(8,)");
  EXPECT_EQ(printed(zeros({}, {.dtype = kBool})), "bool()");
  EXPECT_EQ(printed(Tensor()), "an undefined tensor");
  EXPECT_EQ(printed(named({})), "()");
  EXPECT_EQ(printed(tuple({})), "() (a tuple)");
}

TEST(Tree, PrintsNodesAsAnIndentedList) {
  EXPECT_EQ(printed(named({{"cell", cell()},
                           {"blocks", tuple({cell(), 3, named({})})},
                           {"training", true},
                           {"carry", Tree()}})),
            "named tree of 4\n"
            "  cell\n"
            "    weight = float32(8, 2)\n"
            "    bias = float32(8,)\n"
            "  blocks\n"
            "    [0]\n"
            "      weight = float32(8, 2)\n"
            "      bias = float32(8,)\n"
            "    [1] 3\n"
            "    [2] ()\n"
            "  training = true\n"
            "  carry = nothing");
  EXPECT_EQ(printed(tuple({1, 2})), "tuple of 2\n  [0] 1\n  [1] 2");
}

TEST(Tree, ErrorsShowTheBeginningOfALongString) {
  EXPECT_ERROR(TreeError, Tree(std::string(100, 'x')).tensor(),
               "[Tree] expected a tensor, got the string \"" + std::string(60, 'x') + "...\".");
}

TEST(Tree, OfMoreLevelsThanTheStackHoldsIsRefused) {
  for (bool named_too : {false, true}) {
    Tree t = 1;
    auto deeper = [&] { return named_too ? named({{"a", t}}) : tuple({t}); };
    for (int i = 0; i < 1000; ++i) t = deeper();
    EXPECT_EQ(tree::leaves(t).size(), 1u);
    EXPECT_THROW(t = deeper(), TreeError);
  }
}

}  // namespace
}  // namespace luxtorch
