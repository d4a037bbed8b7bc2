// luxtorch, the model as a struct with a loop over the cell.
#include "luxtorch_training.h"

namespace {

using luxtorch::Dense, luxtorch::Out, luxtorch::Tensor, luxtorch::Tree, luxtorch::named;

template <class RecurrentCell>
struct SpiralClassifier {
  RecurrentCell cell;
  Dense classifier;
  LUXTORCH_LAYERS(cell, classifier)

  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto steps = x.unbind(1);
    auto [out, st_cell] = cell(steps[0], ps["cell"], st["cell"]);
    for (size_t t = 1; t < steps.size(); ++t)
      std::tie(out, st_cell) = cell(steps[t], out.carry, ps["cell"], st_cell);
    auto [y, st_head] = classifier(out.y, ps["classifier"], st["classifier"]);
    return {y.squeeze(-1), named({{"cell", st_cell}, {"classifier", st_head}})};
  }
};

bench::Model classifier(const bench::Problem& p) {
  bench::expect_one_layer_and_its_last_output(p);
  return {bench::with_cell(p, p.inputs,
                           [&](auto cell) {
                             return SpiralClassifier<decltype(cell)>{
                                 cell, Dense(p.hidden, p.outputs, luxtorch::sigmoid)};
                           }),
          named({{"cell", bench::recurrent_parameters(p.recurrent[0])},
                 {"classifier", bench::head_parameters(p)}})};
}

}  // namespace

int main() { return bench::run_luxtorch(classifier); }
