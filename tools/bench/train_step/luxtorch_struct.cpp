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

}  // namespace

int main(int argc, char** argv) {
  return bench::train_luxtorch(argc, argv, "cell", "classifier", [](const bench::Problem& p) {
    return bench::with_cell(p, [&](auto cell) {
      return SpiralClassifier<decltype(cell)>{cell, Dense(p.hidden, 1, luxtorch::sigmoid)};
    });
  });
}
