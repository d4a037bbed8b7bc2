// luxtorch, the model from a lambda with a loop over the cell.
#include "luxtorch/compact.h"
#include "luxtorch_training.h"

int main(int argc, char** argv) {
  using namespace bench;
  return train_luxtorch(argc, argv, "cell", "classifier", [](const Problem& p) {
    return with_cell(p, [&](auto recurrent) -> lux::Layer {
      return lux::compact(lux::field("cell", recurrent),
                          lux::field("classifier", lux::Dense(p.hidden, 1, lux::sigmoid)))
          .forward([](const lux::Tensor& x, auto& cell, auto& classifier) {
            auto steps = x.unbind(1);
            auto out = cell(steps[0]);
            for (size_t t = 1; t < steps.size(); ++t) out = cell(steps[t], out.carry);
            return classifier(out.y).squeeze(-1);
          });
    });
  });
}
