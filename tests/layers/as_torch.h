// A golden case of a layer: what went in, what came out and all gradients, in float64 and in float32.
#pragma once

#include <functional>
#include <utility>

#include "luxtorch/autodiff/grad.h"
#include "support/compare.h"

namespace luxtorch::testing {

// y and what else comes out, with the structure of the case's `last`.
using Run = std::function<std::pair<Tensor, Tree>(const Tree& inputs)>;

inline void expect_as_torch(const Tree& expected64, const Run& run) {
  for (auto dtype : {kFloat64, kFloat32}) {
    SCOPED_TRACE(dtype == kFloat64 ? "float64" : "float32");
    auto tolerance = dtype == kFloat64 ? kGoldenFloat64 : kGoldenFloat32;
    auto expected = tree::to(expected64, dtype);
    auto [y, last] = run(expected["inputs"]);
    EXPECT_CLOSE(y, expected["y"].tensor(), tolerance);
    EXPECT_TREES_CLOSE(last, expected["last"], tolerance);
    auto loss = [&](const Tree& inputs) {
      auto [y, last] = run(inputs);
      auto sum = (y * expected["w_y"].tensor()).sum();
      for (size_t i = 0; i < last.size(); ++i)
        sum = sum + (last[i].tensor() * expected["w_last"][i].tensor()).sum();
      return sum;
    };
    EXPECT_TREES_CLOSE(grad(loss, expected["inputs"]), expected["grads"], tolerance);
  }
}

}  // namespace luxtorch::testing
