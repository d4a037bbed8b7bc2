#include "luxtorch/layer_summary.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/attention.h"
#include "luxtorch/layers/bilinear.h"
#include "luxtorch/layers/checkpointed.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/conv.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/function.h"
#include "luxtorch/layers/pooling.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/layers/reshape.h"
#include "luxtorch/layers/sequence.h"
#include "luxtorch/ops/activation.h"
#include "luxtorch/ops/fast_path.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string text(const Summary& s) {
  std::ostringstream out;
  out << s;
  return out.str();
}

template <class L>
Summary stepped(const L& model, const Tree& x, SummaryOptions options = {.step = true}) {
  auto [ps, st] = setup(Rng(1), model);
  return summary(model, ps, st, x, options);
}

Chain dense_chain() {
  return Chain(Dense(6, 8, relu), Dense(8, 5, tanh), Dense(5, 3, {.use_bias = false}));
}

TEST(SummaryOfAStep, CountsWhatTorchsCounterCounts) {
  const Tree golden = testing::load_golden("flops");
  auto check = [&](const char* name, const auto& model, const Shape& x,
                   std::vector<std::string> frozen = {}) {
    const auto s = stepped(model, ones(x), {.step = true, .frozen = std::move(frozen)});
    EXPECT_EQ(s.flops, golden[name]["forward"].template scalar<int64_t>()) << name;
    EXPECT_EQ(s.step_flops, golden[name]["step"].template scalar<int64_t>()) << name;
    int64_t sum = 0;
    for (const auto& row : s.rows) sum += row.step_flops.value();
    EXPECT_EQ(sum, s.step_flops) << name;
  };
  check("dense", Dense(6, 8), {5, 6});
  check("dense_of_sequences", Dense(6, 8), {5, 7, 6});
  check("dense_chain", dense_chain(), {20, 6});
  check("dense_chain_first_frozen", dense_chain(), {20, 6}, {"layer_1"});
  check("dense_chain_middle_frozen", dense_chain(), {20, 6}, {"layer_2"});
  check("dense_chain_all_but_last_frozen", dense_chain(), {20, 6}, {"layer_1", "layer_2"});
  check("conv1d_dilated", Conv({3}, 3, 4, {.dilation = 2}), {2, 3, 12});
  check("conv2d", Conv({3, 3}, 4, 6, {.stride = 2, .pad = 1}), {5, 4, 8, 7});
  check("conv3d", Conv({2, 2, 2}, 2, 3), {1, 2, 4, 4, 4});
  check("conv_transpose", ConvTranspose({3, 3}, 6, 4, {.stride = 2}), {5, 6, 4, 3});
  check("conv_after_conv", Chain(Conv({3, 3}, 4, 6), ConvTranspose({3, 3}, 6, 4)), {5, 4, 8, 7});
  check("images",
        Chain(Conv({3, 3}, 3, 8, relu, {.pad = 1}), MaxPool({2, 2}),
              Conv({3, 3}, 8, 12, {.stride = 2}), FlattenLayer(), Dense(12, 2)),
        {4, 3, 8, 8});
  check("rnn", Recurrence(RNNCell(3, 2), {.return_sequence = true}), {4, 5, 3});
  check("lstm", LSTM(3, 2, {.num_layers = 2, .return_sequence = true}), {4, 5, 3});
  check("gru", Recurrence(GRUCell(3, 2), {.return_sequence = true}), {4, 5, 3});
  check("attention", MultiHeadAttention(8, {.nheads = 2}), {2, 5, 8});
}

// Each weight is used once for each position of the output, or input, with groups or without.
TEST(SummaryOfAStep, CountsConvolutionsInGroups) {
  const Tree golden = testing::load_golden("flops");
  auto check = [&](const char* name, const auto& model) {
    const auto s = stepped(model, ones({5, 8, 6, 7}));
    EXPECT_EQ(s.flops, golden[name]["forward"].template scalar<int64_t>());
    EXPECT_EQ(s.step_flops, 2 * s.flops);
  };
  check("conv2d_in_groups", Conv({3, 3}, 8, 12, {.groups = 4}));
  check("conv_transpose_in_groups", ConvTranspose({3, 3}, 8, 12, {.groups = 4}));
}

TEST(SummaryOfAStep, CountsAlikeWithAndWithoutKernels) {
  const auto fused = stepped(Recurrence(LSTMCell(3, 2)), ones({4, 5, 3}));
  const auto plain = [] {
    const ops::DisableFusedKernels guard;
    return stepped(Recurrence(LSTMCell(3, 2)), ones({4, 5, 3}));
  }();
  EXPECT_EQ(fused.step_flops, plain.step_flops);
}

// x1 with the weight, then with x2; a gradient by the weight is as much.
TEST(SummaryOfAStep, CountsBilinear) {
  const auto s = stepped(Bilinear(2, 3, 4), tuple({ones({5, 2}), ones({5, 3})}));
  EXPECT_EQ(s.flops, 2 * 5 * 4 * 3 * (2 + 1));
  EXPECT_EQ(s.step_flops, 2 * s.flops);
}

TEST(SummaryOfAStep, CountsWhatACheckpointedLayerRunsAgain) {
  const int64_t one = 2 * 5 * 4 * 4;
  const auto kept = stepped(Chain(Dense(4, 4, tanh), Dense(4, 4, tanh)), ones({5, 4}));
  EXPECT_EQ(kept.step_flops, (2 + 3) * one);
  const auto again =
      stepped(Chain(Dense(4, 4, tanh), Checkpointed(Dense(4, 4, tanh))), ones({5, 4}));
  EXPECT_EQ(again.flops, 2 * one);
  EXPECT_EQ(again.step_flops, (2 + 4) * one);
}

TEST(SummaryOfAStep, GivesALayerAtTwoPlacesItsCostsAtBoth) {
  const Chain block(Dense(4, 4, tanh), Dense(4, 4));
  const auto s =
      stepped(Chain(block, block), ones({5, 4}), {.step = true, .time = true, .runs = 1});
  const int64_t one = 2 * 5 * 4 * 4;
  for (const char* path :
       {"layer_1.layer_1", "layer_1.layer_2", "layer_2.layer_1", "layer_2.layer_2"}) {
    const auto row = std::ranges::find(s.rows, path, &SummaryRow::path);
    ASSERT_NE(row, s.rows.end()) << path;
    EXPECT_EQ(row->flops, one) << path;
    EXPECT_EQ(row->step_flops, path == std::string("layer_1.layer_1") ? 2 * one : 3 * one) << path;
    EXPECT_EQ(row->output, "(5, 4)") << path;
    EXPECT_GT(row->seconds, 0) << path;
  }
}

// Attention reports its products before its output: both belong to one call.
TEST(SummaryOfAStep, GivesPartsOfACallToItsRow) {
  const Layer attention = MultiHeadAttention(8, {.nheads = 2});
  const auto s = stepped(Chain(attention, attention), ones({2, 5, 8}));
  const auto alone = stepped(attention, ones({2, 5, 8}));
  for (const char* path : {"layer_1", "layer_2"}) {
    const auto row = std::ranges::find(s.rows, path, &SummaryRow::path);
    ASSERT_NE(row, s.rows.end()) << path;
    EXPECT_EQ(row->flops, alone.rows.at(0).flops) << path;
  }
}

TEST(SummaryOfAStep, LeavesAnOutputThatTheModelKeepsUsable) {
  Tensor kept;
  const Chain model(Dense(4, 4), WrappedFunction("keep", [&](const Tensor& x) {
                      if (x.requires_grad()) kept = x;
                      return x;
                    }));
  stepped(model, ones({5, 4}), {.step = true, .time = true, .runs = 1});
  const auto gradient = torch::autograd::grad({kept.sum()}, {kept});
  EXPECT_SAME(gradient.at(0), ones({5, 4}));
}

TEST(SummaryOfAStep, GivesAttentionItsOwnProducts) {
  const auto s = stepped(MultiHeadAttention(8, {.nheads = 2}), ones({2, 5, 8}));
  const int64_t products = 2 * 2 * 5 * 5 * 8;  // of scores, and of their weighted sums
  EXPECT_EQ(s.rows.at(0).flops, 2 * products);
  EXPECT_EQ(s.rows.at(0).step_flops, 6 * products);
  for (const auto& row : s.rows) {
    if (!row.path.ends_with("_proj")) continue;
    EXPECT_EQ(row.flops, 2 * 10 * 8 * 8) << row.path;
  }
  EXPECT_EQ(s.flops, 2 * products + 4 * 2 * 10 * 8 * 8);
}

// tanh keeps its output of 20 * 8 float32, the product keeps x, which was there.
TEST(SummaryOfAStep, MeasuresWhatTheGraphKeeps) {
  const ops::DisableFusedKernels plain;
  const Chain model(Dense(6, 8, tanh), Dense(8, 5), Dense(5, 3, tanh));
  const auto s = stepped(model, ones({20, 6}));
  EXPECT_EQ(s.rows.at(0).kept_bytes, 0);
  EXPECT_EQ(s.rows.at(1).kept_bytes, 20 * 8 * 4);
  EXPECT_EQ(s.rows.at(2).kept_bytes, 20 * 5 * 4);  // x of the last product
  EXPECT_EQ(s.rows.at(3).kept_bytes, 20 * 3 * 4);
  EXPECT_EQ(s.kept_bytes, 20 * (8 + 5 + 3) * 4);
  // The gradient of the last layer alone needs none of its output, but the x of its weight.
  const auto frozen = stepped(Chain(Dense(6, 8, tanh), Dense(8, 5)), ones({20, 6}),
                              {.step = true, .frozen = {"layer_1"}});
  EXPECT_EQ(frozen.kept_bytes, 20 * 8 * 4);
  EXPECT_EQ(stepped(dense_chain(), ones({20, 6}), {.step = true, .frozen = {""}}).kept_bytes, 0);
}

TEST(SummaryOfAStep, SeesTheMemoryOfKernels) {
  const auto s = stepped(Chain(Recurrence(LSTMCell(3, 16)), Dense(16, 1)), ones({4, 50, 3}));
  // At least the four gates and the cell's state of each step.
  EXPECT_GE(s.rows.at(1).kept_bytes, 4 * 50 * 5 * 16 * 4);
  EXPECT_LE(s.rows.at(1).kept_bytes, 2 * 4 * 50 * 7 * 16 * 4);
  const auto kept = stepped(
      Chain(Dense(4, 64, tanh), Checkpointed(Chain(Dense(64, 64, tanh), Dense(64, 64, tanh)))),
      ones({50, 4}));
  const auto all = stepped(
      Chain(Dense(4, 64, tanh), Chain(Dense(64, 64, tanh), Dense(64, 64, tanh))), ones({50, 4}));
  EXPECT_LT(kept.kept_bytes, all.kept_bytes);
}

TEST(SummaryOfAStep, RunsInTrainingModeWithAGraphAndChangesNothing) {
  std::vector<std::string> seen;
  auto model = compact(param("w", init::ones, {2}), state("training", true))
                   .forward([&](const Tensor& x, auto& w, auto& training) {
                     const Tensor y = x * Tensor(w);
                     seen.push_back(std::string(bool(training) ? "training" : "test") +
                                    (y.requires_grad() ? ", graph" : ""));
                     return y;
                   });
  auto [ps, st] = setup(Rng(1), model);
  const Tensor x = ones({3, 2});
  summary(model, ps, st, x, {.step = true});
  EXPECT_THAT(seen, ::testing::ElementsAre("test", "training, graph", "training, graph"));
  EXPECT_FALSE(ps["w"].tensor().requires_grad());
  EXPECT_FALSE(ps["w"].tensor().grad().defined());
  EXPECT_FALSE(x.requires_grad());
}

struct Profiler : c10::MemoryReportingInfoBase {
  void reportMemoryUsage(void*, int64_t, size_t, size_t, c10::Device) override {}
  bool memoryProfilingEnabled() const override { return true; }
};

TEST(SummaryOfAStep, LeavesTheMemoryToAProfilerThatRecords) {
  const c10::DebugInfoGuard recording(c10::DebugInfoKind::PROFILER_STATE,
                                      std::make_shared<Profiler>());
  const auto s = stepped(dense_chain(), ones({20, 6}));
  EXPECT_TRUE(s.step_flops);
  EXPECT_FALSE(s.kept_bytes || s.rows.at(1).kept_bytes);
}

TEST(SummaryOfAStep, FreezesATensorThatIsTwoParametersAtBothPlaces) {
  const Chain model(Dense(4, 4), Dense(4, 4));
  auto [ps, st] = setup(Rng(1), model);
  ps = ps.with("layer_2", ps["layer_1"]);
  const auto s = summary(model, ps, st, ones({5, 4}), {.step = true, .frozen = {"layer_1"}});
  EXPECT_EQ(s.trainable, 0);
  EXPECT_EQ(s.step_flops, s.flops);
}

TEST(SummaryOfAStep, RefusesWhatItCannotMeasure) {
  const Dense model(2, 3);
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_ERROR(TreeError, summary(model, ps, st, ones({2}), {.frozen = {"layer_7"}}),
               "[summary] expected the paths of parameters in .frozen, got \"layer_7\", where the "
               "model has none.");
  EXPECT_ERROR(ArgumentError, summary(model, ps, st, ones({2}), {.time = true, .runs = 0}),
               "[summary] expected .runs of at least 1, got 0.");
  const auto meta = structure(model);
  EXPECT_ERROR(ArgumentError,
               summary(model, meta.parameters, meta.states, zeros({2}, {.device = Device("meta")}),
                       {.step = true}),
               "[summary] expected x, parameters and states with numbers for .step and .time, got "
               "some on the meta device. Use an x with numbers and those of setup.");
}

TEST(SummaryOfAStep, AnErrorLeavesNothingBehind) {
  const Chain model(Dense(2, 3));
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_THROW(summary(model, ps, st, ones({3}), {.step = true}), ShapeError);
  EXPECT_EQ(detail::observers.load(), 0);
  EXPECT_EQ(summary(model, ps, st, ones({2}), {.step = true}).step_flops, 2 * 2 * 6);
}

TEST(SummaryTimes, AreOfEveryLayerAndOfTheWhole) {
  const auto s = stepped(dense_chain(), ones({20, 6}), {.step = true, .time = true, .runs = 2});
  EXPECT_GT(s.seconds.value(), 0);
  EXPECT_GT(s.step_seconds.value(), 0);
  for (size_t i = 1; i < s.rows.size(); ++i) {
    EXPECT_GT(s.rows[i].seconds.value(), 0) << i;
    EXPECT_GT(s.rows[i].step_seconds.value(), 0) << i;
  }
  const auto forward = stepped(dense_chain(), ones({20, 6}), {.time = true, .runs = 1});
  EXPECT_TRUE(forward.seconds);
  EXPECT_FALSE(forward.step_seconds || forward.step_flops || forward.kept_bytes);
}

TEST(SummaryColumns, StandForWhatWasMeasuredAndSaysSomething) {
  const ops::DisableFusedKernels plain;
  const Chain model(Embedding(9, 4), Dense(4, 8, tanh), Dense(8, 1));
  const auto x = zeros({32}, {.dtype = kInt64});
  const auto s = stepped(model, x, {.step = true, .frozen = {"layer_1", "layer_2.bias"}});
  EXPECT_EQ(
      text(s),
      "path     layer                output   parameters  trainable  states  bytes  flops  step "
      "flops  kept bytes\n"
      "------------------------------------------------------------------------------------------"
      "----------------\n"
      "(model)  Chain                (32, 1)           0          0       0      0      0        "
      "   0           0\n"
      "layer_1  Embedding(9 => 4)    (32, 4)          36          0       0    144      0        "
      "   0         512\n"
      "layer_2  Dense(4 => 8, tanh)  (32, 8)          40         32       0    160  2_048       4"
      "_096       1_024\n"
      "layer_3  Dense(8 => 1)        (32, 1)           9          9       0     36    512       1"
      "_536           0\n"
      "------------------------------------------------------------------------------------------"
      "----------------\n"
      "total                                          85         41       0    340  2_560       5"
      "_632       1_536\n");
}

TEST(SummaryColumns, NameDtypesThatAreNotFloat32) {
  const Chain model(Dense(2, 3), [](const Tensor& x) { return x.to(kBFloat16); });
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_THAT(text(summary(model, ps, st, ones({1, 2}))), HasSubstr(" bfloat16 "));
  const auto s = summary(model, tree::to(ps, kFloat64), st, ones({1, 2}, {.dtype = kFloat64}));
  EXPECT_EQ(s.rows.at(1).dtype, "float64");
  EXPECT_EQ(s.rows.at(1).output_dtype, "float64");
  EXPECT_EQ(s.rows.at(2).dtype, "");
  EXPECT_EQ(s.rows.at(2).output_dtype, "bfloat16");
  EXPECT_THAT(text(stepped(Dense(2, 3), ones({1, 2}))), Not(HasSubstr("float")));
}

}  // namespace
}  // namespace luxtorch
