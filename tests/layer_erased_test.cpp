// The erased Layer: what it calls with what, and what comes out.
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "luxtorch/core/ops.h"
#include "luxtorch/layer.h"
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
using testing::kNone;
using testing::MoveOnly;
using testing::Slope;
using testing::SumCell;
using testing::Two;

TEST(ErasedLayer, ALayerOfATensorGetsTheTensor) {
  Layer layer = Slope{2};
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
  EXPECT_FALSE(Layer(Slope{2}).is_cell());
  EXPECT_ERROR(
      UnsupportedError, Layer(Slope{2}).step(x, nullptr, ps, st),
      "[Slope] expected a recurrent cell, whose calls (x, ps, st) and (x, carry, ps, st) return "
      "Out<Step>.");
}

TEST(ErasedLayer, AWrongInputSaysWhatItTakesAndWhatItGot) {
  Layer layer = Slope{2};
  auto [ps, st] = setup(Rng(1), layer);
  auto x = ones({2});
  EXPECT_ERROR(TreeError, layer(tuple({x, x}), ps, st),
               "[Slope] takes a tensor, got a tuple of 2.");
  EXPECT_ERROR(TreeError, layer(Tree(), ps, st), "[Slope] takes a tensor, got nothing.");
  EXPECT_ERROR(TreeError, layer(named({{"a", x}}), ps, st),
               "[Slope] takes a tensor, got a named tree with the keys a.");
  EXPECT_ERROR(TreeError, layer(3, ps, st), "[Slope] takes a tensor, got the int64 3.");
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
  Layer layer = Slope{3};
  Layer copy = layer;
  ASSERT_NE(copy.as<Slope>(), nullptr);
  EXPECT_EQ(copy.as<Slope>(), layer.as<Slope>());
  EXPECT_EQ(copy.as<Slope>()->dims, 3);
  EXPECT_EQ(copy.as<Counter>(), nullptr);
  Layer again = Layer(layer);
  EXPECT_EQ(again.as<Slope>(), layer.as<Slope>());
}

TEST(ErasedLayer, HoldsWhatCanOnlyBeMoved) {
  Layer layer = MoveOnly{};
  EXPECT_SAME(layer(ones({2}), kNone, kNone).first, full({2}, 3));
  EXPECT_EQ(setup(Rng(1), MoveOnly{}).first.size(), 0u);
}

TEST(ErasedLayer, IsBuiltFromLayersOnly) {
  static_assert(std::is_convertible_v<Slope, Layer> && std::is_convertible_v<Activation, Layer>);
  static_assert(!std::is_constructible_v<Layer, int> && !std::is_constructible_v<Layer, Tree>);
  static_assert(!std::is_constructible_v<Layer, Tensor> &&
                !std::is_constructible_v<Layer, std::string>);
  static_assert(!std::is_constructible_v<Layer, std::vector<Slope>>);
  static_assert(!std::is_default_constructible_v<Layer>);
}

TEST(ErasedLayer, RunsOnManyThreads) {
  Layer layer = Two{Slope{2}, Counter{}};
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

}  // namespace
}  // namespace luxtorch
