// Attention compared with torch.nn.functional's, in both of its ways.
#include <gtest/gtest.h>

#include <optional>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/ops/attention.h"
#include "luxtorch/ops/fast_path.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

ops::AttentionOptions options_of(const Tree& c) {
  ops::AttentionOptions options{.is_causal = c["is_causal"].scalar<bool>()};
  if (c.contains("mask")) options.mask = c["mask"].tensor();
  if (c.contains("scale")) options.scale = c["scale"].scalar<double>();
  return options;
}

void expect_as_torch(const Tree& c, double tolerance) {
  auto run = [&](const Tree& at) {
    auto options = options_of(c);
    if (at.contains("bias")) options.bias = at["bias"].tensor();
    return ops::scaled_dot_product_attention(at["q"].tensor(), at["k"].tensor(), at["v"].tensor(),
                                             options)
        .y;
  };
  std::vector<Tree::Item> inputs;
  for (const auto& key : c["grads"].keys()) inputs.emplace_back(key, c[key]);
  const Tree at = named(std::move(inputs));
  EXPECT_CLOSE(run(at), c["y"].tensor(), tolerance);
  EXPECT_TREES_CLOSE(grad([&](const Tree& t) { return (run(t) * c["w_y"].tensor()).sum(); }, at),
                     c["grads"], tolerance);
}

TEST(AttentionGolden, IsWhatPyTorchGivesFusedAndInPlainOperators) {
  for (const auto& [key, given] : load_golden("attention").items()) {
    for (auto dtype : {kFloat64, kFloat32}) {
      for (bool plain : {false, true}) {
        SCOPED_TRACE(key + (dtype == kFloat64 ? " float64" : " float32") + (plain ? " plain" : ""));
        std::optional<ops::DisableFusedKernels> guard;
        if (plain) guard.emplace();
        expect_as_torch(tree::to(given, dtype),
                        dtype == kFloat64 ? kGoldenFloat64 : kGoldenFloat32);
      }
    }
  }
}

}  // namespace
}  // namespace luxtorch::testing
