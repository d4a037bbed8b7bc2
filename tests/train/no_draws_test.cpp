// A TrainState knows its model's structure without drawing numbers.
#include <gtest/gtest.h>

#include <sstream>

#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

Initializer counting(int& draws) {
  return [&draws](Rng rng, ShapeView shape) {
    ++draws;
    return init::rand(rng, shape);
  };
}

// Makes its parameter itself.
struct Own {
  int* draws;
  Tree initial_parameters(Rng rng) const {
    ++*draws;
    return named({{"weight", init::rand(rng.fold_in("weight"), {3})}});
  }
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return {x * ps["weight"].tensor(), st};
  }
};

// What asks for the model's structure.
void use(TrainState& ts) {
  std::ostringstream text;
  text << ts;
  ts.set_parameters_(ts.parameters());
  ts.set_states_(ts.states());
}

TEST(TrainStates, DrawNothingOfALayerThatDescribesItself) {
  int draws = 0;
  auto init = counting(draws);
  Chain model(Dense(3, 4, {.init_weight = init, .init_bias = init}), Dense(4, 1));
  auto [ps, st] = setup(Rng(1), model);
  draws = 0;
  TrainState ts(model, ps, st, Adam(0.01));
  use(ts);
  EXPECT_EQ(draws, 0);
}

TEST(TrainStates, DrawOnceOfALayerThatMakesItsParametersItself) {
  int draws = 0;
  Chain model(Own{&draws}, Dense(3, 1));
  auto [ps, st] = setup(Rng(1), model);
  draws = 0;
  TrainState ts(model, ps, st, Adam(0.01));
  EXPECT_EQ(draws, 1);
  draws = 0;
  use(ts);
  TrainState copy = ts;
  use(copy);
  EXPECT_EQ(draws, 0);
}

}  // namespace
}  // namespace luxtorch
