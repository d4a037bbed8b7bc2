// What holds for every layer of the corpus: into another library's layout and back is the same.
#include <algorithm>

#include "luxtorch/interop/lux_layout.h"
#include "luxtorch/interop/state_dict.h"
#include "luxtorch/layers/containers.h"
#include "support/compare.h"
#include "support/corpus.h"

namespace luxtorch::testing {
namespace {

class EveryLayout : public ::testing::TestWithParam<CorpusRow> {
 protected:
  // Twice, so that no name is by chance the whole path.
  Layer layer = Chain(field("sub", GetParam().layer), GetParam().layer);
  std::pair<Tree, Tree> model = setup(Rng(42), layer);
  const Tree &ps = model.first, &st = model.second;
};

TEST_P(EveryLayout, OfTorchComesBackBitwise) {
  auto paths = tree::paths(ps);
  if (std::ranges::any_of(paths, [](const std::string& path) {
        return path.ends_with(".hidden_state") || path.ends_with(".memory");
      })) {
    EXPECT_THROW(to_torch(layer, ps, st), UnsupportedError);
    return;
  }
  auto state = to_torch(layer, ps, st);
  auto [ps2, st2] = from_torch(layer, state, Rng(42));
  EXPECT_SAME(ps2, ps);
  EXPECT_SAME(st2, st);
  EXPECT_GE(tree::numel(state), tree::numel(ps));
}

TEST_P(EveryLayout, OfLuxComesBackBitwise) {
  auto [ps_lux, st_lux] = to_lux(layer, ps, st);
  EXPECT_EQ(parameter_length(ps_lux), parameter_length(ps));
  EXPECT_EQ(state_length(st_lux), state_length(st));
  auto [ps2, st2] = from_lux(layer, ps_lux, st_lux);
  EXPECT_SAME(ps2, ps);
  EXPECT_SAME(st2, st);
}

TEST_P(EveryLayout, OfLuxZeroFiveHasTheShapesOfTheModelWhenItComesBack) {
  auto [ps_lux, st_lux] = to_lux(layer, ps, st, {.version = LuxVersion::V0_5});
  auto [ps2, st2] = from_lux(layer, ps_lux, st_lux);
  EXPECT_EQ(tree::difference(ps2, ps), "");
  EXPECT_SAME(st2, st);
}

INSTANTIATE_TEST_SUITE_P(Corpus, EveryLayout, ::testing::ValuesIn(corpus()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace luxtorch::testing
