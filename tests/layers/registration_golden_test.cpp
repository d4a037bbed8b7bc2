// Layers compared with the modules of tools/golden/modules: state dicts, outputs, new states and all
// gradients, in float64 and in float32.
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/state_dict.h"
#include "support/compare.h"
#include "support/golden.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

// BatchNorm's count of batches, which to_torch does not know.
Tree without_counts(const Tree& state) {
  return tree::map(
      [](const std::string& path, const Tree& leaf) {
        return path.ends_with("num_batches_tracked") ? Tree(zeros({}, {.dtype = kInt64})) : leaf;
      },
      state);
}

// Names in alphabetical order: that of a state dict has no meaning.
Tree sorted(const Tree& state) {
  if (!state.is_named()) return state;
  std::map<std::string, Tree> parts;
  for (const auto& [key, part] : state.items()) parts.emplace(key, sorted(part));
  return named(std::vector<Tree::Item>(parts.begin(), parts.end()));
}

void expect_as_module(const Layer& layer, const Tree& c, double tolerance) {
  auto [ps, fresh] = from_torch(layer, c["state"]);
  const Tree st = c["training"].scalar<bool>() ? fresh : testmode(fresh);
  check_parameters(layer, ps);
  check_states(layer, st);
  EXPECT_SAME(sorted(to_torch(layer, ps, st)), sorted(without_counts(c["state"])));

  auto run = [&](const Tree& at) {
    return layer(at["x"].size() == 1 ? at["x"][0] : at["x"], at["ps"], st);
  };
  const Tree at = named({{"ps", ps}, {"x", c["x"]}});
  auto [y, st2] = run(at);
  EXPECT_CLOSE(y.tensor(), c["y"].tensor(), tolerance);
  EXPECT_TREES_CLOSE(sorted(to_torch(layer, ps, st2)), sorted(without_counts(c["new_state"])),
                     tolerance);

  const Tree grads =
      grad([&](const Tree& t) { return (run(t).first.tensor() * c["w_y"].tensor()).sum(); }, at);
  EXPECT_TREES_CLOSE(grads["x"], c["x_grads"], tolerance);
  EXPECT_TREES_CLOSE(grads["ps"], from_torch(layer, c["state_grads"]).first, tolerance);
}

class RegisteredGolden : public ::testing::TestWithParam<LayerRegistration> {};

TEST_P(RegisteredGolden, IsWhatPyTorchsModuleGives) {
  const auto& it = GetParam();
  const Tree all = load_golden("modules/" + file_name(it));
  std::set<std::string> keys, registered;
  for (const auto& [key, c] : all.items()) keys.insert(key);
  for (const auto& golden : it.golden) registered.insert(golden.key);
  EXPECT_EQ(keys, registered) << "the cases of tests/golden/modules";
  for (const auto& [key, layer] : it.golden) {
    SCOPED_TRACE(key);
    for (auto dtype : {kFloat64, kFloat32}) {
      SCOPED_TRACE(dtype == kFloat64 ? "float64" : "float32");
      expect_as_module(layer, tree::to(all[key], dtype),
                       dtype == kFloat64 ? kGoldenFloat64 : kGoldenFloat32);
    }
  }
}

std::vector<LayerRegistration> with_golden() {
  std::vector<LayerRegistration> some;
  for (const auto& r : registrations())
    if (!r.golden.empty()) some.push_back(r);
  return some;
}

INSTANTIATE_TEST_SUITE_P(Layer, RegisteredGolden, ::testing::ValuesIn(with_golden()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace luxtorch::testing
