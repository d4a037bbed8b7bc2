// luxtorch, the model from a lambda with a loop over the cell.
#include "luxtorch/compact.h"
#include "luxtorch_training.h"

namespace {

namespace lux = luxtorch;

bench::Model classifier(const bench::Problem& p) {
  bench::expect_one_layer_and_its_last_output(p);
  auto model = bench::with_cell(p, p.inputs, [&](auto recurrent) -> lux::Layer {
    return lux::compact(lux::field("cell", recurrent),
                        lux::field("classifier", lux::Dense(p.hidden, p.outputs, lux::sigmoid)))
        .forward([](const lux::Tensor& x, auto& cell, auto& classifier) {
          auto steps = x.unbind(1);
          auto out = cell(steps[0]);
          for (size_t t = 1; t < steps.size(); ++t) out = cell(steps[t], out.carry);
          return classifier(out.y).squeeze(-1);
        });
  });
  return {model, lux::named({{"cell", bench::recurrent_parameters(p.recurrent[0])},
                             {"classifier", bench::head_parameters(p)}})};
}

}  // namespace

int main() { return bench::run_luxtorch(classifier); }
