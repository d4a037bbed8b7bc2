// WeightNorm and SpectralNorm in the layouts of PyTorch and Lux.
#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "luxtorch/interop/lux_layout.h"
#include "luxtorch/interop/state_dict.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/conv.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/layers/spectral_norm.h"
#include "luxtorch/layers/weight_norm.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(Reparametrized, FromTorchTakesTheNamesOfTheOlderWeightNorm) {
  const Chain model(field("first", WeightNorm(Dense(3, 4), {"weight"})));
  const auto [ps, st] = setup(Rng(0), model);
  const Tree now = to_torch(model, ps, st)["first"], halves = now["parametrizations"]["weight"],
             then = named({{"bias", now["bias"]},
                           {"weight_g", halves["original0"]},
                           {"weight_v", halves["original1"]}});
  EXPECT_SAME(from_torch(model, named({{"first", then}})).first, ps);
  EXPECT_ERROR(TreeError, from_torch(model, named({{"first", named({{"bias", now["bias"]}})}})),
               "[from_torch] expected a state dict of the model, got missing "
               "first.parametrizations.weight.original0, missing "
               "first.parametrizations.weight.original1.");
}

TEST(Reparametrized, FromTorchTakesTheNamesOfTheOlderSpectralNorm) {
  const SpectralNorm model(Dense(3, 4), {"weight"});
  const auto [ps, st] = setup(Rng(0), model);
  const Tree now = to_torch(model, ps, st), own = now["parametrizations"]["weight"];
  const Tree then = named({{"bias", now["bias"]},
                           {"weight_orig", own["original"]},
                           {"weight_u", own["0"]["_u"]},
                           {"weight_v", own["0"]["_v"]}});
  const auto [ps2, st2] = from_torch(model, then);
  EXPECT_SAME(ps2, ps);
  EXPECT_SAME(st2, st);
}

// Drawn vectors beside trained parameters would give a sigma that is too small.
TEST(Reparametrized, AFileWithoutStatesGetsThoseThatSetupMakesOfItsParameters) {
  const Chain model(Dense(3, 3), SpectralNorm(Dense(3, 4), {"weight"}));
  const auto [ps, st] = setup(Rng(0), model);
  const Tree other = setup(Rng(1), model).first;
  const auto [ps2, st2] = from_lux(model, named({{"ps", to_lux(model, ps, st).first}}), Rng(0));
  EXPECT_SAME(ps2, ps);
  EXPECT_SAME(st2, st);
  const auto st3 = from_lux(model, named({{"ps", to_lux(model, other, st).first}}), Rng(0)).second;
  EXPECT_FALSE(tree::equal(st3, st));
}

// Its states are what its parameters and its layer's settled states make them.
struct Sums {
  SpectralNorm inner{Dense(3, 4), {"weight"}};
  LUXTORCH_LAYERS(inner)
  Tree initial_states(Rng) const { return named({{"sum", 0.0}, {"first", 0.0}}); }
  Tree settled_states(const Tree& ps, const Tree& st) const {
    return st.with("sum", ps["inner"]["weight"].tensor().sum().item<double>())
        .with("first", st.at("inner.vectors.weight.u").tensor()[0].item<double>());
  }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

TEST(Reparametrized, AContainerThatSettlesItsStatesHasSettledLayersInside) {
  const Sums model;
  const auto [ps, st] = setup(Rng(0), model);
  const Tree inner = detail::settled(describe(model.inner), ps["inner"],
                                     initial_states(model, Rng(0).fold_in("states"))["inner"]);
  EXPECT_SAME(st["inner"], inner);
  EXPECT_EQ(st["first"].scalar<double>(), inner.at("vectors.weight.u").tensor()[0].item<double>());
}

TEST(Reparametrized, StatesThatAFileLacksAreSettledByItsParameters) {
  const Sums model;
  const auto [ps, st] = setup(Rng(0), model);
  const double sum = st["sum"].scalar<double>();
  EXPECT_EQ(from_torch(model, to_torch(model, ps, st), Rng(1)).second["sum"].scalar<double>(), sum);
  // Lux's states without numbers that luxtorch alone has.
  const auto [lux_ps, lux_st] = to_lux(model, ps, st);
  const Tree older = from_lux(model, lux_ps, lux_st.without("sum"), Rng(1)).second;
  EXPECT_EQ(older["sum"].scalar<double>(), sum);
  EXPECT_SAME(older["inner"], st["inner"]);
}

// As Lux has them: normalized and unnormalized, each tensor in the layout of the layer's weight.
TEST(Reparametrized, ToLuxGivesTheLayoutOfTheLayersWeight) {
  const WeightNorm model(Conv({2, 3}, 2, 4), {"weight"});
  const auto [ps, st] = setup(Rng(0), model);
  const Tree lux = to_lux(model, ps, st).first;
  EXPECT_EQ(lux.keys(), (std::vector<std::string>{"normalized", "unnormalized"}));
  EXPECT_EQ(lux["normalized"].keys(), (std::vector<std::string>{"weight_g", "weight_v"}));
  EXPECT_EQ(lux["normalized"]["weight_g"].tensor().sizes(), (Sizes{1, 1, 1, 4}));
  EXPECT_SAME(lux["normalized"]["weight_v"].tensor(),
              ps["normalized"]["weight_v"].tensor().permute({3, 2, 1, 0}).flip({0, 1}));
  EXPECT_SAME(lux["unnormalized"]["bias"], ps["unnormalized"]["bias"]);
}

TEST(Reparametrized, ACellHasTheNamesOfItsTorchModule) {
  const WeightNorm model(LSTMCell(2, 3), {"weight_hh"});
  const auto [ps, st] = setup(Rng(0), model);
  const Tree state = to_torch(model, ps, st);
  EXPECT_EQ(state["parametrizations"]["weight_hh"]["original0"].tensor().sizes(), (Sizes{12, 1}));
  EXPECT_SAME(state["weight_ih"], ps["unnormalized"]["weight_ih"]);
}

}  // namespace
}  // namespace luxtorch::testing
