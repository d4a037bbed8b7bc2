// StatefulLayer: a model with its parameters and states in one mutable object, for inference and
// for gradients inside a model. It is not a layer itself.
//
//     StatefulLayer s(model, ps, testmode(st));
//     Tensor y = s(x).tensor();          // the new states are kept
//
// One object must not be called from two threads at once.
#pragma once

#include <string_view>
#include <utility>

#include "luxtorch/layer.h"

namespace luxtorch {

/// Keeps the states of a model from call to call: Lux's StatefulLuxLayer.
class StatefulLayer {
 public:
  /// ps and st as setup gives them.
  StatefulLayer(Layer model, Tree ps, Tree st)
      : model_(std::move(model)), ps_(std::move(ps)), st_(std::move(st)) {}

  /// y of the model. The new states are kept; an error leaves the old ones. Errors are the model's.
  Tree operator()(const Tree& x) { return (*this)(x, ps_); }
  /// The same with other parameters, for gradients with respect to them; they are not kept.
  Tree operator()(const Tree& x, const Tree& ps) {
    auto [y, st] = model_(x, ps, st_);
    st_ = std::move(st);
    return y;
  }

  /// The model, without parameters and states.
  const Layer& model() const { return model_; }
  /// The parameters that it was made with.
  const Tree& parameters() const { return ps_; }
  /// The states after the last call.
  const Tree& states() const { return st_; }
  /// Replaces the states. They are not checked.
  void set_states_(Tree st) { st_ = std::move(st); }
  /// Every state named `key` becomes value, as by update_state.
  void update_state_(std::string_view key, const Tree& value) {
    st_ = update_state(st_, key, value);
  }
  /// From now on as in use: testmode of the states.
  void testmode_() { st_ = testmode(st_); }
  /// From now on as in training: trainmode of the states.
  void trainmode_() { st_ = trainmode(st_); }

 private:
  Layer model_;
  Tree ps_, st_;
};

}  // namespace luxtorch
