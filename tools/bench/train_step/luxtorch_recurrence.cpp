// luxtorch, a Chain whose Recurrence runs the cell over the whole sequence.
#include "luxtorch/layers/containers.h"
#include "luxtorch_training.h"

int main(int argc, char** argv) {
  using namespace bench;
  return train_luxtorch(argc, argv, "layer_1", "layer_2", [](const Problem& p) {
    return with_cell(p, [&](auto cell) -> lux::Layer {
      return lux::Chain(lux::Recurrence(cell), lux::Dense(p.hidden, 1, lux::sigmoid),
                        [](const lux::Tensor& y) { return y.squeeze(-1); });
    });
  });
}
