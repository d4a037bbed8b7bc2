// What Python writes into a golden file arrives bit for bit.
#include "support/golden.h"

#include <cmath>
#include <limits>

#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(GoldenFile, TensorsKeepTheirBitsShapesAndDtypes) {
  const Tree t = load_golden("format");
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_SAME(t["float64"],
              tensor({0.1, 1.0 / 3, -2.5e-310, 1e308}, {.dtype = kFloat64}).reshape({1, 4}));
  EXPECT_SAME(t["float32"], tensor({std::nextafter(0.1f, 1.0f), 1e-45, 3.4e38}));
  EXPECT_SAME(t["int64"], tensor(std::vector<int64_t>{(int64_t{1} << 62) + 1, -3}).reshape({2, 1}));
  EXPECT_SAME(t["bool"], tensor({1, 0}, {.dtype = kBool}));
  EXPECT_SAME(t["special"], tensor({std::nan(""), inf, -inf}));
  EXPECT_SAME(t["empty"], zeros({0, 3}));
  EXPECT_SAME(t["zero_dim"], full({}, 7.5, {.dtype = kFloat64}));
}

TEST(GoldenFile, ATransposedTensorIsReadInItsOwnOrder) {
  const Tensor t = load_golden("format")["transposed"].tensor();
  ASSERT_EQ(t.sizes(), (std::vector<int64_t>{3, 2}));
  EXPECT_NEAR(t.select(0, 0).select(0, 1).item<double>(), std::sin(4 * 1.7 + 0.61 + 0.003 * 16),
              1e-15);
}

TEST(GoldenFile, DictsAndListsKeepTheirOrderAndKinds) {
  const Tree nested = load_golden("format")["nested"];
  EXPECT_SAME(nested, named({{"list", tuple({1, 2.5, "three", true, Tree(), named({})})},
                             {"empty_list", tuple(std::vector<Tree>{})}}));
}

TEST(GoldenFile, AMissingFileSaysHowToMakeIt) {
  try {
    load_golden("nothing_here");
    FAIL();
  } catch (const std::exception& e) {
    EXPECT_NE(std::string(e.what()).find("generate.py nothing_here"), std::string::npos);
  }
}

}  // namespace
}  // namespace luxtorch::testing
