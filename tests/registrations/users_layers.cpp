// Layers of a program's own.
#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

struct Classifier {
  LSTMCell lstm_cell;
  Dense classifier;
  LUXTORCH_LAYERS(lstm_cell, classifier)

  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto steps = x.unbind(1);
    auto [out, st_cell] = lstm_cell(steps[0], ps["lstm_cell"], st["lstm_cell"]);
    for (size_t t = 1; t < steps.size(); ++t)
      std::tie(out, st_cell) = lstm_cell(steps[t], out.carry, ps["lstm_cell"], st_cell);
    auto [y, st_head] = classifier(out.y, ps["classifier"], st["classifier"]);
    return {y.squeeze(-1), named({{"lstm_cell", st_cell}, {"classifier", st_head}})};
  }
};

const Registration registered_users_layers(+[] {
  auto x = input({4, 5, 3});
  return LayerRegistration{
      .name = "UsersLayers",
      .rows = {not_reporting(
                   row("Classifier", Classifier{LSTMCell(3, 2), Dense(2, 1, sigmoid)}, x, {59, 1})),
               with_normals(
                   row("Compact",
                       compact(field("cells", std::vector<GRUCell>{GRUCell(3, 2), GRUCell(2, 2)}),
                               param("shift", init::Normal{}, {2}))
                           .forward([](const Tensor& x, auto& cells, const Tensor& shift) {
                             Tensor y = x.select(1, 0);
                             for (auto& cell : cells) y = cell(y).y;
                             return y + shift;
                           }),
                       x, {42 + 36 + 2, 2})),
               not_reporting(row("Function", [](const Tensor& t) { return t.sin(); }, input({4, 3}),
                                 {0, 0}))},
      .no_golden = "no layers of the library",
      .no_comparison = "no layers of the library",
      .digest = "d8a828067c8206dc"};
});

}  // namespace
}  // namespace luxtorch::testing
