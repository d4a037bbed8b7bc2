#include "fit/history.h"

#include <gtest/gtest.h>

#include "luxtorch/core/error.h"
#include "luxtorch/core/values.h"
#include "support/error_text.h"

namespace luxtorch {
namespace {

using namespace testing;
using detail::HistoryColumns;

Tensor one(double x) { return tensor(x, {.dtype = kFloat64}); }

TEST(HistoryColumns, FillsWhatARowLacksWithNaN) {
  HistoryColumns columns;
  columns.add_({{"a", one(1)}});
  columns.add_({{"a", one(2)}, {"b", one(5)}});
  columns.add_({{"b", one(6)}});
  const Tree t = columns.tree();
  EXPECT_EQ(t.keys(), (std::vector<std::string>{"a", "b"}));
  const auto a = to_vector<double>(t["a"].tensor()), b = to_vector<double>(t["b"].tensor());
  EXPECT_EQ(a[1], 2);
  EXPECT_TRUE(std::isnan(a[2]));
  EXPECT_TRUE(std::isnan(b[0]));
  EXPECT_EQ(b[2], 6);

  HistoryColumns again;
  again.set_(t);
  again.add_({{"a", one(3)}});
  EXPECT_EQ(again.tree()["b"].tensor().size(0), 4);
  EXPECT_EQ(again.tree()["a"].tensor()[3].item<double>(), 3);
}

TEST(HistoryColumns, KeepsShapesAndRefusesOthers) {
  HistoryColumns columns;
  columns.add_({{"m", tensor(std::vector<double>{1, 2}, {.dtype = kFloat64})}});
  columns.add_({});
  EXPECT_EQ(columns.tree()["m"].tensor().sizes(), Shape({2, 2}));
  EXPECT_EQ(text_of([&] { columns.add_({{"m", one(1)}}); }),
            "[fit] expected m of shape (2), as in earlier epochs, got ().");
}

}  // namespace
}  // namespace luxtorch
