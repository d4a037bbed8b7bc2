// What luxtorch's competitors share: the step as a user writes it, and the cell by its kind.
#pragma once

#include <functional>
#include <string>

#include "luxtorch/layer.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "problem.h"

namespace bench {

namespace lux = luxtorch;

/// main of a competitor: reads the problem named by the argument and takes turns in
/// single_train_step_ with `make`'s model, whose two parts have these names.
int train_luxtorch(int argc, char** argv, const std::string& cell, const std::string& classifier,
                   const std::function<lux::Layer(const Problem&)>& make);

/// f of the cell that the problem asks for.
template <class F>
lux::Layer with_cell(const Problem& p, F f) {
  switch (p.cell) {
    case Cell::lstm:
      return f(lux::LSTMCell(p.inputs, p.hidden));
    case Cell::gru:
      return f(lux::GRUCell(p.inputs, p.hidden));
    default:
      return f(lux::RNNCell(p.inputs, p.hidden));
  }
}

}  // namespace bench
