// What a user writes, with the umbrella header alone: trees, a leaf layer, a container, a compact model, an
// erased one.
#include <gtest/gtest.h>
#include <luxtorch/luxtorch.h>

#include <sstream>

#include "support/compare.h"

namespace lux = luxtorch;

// ---- inside the namespace, names stand alone

namespace luxtorch {
namespace {

struct Slope {
  int64_t dims;
  Tree initial_parameters(Rng rng) const { return named({{"weight", init::ones(rng, {dims})}}); }
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return {x * ps["weight"].tensor(), st};
  }
};

struct SpiralClassifier {
  LSTMCell lstm_cell;
  Dense classifier;
  LUXTORCH_LAYERS(lstm_cell, classifier)

  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto steps = x.unbind(1);
    auto [out, st_cell] = lstm_cell(steps[0], ps["lstm_cell"], st["lstm_cell"]);
    for (size_t t = 1; t < steps.size(); ++t)
      std::tie(out, st_cell) = lstm_cell(steps[t], out.carry, ps["lstm_cell"], st_cell);
    auto [y, st_head] = classifier(out.y, ps["classifier"], st["classifier"]);
    return {y.squeeze(-1), named({{"lstm_cell", st_cell}, {"classifier", st_head}})};
  }
};

TEST(UserProgram, TheSpiralClassifierIsTheSameAsAStructCompactErasedAndAsAChain) {
  SpiralClassifier model{LSTMCell(2, 8), Dense(8, 1, lux::sigmoid)};
  auto x = random::normal(Rng(1), {3, 5, 2});
  auto [ps, st] = setup(Rng(42), model);
  auto [y, st2] = apply<Tensor>(model, x, ps, st);

  auto compact_model =
      compact(field("lstm_cell", LSTMCell(2, 8)), field("classifier", Dense(8, 1, lux::sigmoid)))
          .forward([](const Tensor& x, auto& lstm_cell, auto& classifier) {
            auto steps = x.unbind(1);
            auto out = lstm_cell(steps[0]);
            for (size_t t = 1; t < steps.size(); ++t) out = lstm_cell(steps[t], out.carry);
            return classifier(out.y).squeeze(-1);
          });
  Layer any = model;
  Chain chain(Recurrence(LSTMCell(2, 8)), Dense(8, 1, lux::sigmoid),
              [](const Tensor& y) { return y.squeeze(-1); });

  EXPECT_EQ(y.sizes(), Shape({3}));
  EXPECT_SAME(setup(Rng(42), compact_model).first, ps);
  EXPECT_SAME(setup(Rng(42), any).first, ps);
  EXPECT_SAME(apply<Tensor>(compact_model, x, ps, st).first, y);
  EXPECT_SAME(apply<Tensor>(any, x, ps, st).first, y);
  auto chain_ps = setup(Rng(42), chain).first;
  chain_ps = chain_ps.with("layer_1", ps["lstm_cell"]).with("layer_2", ps["classifier"]);
  auto chain_y = apply<Tensor>(chain, x, chain_ps, setup(Rng(42), chain).second).first;
  EXPECT_CLOSE(chain_y, y, testing::kPlainFloat32);
}

TEST(UserProgram, TreesAreMadeReadAndChanged) {
  auto w = ones({8, 2}), b = ones({8}), h = ones({1}), c = ones({1}), t = ones({1});
  EXPECT_EQ(named({{"weight", w}, {"bias", b}}).size(), 2u);
  EXPECT_EQ(tuple({h, c}).size(), 2u);
  EXPECT_EQ(tuple({t}).size(), 1u);
  auto ps = named({{"lstm_cell", named({{"weight_ih", w}})}, {"flag", true}});
  EXPECT_SAME(ps["lstm_cell"]["weight_ih"].tensor(), ps.at("lstm_cell.weight_ih").tensor());
  EXPECT_TRUE(ps["flag"].scalar<bool>());
  auto batch = tuple({w, b});
  auto [x, y] = batch.tensors<2>();
  EXPECT_TRUE(x.is_same(w) && y.is_same(b) && batch[0].is_tensor());
  EXPECT_TRUE(ps.with("lstm_cell.weight_ih", w * 2)["flag"].same_node(ps["flag"]));
  EXPECT_EQ(merge(ps, named({{"flag", false}})).keys(), ps.keys());
}

TEST(UserProgram, OptionsAreDesignated) {
  LSTMCell cell(2, 8, {.use_bias = false, .train_state = true});
  Dense head(8, 1, lux::sigmoid, {.use_bias = false}), plain(8, 1, {.use_bias = false});
  auto f = [](Rng rng, Shape shape) { return random::normal(rng, shape, 0, 0.01); };
  LSTMCell one(2, 8, {.init_weight = f});
  LSTMCell each(2, 8, {.init_weight = {f, init::ones, f, init::zeros}});
  EXPECT_EQ(setup(Rng(1), cell).first.keys(),
            (std::vector<std::string>{"weight_ih", "weight_hh", "hidden_state"}));
  auto gates = setup(Rng(1), each).first["weight_ih"].tensor().chunk(4);
  EXPECT_SAME(gates[1], ones({8, 2}));
  EXPECT_SAME(gates[3], zeros({8, 2}));
}

}  // namespace
}  // namespace luxtorch

// ---- outside of it, through the alias

namespace {

struct Shift {
  int64_t dims;
  lux::Tree initial_parameters(lux::Rng rng) const {
    return lux::named({{"bias", lux::init::zeros(rng, {dims})}});
  }
  lux::Out<lux::Tensor> operator()(const lux::Tensor& x, const lux::Tree& ps,
                                   const lux::Tree& st) const {
    return {x + ps["bias"].tensor(), st};
  }
};

TEST(UserProgram, WorksFromAnyNamespaceAndWithTypesLocalToAFunction) {
  struct Model {
    lux::Dense dense;
    Shift shift;
    LUXTORCH_LAYERS(dense, shift)
    lux::Out<lux::Tensor> operator()(const lux::Tensor& x, const lux::Tree& ps,
                                     const lux::Tree& st) const {
      auto [h, st_dense] = dense(x, ps["dense"], st["dense"]);
      auto [y, st_shift] = shift(h, ps["shift"], st["shift"]);
      return {1 - y * 2, lux::named({{"dense", st_dense}, {"shift", st_shift}})};
    }
  };
  Model model{lux::Dense(2, 3, lux::tanh), Shift{3}};
  auto [ps, st] = lux::setup(lux::Rng(0), model);
  auto [y, st2] = lux::apply(model, lux::ones({4, 2}), ps, st);
  EXPECT_EQ(y.sizes(), lux::Shape({4, 3}));
  std::ostringstream out;
  out << lux::show(model) << lux::summary(model, ps, st, lux::ones({4, 2})) << lux::Chain(model)
      << ps;
  EXPECT_NE(out.str().find("dense = Dense(2 => 3, tanh)"), std::string::npos);
}

}  // namespace
