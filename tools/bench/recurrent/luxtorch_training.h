// What luxtorch's competitors share: the step as a user writes it, and the cell by its kind.
#pragma once

#include <functional>

#include "luxtorch/layer.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "problem.h"

namespace bench {

namespace lux = luxtorch;

/// A model for a problem, and the problem's parameters under its names.
struct Model {
  lux::Layer layer;
  lux::Tree parameters;
};
lux::Tree recurrent_parameters(const LayerParameters& p);
lux::Tree head_parameters(const Problem& p);

/// main of a competitor: takes turns in single_train_step_ or predict with the model that `make`
/// gives for a problem.
int run_luxtorch(const std::function<Model(const Problem&)>& make);

/// f of the cell that the problem asks for.
template <class F>
lux::Layer with_cell(const Problem& p, int64_t inputs, F f) {
  switch (p.cell) {
    case Cell::lstm:
      return f(lux::LSTMCell(inputs, p.hidden));
    case Cell::gru:
      return f(lux::GRUCell(inputs, p.hidden));
    default:
      return f(lux::RNNCell(inputs, p.hidden));
  }
}

/// A loop over a cell, as in the tutorial, is written for the tutorial's kind of model: one layer
/// and a head of its last output. std::runtime_error where the problem is another.
void expect_one_layer_and_its_last_output(const Problem& p);

}  // namespace bench
