// Central differences in float64: what a gradient must agree with.
//
//     auto loss = [&](const Tree& ps) { return (f(ps) * seed).sum(); };
//     EXPECT_TRUE(gradients_match(loss, ps, grads));
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "luxtorch/tree.h"

namespace luxtorch::testing {

struct FiniteDifferences {
  double step = 1e-5;  // x + step and x - step
  // On max|a-b| / max|b| over a whole tensor; max|b| counts as at least `floor`, and what roundings of the loss
  // make of a difference is allowed beside it.
  double tolerance = 1e-7;
  double floor = 1e-3;     // differences cannot see gradients far below the loss's own size
  int64_t elements = 200;  // of each tensor, spread evenly; fewer where it has fewer
};

/// (loss(x + step) - loss(x - step)) / (2 step) for every element of every float64 tensor of `at`,
/// with the structure of `at`; other leaves stay. The loss gets fresh tensors and records no graph
/// unless it turns that on itself.
Tree finite_differences(const std::function<Tensor(const Tree&)>& loss, const Tree& at,
                        double step = 1e-5);

/// Do `gradients` (the structure of `at`; a leaf that is nothing or undefined counts as zeros)
/// agree with central differences of the scalar `loss`? All floating tensors of `at` must be
/// float64. Says which path is worst.
::testing::AssertionResult gradients_match(const std::function<Tensor(const Tree&)>& loss,
                                           const Tree& at, const Tree& gradients,
                                           FiniteDifferences options = {});

}  // namespace luxtorch::testing
