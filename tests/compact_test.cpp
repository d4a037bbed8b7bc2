#include "luxtorch/compact.h"

#include <gtest/gtest.h>

#include <memory>

#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "support/compare.h"
#include "support/tiny_layers.h"

namespace luxtorch {
namespace {

using testing::Counter;
using testing::MoveOnly;
using testing::Slope;
using testing::Strings;
using testing::SumCell;
using testing::Two;

TEST(Compact, BindsItsFieldsByPositionAndNamesTheTreesByThem) {
  auto model =
      compact(field("a", Slope{2}), field("b", Counter{}))
          .forward([](const Tensor& x, auto& first, auto& second) { return second(first(x)); });
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_EQ(ps.keys(), (Strings{"a", "b"}));
  EXPECT_EQ(st.keys(), (Strings{"a", "b"}));
  auto x = random::normal(Rng(2), {3, 2});
  auto [y, st2] = apply(model, x, ps, st);
  static_assert(std::is_same_v<decltype(y), Tensor>);
  EXPECT_SAME(y, x * ps.at("a.weight").tensor());
  EXPECT_EQ(st2.at("b.count").scalar<int64_t>(), 1);
  EXPECT_EQ(st.at("b.count").scalar<int64_t>(), 0);
}

TEST(Compact, EachCallOfAFieldMovesItsStateOn) {
  auto model = compact(field("counter", Counter{})).forward([](const Tensor& x, auto& counter) {
    return counter(counter(counter(x)));
  });
  auto [ps, st] = setup(Rng(1), model);
  auto st2 = apply(model, ones({2}), ps, st).second;
  EXPECT_EQ(st2.at("counter.count").scalar<int64_t>(), 3);
  EXPECT_EQ(apply(model, ones({2}), ps, st2).second.at("counter.count").scalar<int64_t>(), 6);
}

TEST(Compact, CellsAreCalledWithAndWithoutACarry) {
  auto model = compact(field("cell", SumCell{2})).forward([](const Tensor& x, auto& cell) {
    auto steps = x.unbind(1);
    auto out = cell(steps[0]);
    for (size_t t = 1; t < steps.size(); ++t) out = cell(steps[t], out.carry);
    return out.y;
  });
  auto [ps, st] = setup(Rng(1), model);
  auto x = random::normal(Rng(2), {3, 5, 2});
  EXPECT_CLOSE(apply(model, x, ps, st).first, x.sum(1) * ps.at("cell.weight").tensor(), 1e-6);
}

TEST(Compact, FieldsMayBeTakenByConstReference) {
  auto model = compact(field("counter", Counter{}), field("two", std::array<Counter, 2>{}))
                   .forward([](const Tensor& x, const auto& counter, const auto& two) {
                     auto y = counter(counter(x));
                     for (const auto& each : two) y = each(y);
                     return two[1](y);
                   });
  auto [ps, st] = setup(Rng(1), model);
  auto st2 = apply(model, ones({2}), ps, st).second;
  EXPECT_EQ(st2.at("counter.count").scalar<int64_t>(), 2);
  EXPECT_EQ(st2.at("two.0.count").scalar<int64_t>(), 1);
  EXPECT_EQ(st2.at("two.1.count").scalar<int64_t>(), 2);
}

TEST(Compact, SeveralInputsComeFromATuple) {
  auto two = compact(field("a", Slope{2}), field("b", Slope{2}))
                 .forward([](const Tensor& x, const Tensor& y, auto& a, const auto& b) {
                   return a(x) + b(y);
                 });
  auto [ps, st] = setup(Rng(1), two);
  auto x = random::normal(Rng(2), {3, 2}), y = random::normal(Rng(3), {3, 2});
  auto expected = x * ps.at("a.weight").tensor() + y * ps.at("b.weight").tensor();
  EXPECT_SAME(apply(two, std::pair(x, y), ps, st).first.tensor(), expected);
  EXPECT_SAME(
      apply<Tensor>(Chain(two), tuple({x, y}), named({{"layer_1", ps}}), named({{"layer_1", st}}))
          .first,
      expected);
  EXPECT_SAME(two(x, y, ps, st).first, expected);
  EXPECT_THROW(apply(two, x, ps, st), Error);

  auto four = compact(field("a", Slope{2}))
                  .forward([](const Tensor& p, const Tensor& q, const Tensor& r, const Tensor& s,
                              auto& a) { return a(p - q + r - s); });
  auto [ps4, st4] = setup(Rng(1), four);
  EXPECT_SAME(apply(four, tuple({x, y, y, y}), ps4, st4).first.tensor(),
              (x - y + y - y) * ps4.at("a.weight").tensor());
  auto with_carry =
      compact(field("a", Slope{2})).forward([](const Tensor& p, const Tree& carry, auto& a) {
        return a(p) + carry["h"].tensor();
      });
  EXPECT_SAME(apply(with_carry, tuple({x, named({{"h", y}})}), ps4, st4).first.tensor(),
              x * ps4.at("a.weight").tensor() + y);
}

TEST(Compact, ABodyOfAnyNumberOfArgumentsHasOneInput) {
  auto sum = compact(field("a", Slope{2}), field("b", Slope{2}))
                 .forward([](const Tensor& x, auto&... fields) { return (fields(x) + ...); });
  auto [ps, st] = setup(Rng(1), sum);
  auto x = random::normal(Rng(2), {3, 2});
  EXPECT_SAME(apply(sum, x, ps, st).first,
              x * ps.at("a.weight").tensor() + x * ps.at("b.weight").tensor());
}

TEST(Compact, SeveralLayersAreARange) {
  auto model = compact(field("many", std::vector<Slope>{Slope{2}, Slope{2}, Slope{2}}),
                       field("two", std::array<Counter, 2>{}))
                   .forward([](Tensor x, auto& many, auto& two) {
                     for (auto& layer : many) x = layer(x);
                     EXPECT_EQ(many.size(), 3u);
                     return two[1](two[1](many[0](x)));
                   });
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_TRUE(ps["many"].is_tuple());
  auto [y, st2] = apply(model, ones({2}), ps, st);
  auto w = [&, &p = ps](int i) { return p["many"][i]["weight"].tensor(); };
  EXPECT_CLOSE(y, w(0) * w(1) * w(2) * w(0), 1e-6);
  EXPECT_EQ(st2["two"][0]["count"].scalar<int64_t>(), 0);
  EXPECT_EQ(st2["two"][1]["count"].scalar<int64_t>(), 2);
}

TEST(Compact, ParametersAndStatesOfItsOwn) {
  auto model = compact(field("scale", Slope{2}), param("shift", init::rand, {2}), state("calls", 0),
                       state("total", ones({2})))
                   .forward([](const Tensor& x, auto& scale, const Tensor& shift, int64_t& calls,
                               Tensor& total) {
                     calls += 1;
                     total = total + x;
                     return scale(x) + shift;
                   });
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_EQ(ps.keys(), (Strings{"scale", "shift"}));
  EXPECT_EQ(st.keys(), (Strings{"scale", "calls", "total"}));
  auto x = full({2}, 3);
  auto [y, st2] = apply(model, x, ps, st);
  EXPECT_SAME(y, x * ps.at("scale.weight").tensor() + ps["shift"].tensor());
  EXPECT_EQ(st2["calls"].scalar<int64_t>(), 1);
  EXPECT_SAME(st2["total"], full({2}, 4));
  EXPECT_EQ(tree::difference(st2, st), "");
  EXPECT_EQ(st["calls"].scalar<int64_t>(), 0);
  EXPECT_SAME(st["total"], ones({2}));
  auto key = Rng(1).fold_in("parameters").fold_in("shift");
  EXPECT_SAME(ps["shift"], random::uniform(key, {2}));
}

TEST(Compact, StatesHoldEveryKindOfLeaf) {
  auto model =
      compact(state("b", true), state("i", size_t{3}), state("f", 0.5f), state("s", "text"),
              state("r", Rng(1)), state("t", Tree(tuple({1, 2}))), state("x", ones({2})))
          .forward([](const Tensor& x, bool& b, int64_t& i, double& f, std::string& s, Rng& r,
                      Tree& t, Tensor&) {
            b = !b, i += 1, f *= 2, s += "!", r = r.fold_in(0), t = t.with("0", 7);
            return x;
          });
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_EQ(ps.size(), 0u);
  auto st2 = apply(model, ones({1}), ps, st).second;
  EXPECT_FALSE(st2["b"].scalar<bool>());
  EXPECT_EQ(st2["i"].scalar<int64_t>(), 4);
  EXPECT_EQ(st2["f"].scalar<double>(), 1.0);
  EXPECT_EQ(st2["s"].scalar<std::string>(), "text!");
  EXPECT_EQ(st2["r"].scalar<Rng>(), Rng(1).fold_in(0));
  EXPECT_EQ(st2["t"][0].scalar<int64_t>(), 7);
  EXPECT_EQ(tree::difference(st2, st), "");
}

TEST(Compact, StatesKeepTheOrderOfSetupWhereverTheFieldsStand) {
  auto model = compact(state("before", 0), field("a", Counter{}), param("w", init::ones, {1}),
                       state("between", 0), field("b", Counter{}))
                   .forward([](const Tensor& x, auto&, auto& a, auto& w, auto&, auto& b) {
                     return b(a(x)) * w;
                   });
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_EQ(st.keys(), (Strings{"a", "b", "before", "between"}));
  EXPECT_EQ(apply(model, ones({1}), ps, st).second.keys(), st.keys());
  EXPECT_EQ(ps.keys(), (Strings{"a", "b", "w"}));
}

TEST(Compact, TheBodyMayReturnWhatOutMayHold) {
  auto x = ones({2});
  auto both = compact(field("a", Slope{2})).forward([](const Tensor& t, auto& a) {
    return std::tuple{a(t), t};
  });
  auto [ps, st] = setup(Rng(1), both);
  auto [ys, st2] = apply(both, x, ps, st);
  EXPECT_SAME(std::get<1>(ys), x);
  EXPECT_EQ(Layer(both)(x, ps, st).first.size(), 2u);
  auto step = compact(field("cell", SumCell{2})).forward([](const Tensor& t, auto& cell) {
    return cell(t);
  });
  EXPECT_EQ(Layer(step)(x, setup(Rng(1), step).first, setup(Rng(1), step).second).first.size(), 2u);
}

TEST(Compact, TheBodyMayTakeATree) {
  auto model = compact(field("a", Slope{2})).forward([](const Tree& x, auto& a) {
    return a(x[0].tensor()) + x[1].tensor();
  });
  auto [ps, st] = setup(Rng(1), model);
  auto x = tuple({ones({2}), ones({2})});
  EXPECT_SAME(apply(model, x, ps, st).first, ps.at("a.weight").tensor() + 1);
  EXPECT_SAME(Layer(model)(x, ps, st).first, ps.at("a.weight").tensor() + 1);
}

TEST(Compact, TheBodyMayTakeAnythingByAuto) {
  auto model =
      compact(field("a", Slope{2})).forward([](const auto& x, auto&& a) { return a(x) * 2; });
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_SAME(Layer(model)(ones({2}), ps, st).first, ps.at("a.weight").tensor() * 2);
}

TEST(Compact, WithoutFieldsItIsAFunction) {
  auto model = compact().forward([](const Tensor& x) { return x * 2; });
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_EQ(ps.size() + st.size(), 0u);
  EXPECT_SAME(apply(model, ones({2}), ps, st).first, full({2}, 2));
}

TEST(Compact, CompactsErasedLayersAndFunctionsAreFieldsToo) {
  auto inner = compact(field("scale", Slope{2}), state("n", 0))
                   .forward([](const Tensor& x, auto& scale, auto& n) {
                     n += 1;
                     return scale(x);
                   });
  auto outer = compact(field("one", inner), field("two", inner), field("any", Layer(Slope{2})),
                       field("double", [](const Tensor& x) { return x * 2; }))
                   .forward([](const Tensor& x, auto& one, auto& two, auto& any, auto& twice) {
                     return any(twice(two(two(one(x))))).tensor();
                   });
  auto [ps, st] = setup(Rng(1), outer);
  EXPECT_EQ(ps.keys(), (Strings{"one", "two", "any", "double"}));
  EXPECT_FALSE(tree::equal(ps["one"], ps["two"]));
  auto st2 = apply(outer, ones({2}), ps, st).second;
  EXPECT_EQ(st2.at("one.n").scalar<int64_t>(), 1);
  EXPECT_EQ(st2.at("two.n").scalar<int64_t>(), 2);
  EXPECT_EQ(tree::difference(st2, st), "");
}

TEST(Compact, ItsFieldsCanBeUsedForSeveralBodies) {
  auto fields = compact(field("a", Slope{2}));
  auto once = fields.forward([](const Tensor& x, auto& a) { return a(x); });
  auto twice = fields.forward([](const Tensor& x, auto& a) { return a(a(x)); });
  auto [ps, st] = setup(Rng(1), once);
  auto w = ps.at("a.weight").tensor();
  EXPECT_SAME(apply(once, ones({2}), ps, st).first, w);
  EXPECT_SAME(apply(twice, ones({2}), ps, st).first, w * w);
}

TEST(Compact, HoldsWhatCanOnlyBeMoved) {
  auto model =
      compact(field("a", MoveOnly{})).forward([](const Tensor& x, auto& a) { return a(x); });
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_SAME(apply(model, ones({1}), ps, st).first, full({1}, 3));
  Layer erased = std::move(model);
  EXPECT_SAME(erased(ones({1}), ps, st).first, full({1}, 3));
}

TEST(Compact, TwoFieldsOfOneNameAreRefusedAtSetup) {
  auto body = [](const Tensor& x, auto&, auto&) { return x; };
  EXPECT_ERROR(TreeError,
               setup(Rng(1), compact(field("a", Slope{2}), field("a", Slope{2})).forward(body)),
               "[named] expected unique keys, got \"a\" twice.");
  EXPECT_ERROR(
      TreeError,
      setup(Rng(1), compact(field("a", Slope{2}), param("a", init::ones, {1})).forward(body)),
      "[named] expected unique keys, got \"a\" twice.");
  EXPECT_ERROR(TreeError, setup(Rng(1), compact(state("a", 1), state("a.b", 2)).forward(body)),
               "[named] expected keys without '.' and not empty, got \"a.b\".");
}

TEST(Compact, ErrorsSayWhichField) {
  auto model = compact(field("many", std::vector<Slope>{Slope{2}, Slope{3}}))
                   .forward([](const Tensor& x, auto& many) { return many[1](many[0](x)); });
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_ERROR(ShapeError, apply(model, ones({2}), ps, st),
               "[Slope] at many.1: expected x of shape (..., 3), got (..., 2).");
  EXPECT_ERROR(
      TreeError, apply(model, ones({2}), named({}), st),
      "[Tree] expected a key \"many\", got an empty tree. The parameters do not fit the layer: "
      "missing many.");
  auto counted = compact(state("n", 0)).forward([](const Tensor& x, auto& n) { return n += 1, x; });
  EXPECT_ERROR(TreeError, apply(counted, ones({2}), named({}), named({{"n", "three"}})),
               "[Tree] expected an int64, got the string \"three\".");
}

TEST(Compact, GradientsReachItsParameters) {
  auto model = compact(field("a", Slope{2}), param("w", init::ones, {2}))
                   .forward([](const Tensor& x, auto& a, const auto& w) { return a(x) * w; });
  auto [ps, st] = setup(Rng(1), model);
  for (const auto& t : tree::tensors(ps)) t.set_requires_grad(true);
  apply(model, full({2}, 3), ps, st).first.sum().backward();
  EXPECT_CLOSE(ps["w"].tensor().grad(), ps.at("a.weight").tensor().detach() * 3, 1e-6);
  EXPECT_CLOSE(ps.at("a.weight").tensor().grad(), full({2}, 3), 1e-6);
}

}  // namespace
}  // namespace luxtorch
