// docs/guides/layer_table.md says what the layers' own descriptions say.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "luxtorch/interop/lux_layout.h"
#include "luxtorch/interop/state_dict.h"
#include "support/files.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const char* const kHead = R"(# Names and shapes

What each layer keeps, here, in the state dict of the PyTorch module and in Lux: parameters, and states that
are tensors. `to_torch`, `from_torch`, `to_lux` and `from_lux` convert between the columns. A layer stands
here with the options that its first test has; [layers](layers.md) says which others there are.

The page is written from the layers' descriptions:
`LUXTORCH_WRITE_LAYER_TABLE=1 ctest --test-dir build/release -R LayerTable`.

| layer | here | PyTorch | Lux |
|---|---|---|---|
)";

std::string tensors_of(const Tree& t) {
  std::string text;
  for (const auto& path : tree::paths(t)) {
    const Tree& leaf = t.at(path);
    if (!leaf.is_tensor()) continue;
    text += text.empty() ? "" : ", ";
    text += path + " (";
    for (int64_t d = 0; d < leaf.tensor().dim(); ++d)
      text += (d == 0 ? "" : ", ") + std::to_string(leaf.tensor().size(d));
    text += ")";
  }
  return text;
}

std::string table() {
  std::string text = kHead;
  for (const auto& registration : registrations()) {
    if (registration.name == "UsersLayers") continue;
    const Layer& layer = registration.rows.front().layer;
    const auto [ps, st] = setup(Rng(0), layer);
    const std::string here = tensors_of(named({{"ps", ps}, {"st", st}}));
    if (here.empty()) continue;
    const auto [lux_ps, lux_st] = to_lux(layer, ps, st);
    text += "| " + registration.name + " | " + here + " | " + tensors_of(to_torch(layer, ps, st)) +
            " | " + tensors_of(named({{"ps", lux_ps}, {"st", lux_st}})) + " |\n";
  }
  return text;
}

TEST(LayerTable, IsThatOfTheLayers) {
  const std::string path = test::source_folder() + "/docs/guides/layer_table.md";
  if (std::getenv("LUXTORCH_WRITE_LAYER_TABLE")) std::ofstream(path, std::ios::binary) << table();
  EXPECT_EQ(test::read_file(path), table())
      << "write the page anew: LUXTORCH_WRITE_LAYER_TABLE=1 ctest -R LayerTable";
}

}  // namespace
}  // namespace luxtorch::testing
