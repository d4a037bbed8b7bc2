// tree:: map and its kin, by example and by property.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <set>

#include "luxtorch/core/ops.h"
#include "luxtorch/tree.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

using testing::Strings;

Tree filled_cell() { return named({{"weight", full({8, 2}, 2)}, {"bias", full({8}, 3)}}); }
Tree filled_model() {
  return named(
      {{"cell", filled_cell()}, {"blocks", tuple({filled_cell(), 7, named({})})}, {"rng", Rng(1)}});
}

TEST(TreeFunctions, MapVisitsTheLeavesInOrderAndKeepsTheStructure) {
  Strings paths;
  auto t = tree::map(
      [&](const std::string& path, const Tree& leaf) {
        paths.push_back(path);
        return leaf.is_tensor() ? Tree(leaf.tensor().numel()) : leaf;
      },
      filled_model());
  EXPECT_EQ(paths, (Strings{"cell.weight", "cell.bias", "blocks.0.weight", "blocks.0.bias",
                            "blocks.1", "rng"}));
  EXPECT_EQ(t.at("blocks.0.weight").scalar<int64_t>(), 16);
  EXPECT_EQ(t["blocks"][2].size(), 0u);
  EXPECT_EQ(tree::map([](const Tree&) { return Tree(1); }, Tree(0)).scalar<int64_t>(), 1);
}

TEST(TreeFunctions, MapMayPutATreeWhereALeafWas) {
  auto t = tree::map([](const Tree& leaf) { return tuple({leaf, leaf}); }, named({{"a", 1}}));
  EXPECT_EQ(t["a"][1].scalar<int64_t>(), 1);
}

TEST(TreeFunctions, MapTensorsLeavesOtherLeavesAlone) {
  auto half = tree::map_tensors([](const Tensor& t) { return t * 0.5; }, filled_model());
  EXPECT_CLOSE(half.at("cell.weight").tensor(), ones({8, 2}), 0);
  EXPECT_EQ(half.at("rng").scalar<Rng>(), Rng(1));
  EXPECT_EQ(half.at("blocks.1").scalar<int64_t>(), 7);
}

TEST(TreeFunctions, ForEachPathsLeavesAndTensorsGoInOneOrder) {
  auto t = filled_model();
  Strings paths;
  std::vector<Tree> leaves;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        paths.push_back(path);
        leaves.push_back(leaf);
      },
      t);
  EXPECT_EQ(tree::paths(t), paths);
  ASSERT_EQ(tree::leaves(t).size(), leaves.size());
  for (size_t i = 0; i < leaves.size(); ++i) EXPECT_TRUE(tree::leaves(t)[i].same_node(leaves[i]));
  EXPECT_EQ(tree::tensors(t).size(), 4u);
  EXPECT_EQ(tree::paths(Tree(3)), Strings{""});
  EXPECT_TRUE(tree::leaves(named({})).empty());
}

TEST(TreeFunctions, ZipJoinsTreesOfOneStructureWhateverTheirLeaves) {
  auto a = named({{"x", 1}, {"y", tuple({2})}}),
       b = named({{"x", zeros({2})}, {"y", tuple({"s"})}});
  auto z = tree::zip([](const Tree& p, const Tree& q) { return tuple({p, q}); }, a, b);
  EXPECT_EQ(z["x"][0].scalar<int64_t>(), 1);
  EXPECT_EQ(z["y"][0][1].scalar<std::string>(), "s");
}

TEST(TreeFunctions, ZipSaysWhereTheStructuresDiffer) {
  auto first = [](const Tree& p, const Tree&) { return p; };
  auto a = named({{"x", 1}, {"y", tuple({2})}});
  EXPECT_ERROR(
      TreeError, tree::zip(first, a, named({{"x", 1}})),
      "[tree::zip] expected two trees of one structure, got \"y\" is missing on the right.");
  EXPECT_ERROR(
      TreeError, tree::zip(first, a, a.with("y", tuple({1, 2}))),
      "[tree::zip] expected two trees of one structure, got at y: a tuple of 1 on the left, a "
      "tuple of 2 on the right.");
}

TEST(TreeFunctions, UnflattenChecksTheNumberOfLeaves) {
  auto t = tree::unflatten(filled_model(), tree::leaves(filled_model()));
  EXPECT_SAME(t, filled_model());
  EXPECT_ERROR(TreeError, tree::unflatten(tuple({1, 2}), {Tree(1)}),
               "[tree::unflatten] expected 2 leaves, got 1.");
  EXPECT_ERROR(TreeError, tree::unflatten(tuple({1, 2}), {Tree(1), Tree(2), Tree(3)}),
               "[tree::unflatten] expected 2 leaves, got 3.");
}

TEST(TreeFunctions, NestGroupsFlatNamesOnTheirDots) {
  auto t = tree::nest({{"0.weight", 1}, {"1.weight", 3}, {"0.bias", 2}, {"scale", 4}});
  EXPECT_EQ(t.keys(), (Strings{"0", "1", "scale"}));
  EXPECT_EQ(t["0"].keys(), (Strings{"weight", "bias"}));
  EXPECT_EQ(t.at("0.bias").scalar<int64_t>(), 2);
  EXPECT_TRUE(tree::nest({}).is_named());
  EXPECT_ERROR(TreeError, tree::nest({{"a", 1}, {"a.b", 2}}),
               "[tree::nest] expected names that nest, got \"a\" as a leaf and as a group.");
  EXPECT_ERROR(TreeError, tree::nest({{"a.b", 2}, {"a", 1}}),
               "[tree::nest] expected names that nest, got \"a\" as a leaf and as a group.");
  EXPECT_ERROR(TreeError, tree::nest({{"a.b", 2}, {"a.b", 1}}),
               "[tree::nest] expected unique names, got \"b\" twice.");
  for (const char* name : {"a..b", "a.", ".a", ""})
    EXPECT_ERROR(TreeError, tree::nest({{name, 2}}),
                 "[named] expected keys without '.' and not empty, got \"\".");
}

TEST(TreeFunctions, DifferenceNamesTheFirstPlaceAndBothSides) {
  auto t = filled_model();
  EXPECT_EQ(tree::difference(t, t), "");
  EXPECT_EQ(tree::difference(t, t.with("cell.weight", zeros({2, 8}))),
            "at cell.weight: a float32 tensor of shape (8, 2) on the left, a float32 tensor of "
            "shape (2, 8) "
            "on the right");
  EXPECT_EQ(tree::difference(t, tree::to(t, kFloat64)),
            "at cell.weight: a float32 tensor of shape (8, 2) on the left, a float64 tensor of "
            "shape (8, 2) "
            "on the right");
  EXPECT_EQ(tree::difference(t, t.without("cell.bias")),
            "at cell: \"bias\" is missing on the right");
  EXPECT_EQ(tree::difference(t.without("cell.bias"), t),
            "at cell: \"bias\" is missing on the left");
  EXPECT_EQ(tree::difference(named({{"a", 1}, {"b", 2}}), named({{"b", 2}, {"a", 1}})),
            "the keys are in another order: \"a\" and \"b\" at position 0");
  EXPECT_EQ(tree::difference(Tree(1), Tree(1.5)),
            "the int64 1 on the left, the double 1.5 on the right");
  EXPECT_EQ(tree::difference(Tree(1), Tree(2)), "");
  EXPECT_EQ(tree::difference(Tree(), named({})),
            "nothing on the left, an empty named tree on the right");
  EXPECT_EQ(tree::difference(named({}), tuple({})),
            "an empty named tree on the left, a tuple of 0 on the right");
  EXPECT_EQ(tree::difference(Tensor(), zeros({2})),
            "an undefined tensor on the left, a float32 tensor of shape (2,) on the right");
  EXPECT_EQ(tree::difference(Tensor(), Tensor()), "");
}

TEST(TreeFunctions, EqualIsBitwise) {
  EXPECT_TRUE(tree::equal(filled_model(), filled_model()));
  EXPECT_TRUE(tree::equal(NAN, NAN));
  EXPECT_TRUE(tree::equal(tensor({NAN, 1}), tensor({NAN, 1})));
  EXPECT_FALSE(tree::equal(tensor({0.0}), tensor({-0.0})));
  EXPECT_FALSE(tree::equal(0.0, -0.0));
  EXPECT_FALSE(tree::equal(1, 2));
  EXPECT_FALSE(tree::equal("a", "b"));
  EXPECT_FALSE(tree::equal(Rng(1), Rng(2)));
  EXPECT_FALSE(tree::equal(true, false));
  EXPECT_FALSE(tree::equal(zeros({2}), zeros({3})));
  EXPECT_FALSE(tree::equal(zeros({2}), zeros({2}, {.dtype = kFloat64})));
  EXPECT_TRUE(tree::equal(Tensor(), Tensor()));
  auto x = arange(6, {.dtype = kFloat32}).reshape({2, 3});
  EXPECT_TRUE(tree::equal(x.t(), x.t().contiguous()));
  EXPECT_TRUE(tree::equal(x.clone().set_requires_grad(true), x));
}

TEST(TreeFunctions, AllCloseHasARelativeAndAnAbsolutePart) {
  EXPECT_TRUE(tree::all_close(named({{"a", 1.000001}}), named({{"a", 1.0}})));
  EXPECT_FALSE(tree::all_close(1.001, 1.0));
  EXPECT_TRUE(tree::all_close(1.001, 1.0, 1e-2));
  EXPECT_TRUE(tree::all_close(1.001, 1.0, 0, 1e-2));
  EXPECT_TRUE(tree::all_close(NAN, NAN));
  EXPECT_TRUE(tree::all_close(INFINITY, INFINITY));
  EXPECT_TRUE(tree::all_close(tensor({1.000001, NAN}), tensor({1., NAN})));
  EXPECT_FALSE(tree::all_close(tensor({1.001}), tensor({1.})));
  EXPECT_FALSE(tree::all_close(tensor({1, 2}), tensor({1, 3})));
  EXPECT_FALSE(tree::all_close(tuple({1.0}), tuple({1.0, 1.0})));
}

TEST(TreeFunctions, NumelAndBytesCountTensors) {
  EXPECT_EQ(tree::numel(filled_model()), 48);
  EXPECT_EQ(tree::bytes(filled_model()), 192);
  EXPECT_EQ(tree::bytes(tree::to(filled_model(), kFloat64)), 384);
  EXPECT_EQ(tree::numel(named({{"none", Tree()}, {"undefined", Tensor()}})), 0);
  EXPECT_EQ(tree::bytes(Tree(Tensor())), 0);
}

TEST(TreeFunctions, ToChangesFloatingTensorsOnly) {
  auto t = named(
      {{"w", ones({2})}, {"i", tensor({1, 2})}, {"b", tensor({true})}, {"n", 3}, {"u", Tensor()}});
  auto d = tree::to(t, kFloat64);
  EXPECT_EQ(d["w"].tensor().scalar_type(), kFloat64);
  EXPECT_TRUE(d["i"].same_node(t["i"]));
  EXPECT_TRUE(d["b"].same_node(t["b"]));
  EXPECT_FALSE(d["u"].tensor().defined());
  auto cpu = tree::to(t, Device(c10::DeviceType::CPU));
  EXPECT_SAME(cpu, t);
  EXPECT_TRUE(cpu["w"].same_node(t["w"]));
}

TEST(TreeFunctions, DetachLeavesTheGraph) {
  auto w = ones({2}).set_requires_grad(true);
  auto t = tree::detach(named({{"w", w}, {"y", w * 2}, {"n", 1}, {"u", Tensor()}}));
  EXPECT_FALSE(t["w"].tensor().requires_grad() || t["y"].tensor().requires_grad());
  EXPECT_EQ(t["w"].tensor().data_ptr(), w.data_ptr());
}

// ---- properties

Tree arbitrary_leaf() {
  switch (*rc::gen::inRange(0, 8)) {
    case 0:
      return Tree();
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::arbitrary<int64_t>();
    case 3:
      return *rc::gen::arbitrary<double>();
    case 4:
      return *rc::gen::arbitrary<std::string>();
    case 5:
      return Rng(*rc::gen::arbitrary<uint64_t>());
    default: {
      auto shape = *rc::gen::container<std::vector<int64_t>>(*rc::gen::inRange(0, 4),
                                                             rc::gen::inRange(0, 4));
      auto dtype = *rc::gen::element(kFloat32, kFloat64, kInt64);
      return random::integers(Rng(*rc::gen::arbitrary<uint64_t>()), shape, -9, 9).to(dtype);
    }
  }
}

Tree arbitrary_tree(int depth) {
  int kind = *rc::gen::inRange(0, depth > 0 ? 3 : 1);
  if (kind == 0) return arbitrary_leaf();
  int n = *rc::gen::inRange(0, 4);
  std::vector<Tree> elements;
  std::vector<Tree::Item> items;
  for (int i = 0; i < n; ++i) {
    auto part = arbitrary_tree(depth - 1);
    // Keys that are numbers, prefixes of each other and not in alphabetical order.
    static const std::array<const char*, 4> keys{"b", "1", "a", "bias_"};
    items.emplace_back(keys[static_cast<size_t>(i)], part);
    elements.push_back(std::move(part));
  }
  return kind == 1 ? named(std::move(items)) : tuple(std::move(elements));
}

RC_GTEST_PROP(TreeProperties, UnflattenOfItsLeavesIsTheTree, ()) {
  auto t = arbitrary_tree(4);
  RC_ASSERT(tree::equal(tree::unflatten(t, tree::leaves(t)), t));
  RC_ASSERT(tree::equal(tree::map([](const Tree& leaf) { return leaf; }, t), t));
}

RC_GTEST_PROP(TreeProperties, EveryPathLeadsToItsLeaf, ()) {
  auto t = arbitrary_tree(4);
  auto paths = tree::paths(t);
  auto leaves = tree::leaves(t);
  RC_ASSERT(paths.size() == leaves.size());
  RC_ASSERT(std::set<std::string>(paths.begin(), paths.end()).size() == paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    RC_ASSERT(t.contains(paths[i]));
    RC_ASSERT(tree::equal(t.at(paths[i]), leaves[i]));
  }
}

RC_GTEST_PROP(TreeProperties, WithChangesOneLeafAndWithItsOldValueChangesNothing, ()) {
  auto t = named({{"a", arbitrary_tree(3)}, {"b", arbitrary_leaf()}});
  auto paths = tree::paths(t);
  auto path = *rc::gen::elementOf(paths);
  auto changed = t.with(path, "something new");
  for (const auto& p : paths) {
    RC_ASSERT(tree::equal(changed.at(p), p == path ? Tree("something new") : t.at(p)));
  }
  RC_ASSERT(tree::equal(changed.with(path, t.at(path)), t));
}

RC_GTEST_PROP(TreeProperties, WithoutRemovesOnePartAndNoOther, ()) {
  auto t = named({{"a", arbitrary_tree(3)}, {"b", arbitrary_tree(3)}});
  if (*rc::gen::arbitrary<bool>()) t = tuple({t, arbitrary_tree(2)});
  auto key = t.is_named() ? *rc::gen::elementOf(t.keys())
                          : std::to_string(*rc::gen::inRange<size_t>(0, t.size()));
  auto smaller = t.without(key);
  RC_ASSERT(smaller.size() + 1 == t.size());
  RC_ASSERT(tree::leaves(smaller).size() + tree::leaves(t.at(key)).size() ==
            tree::leaves(t).size());
}

RC_GTEST_PROP(TreeProperties, TreesAreEqualExactlyWhenZippedLeavesAre, ()) {
  auto a = arbitrary_tree(3), b = *rc::gen::arbitrary<bool>() ? a : arbitrary_tree(3);
  RC_ASSERT(tree::equal(a, b) == tree::equal(b, a));
  RC_ASSERT(!tree::equal(a, b) || tree::difference(a, b).empty());
  if (tree::difference(a, b).empty()) {
    bool all = true;
    tree::zip([&](const Tree& x, const Tree& y) { return all = all && tree::equal(x, y), Tree(); },
              a, b);
    RC_ASSERT(all == tree::equal(a, b));
  }
}

RC_GTEST_PROP(TreeProperties, NestPutsFlatNamesBack, ()) {
  auto numbers = named({{"a", arbitrary_tree(3)}, {"0", arbitrary_leaf()}});
  std::vector<Tree::Item> flat;
  int64_t i = 0;
  for (const auto& path : tree::paths(numbers)) flat.emplace_back(path, i++);
  auto nested = tree::nest(flat);
  for (const auto& [path, value] : flat) {
    RC_ASSERT(nested.at(path).scalar<int64_t>() == value.scalar<int64_t>());
  }
  RC_ASSERT(tree::paths(nested).size() == flat.size());
}

}  // namespace
}  // namespace luxtorch
