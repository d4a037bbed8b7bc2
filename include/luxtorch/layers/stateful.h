// StatefulLayer: a model with its parameters and states in one mutable holder, for inference and
// for gradients inside a model. Not a layer itself.
//
//     StatefulLayer s(model, ps, testmode(st));
//     Tensor y = s(x).tensor();          // the new states are kept
//
// Level 3. One holder must not be called from two threads at once.
#pragma once

#include "luxtorch/layer.h"

namespace luxtorch {

class StatefulLayer {
 public:
  StatefulLayer(Layer model, Tree ps, Tree st)
      : model_(std::move(model)), ps_(std::move(ps)), st_(std::move(st)) {}

  /// y; the states move on. An error leaves them as they were.
  Tree operator()(const Tree& x) { return (*this)(x, ps_); }
  /// With other parameters, for gradients with respect to them.
  Tree operator()(const Tree& x, const Tree& ps) {
    auto [y, st] = model_(x, ps, st_);
    st_ = std::move(st);
    return y;
  }

  const Layer& model() const { return model_; }
  const Tree& parameters() const { return ps_; }
  const Tree& states() const { return st_; }
  void set_states(Tree st) { st_ = std::move(st); }

 private:
  Layer model_;
  Tree ps_, st_;
};

}  // namespace luxtorch
