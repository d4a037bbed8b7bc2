#include "luxtorch/ties.h"

#include <gtest/gtest.h>

#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

Tree tied() {
  Tensor w = ones({2, 3});
  return named({{"embedding", named({{"weight", w}})},
                {"decoder", named({{"weight", w}, {"bias", zeros({2})}})},
                {"n", 3}});
}
const std::vector<std::vector<std::string>> kPaths = {{"embedding.weight", "decoder.weight"}};

bool one(const Tree& t) {
  return t.at("embedding.weight").tensor().is_same(t.at("decoder.weight").tensor());
}

TEST(Ties, AreTheSameTensorAndConstantsOfTheSameMemory) {
  EXPECT_EQ(ties(tied()), kPaths);
  EXPECT_TRUE(ties(Tree()).empty());
  Tensor w = ones({4});
  EXPECT_EQ(ties(tuple({w, w.detach(), w.clone(), w})),
            (std::vector<std::vector<std::string>>{{"0", "1", "3"}}));
  EXPECT_TRUE(
      ties(tuple({w, w.narrow(0, 0, 2), w.narrow(0, 1, 2), zeros({0}), zeros({0})})).empty());
  w = ones({4}).requires_grad_();
  EXPECT_TRUE(ties(tuple({w, w.detach()})).empty());  // one of them is a constant
}

TEST(Ties, SurviveCopies) {
  EXPECT_TRUE(one(tree::to(tied(), kFloat64)));
  EXPECT_TRUE(one(tree::to(tied(), kFloat32)));
  EXPECT_TRUE(one(tree::to(tied(), Device("meta"))));
  EXPECT_TRUE(one(tree::map_tensors([](const Tensor& t) { return t.clone(); }, tied())));
  Tensor w = ones({2, 3});
  auto views = tied().with("embedding.weight", w).with("decoder.weight", w.detach());
  EXPECT_TRUE(one(tree::to(views, kFloat64)));
  auto recorded =
      tree::map_tensors([](const Tensor& t) { return t.clone().requires_grad_(); }, tied());
  EXPECT_TRUE(one(tree::detach(recorded)));
}

TEST(Ties, MapTensorsAsksOnceForATensorAtSeveralPlaces) {
  int calls = 0;
  auto count = [&](const Tensor& t) { return ++calls, t * 2; };
  (void)tree::map_tensors(count, tied());
  EXPECT_EQ(calls, 2);
}

TEST(Ties, ComeBackByATreeThatHasThem) {
  auto apart = tied().with("decoder.weight", ones({2, 3}));
  ASSERT_FALSE(one(apart));
  auto again = with_ties_of(apart, tied());
  EXPECT_TRUE(one(again));
  EXPECT_SAME(again, apart);
  EXPECT_EQ(ties(with_ties_of(apart, apart)).size(), 0U);
  EXPECT_ERROR(TreeError, (void)with_ties_of(apart.with("decoder.weight", zeros({2, 3})), tied()),
               "[with_ties_of] at decoder.weight: expected the tensor of embedding.weight, with "
               "which it is tied, got another. Give both the same values, or untie them.");
  EXPECT_ERROR(TreeError, (void)with_ties_of(apart.without("decoder"), tied()),
               "[with_ties_of] at decoder.weight: expected a tensor, got nothing.");
}

TEST(ShareParameters, MakesPartsOne) {
  Tree ps = named({{"a", named({{"b", named({{"w", ones({2})}})}})},
                   {"c", named({{"w", zeros({2})}})},
                   {"d", tuple({full({2}, 3), full({2}, 4)})}});
  Tree shared = share_parameters(ps, {{"a.b", "c"}, {"d.0", "d.1"}});
  EXPECT_EQ(ties(shared),
            (std::vector<std::vector<std::string>>{{"a.b.w", "c.w"}, {"d.0", "d.1"}}));
  EXPECT_TRUE(shared.at("c.w").tensor().is_same(ps.at("a.b.w").tensor()));
  EXPECT_SAME(shared["d"], tuple({full({2}, 3), full({2}, 3)}));
  EXPECT_TRUE(ties(ps).empty());

  Tree fresh = share_parameters(ps, {{"a.b", "c"}}, {named({{"w", full({2}, 7)}})});
  EXPECT_SAME(fresh.at("a.b.w"), full({2}, 7));
  EXPECT_EQ(ties(fresh).size(), 1U);
  EXPECT_SAME(share_parameters(ps, {}), ps);
}

TEST(ShareParameters, RefusesPartsThatDoNotFit) {
  Tree ps = named({{"a", named({{"w", ones({2})}, {"b", ones({3})}})},
                   {"c", named({{"w", zeros({2})}, {"b", ones({4})}})},
                   {"ab", ones({2})}});
  EXPECT_ERROR(TreeError, share_parameters(ps, {{"a.w", "c.w"}, {"ab", "a.w"}}),
               "[share_parameters] at a.w: expected parts without a common parameter, got also "
               "\"a.w\". Name all places of one parameter in one group.");
  EXPECT_ERROR(TreeError, share_parameters(ps, {{"a.w", "a"}}),
               "[share_parameters] at a: expected parts without a common parameter, got also "
               "\"a.w\". Name all places of one parameter in one group.");
  EXPECT_ERROR(TreeError, share_parameters(ps, {{"a.w", "c.v"}}),
               "[share_parameters] at c.v: expected a part of the parameters, got none.");
  EXPECT_ERROR(TreeError, share_parameters(ps, {{"a", "c"}}),
               "[share_parameters] at c: expected the structure of a, got another: at b: a float32 "
               "tensor of shape (3,) on the left, a float32 tensor of shape (4,) on the right.");
  EXPECT_THROW(share_parameters(ps, {{"a.w", "c.w"}}, {ones({3})}), TreeError);
  EXPECT_ERROR(ArgumentError, share_parameters(ps, {{"a.w", "c.w"}}, {ones({2}), ones({2})}),
               "[share_parameters] expected a new part for each of 1 groups, got 2.");
  EXPECT_NO_THROW((void)share_parameters(ps, {{"a.w", "ab"}}));  // "ab" is not below "a"
}

}  // namespace
}  // namespace luxtorch
