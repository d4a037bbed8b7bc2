// luxtorch, a Chain whose Recurrences run their cells over the whole sequence.
#include <string>
#include <utility>
#include <vector>

#include "luxtorch/layers/containers.h"
#include "luxtorch_training.h"

namespace {

bench::Model chain(const bench::Problem& p) {
  namespace lux = luxtorch;
  std::vector<lux::Layer> layers;
  std::vector<std::pair<std::string, lux::Tree>> parameters;
  auto add = [&](lux::Layer layer, lux::Tree ps) {
    layers.push_back(std::move(layer));
    parameters.emplace_back("layer_" + std::to_string(layers.size()), std::move(ps));
  };
  for (int64_t l = 0; l < p.layers; ++l) {
    const bool sequence = l + 1 < p.layers || p.every_step();
    add(bench::with_cell(
            p, l ? p.hidden : p.inputs,
            [&](auto cell) { return lux::Recurrence(cell, {.return_sequence = sequence}); }),
        bench::recurrent_parameters(p.recurrent[l]));
  }
  if (p.loss == bench::Loss::next) {
    add(lux::Dense(p.hidden, p.outputs), bench::head_parameters(p));
  } else if (p.loss == bench::Loss::binary) {
    add(lux::Dense(p.hidden, p.outputs, lux::sigmoid), bench::head_parameters(p));
    layers.emplace_back([](const lux::Tensor& y) { return y.squeeze(-1); });
  }
  return {lux::Chain(layers), lux::named(std::move(parameters))};
}

}  // namespace

int main() { return bench::run_luxtorch(chain); }
