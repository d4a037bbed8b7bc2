// One seed gives the same numbers on every machine: the digest of a model's parameters and states is
// committed. CMake runs this suite under several values of ATEN_CPU_CAPABILITY.
#include <gtest/gtest.h>

#include <string>

#include "luxtorch/io/sha256.h"
#include "luxtorch/layer.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/parallel.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/ops/activation.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

// Paths, kinds, dtypes and shapes as printed, and the tensors' bytes.
std::string bytes_of(const Tree& t) {
  std::string all = ::testing::PrintToString(t);
  for (const auto& x : tree::tensors(t)) {
    auto c = x.contiguous();
    all.append(static_cast<const char*>(c.const_data_ptr()), c.nbytes());
  }
  return all;
}

// Every stock layer whose numbers are uniform or constant by default: normals may differ by an ulp.
Chain stock_layers() {
  return Chain(Dense(2, 8, tanh), Dense(8, 8, {.use_bias = false}), BatchNorm(8), Dropout(0.1),
               Recurrence(RNNCell(8, 5)), RNNCell(8, 5, {.train_state = true}), LSTMCell(8, 5),
               LSTMCell(8, 5, {.train_state = true, .train_memory = true}), GRUCell(8, 5),
               StatefulRecurrentCell(GRUCell(8, 5)),
               SkipConnection(Dense(5, 5), [](const Tensor& y, const Tensor& x) { return x + y; }),
               Parallel(nullptr, Dense(3, 4), Dense(5, 6)));
}

TEST(SetupDigest, OfEveryStockLayerIsTheCommittedOne) {
  auto [ps, st] = setup(Rng(0), stock_layers());
  EXPECT_EQ(sha256(bytes_of(ps)),
            "66b21f2ee43d2fbe138c0c941520efeeeca0847a558f04292f0bb0c215785a6f");
  EXPECT_EQ(sha256(bytes_of(st)),
            "d6d5094d283e8db168b9ba3fc87ed1dde307b9a983130f936edab72fbe9e3511");
}

}  // namespace
}  // namespace luxtorch
