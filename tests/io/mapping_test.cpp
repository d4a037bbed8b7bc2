// LoadOptions::map: tensors that are views of their file.
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>

#include "io/process_memory.h"
#include "luxtorch/io/io.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/train/train_state.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

// Is this address in a mapping of the file?
bool lies_in(const void* address, const fs::path& file) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR, &begin, &end) != 2) continue;
    auto at = reinterpret_cast<uintptr_t>(address);
    if (begin <= at && at < end) return line.ends_with(file.string());
  }
  return false;
}

Tree small_tree() {
  Tensor w = at::arange(24, kFloat32).view({2, 3, 4});
  return named({{"w", w},
                {"turned", w.transpose(0, 2)},
                {"flags", at::arange(3).remainder(2).to(kBool)},
                {"z", at::ones({3}, Dtype::ComplexFloat)},
                {"wide", at::arange(5).to(Dtype::UInt16)},
                {"empty", at::ones({0, 2})},
                {"lr", 0.5},
                {"more", tuple({at::ones({2}, kFloat64), "text"})}});
}

class Mapping : public ::testing::TestWithParam<std::string> {
 protected:
  static fs::path path(const std::string& name) {
    return test::fresh_folder("mapping_" + GetParam() + "_" + name) / ("tree." + GetParam());
  }
};

TEST_P(Mapping, GivesTheValuesOfTheFileWithoutACopy) {
  auto file = path("values");
  io::save(file, small_tree());
  Tree tree = io::load(file, {.map = true});
  EXPECT_TRUE(tree::equal(tree, io::load(file)));
  for (const char* name : {"w", "flags", "z", "wide", "more.0"})
    EXPECT_TRUE(lies_in(tree.at(name).tensor().const_data_ptr(), file)) << name;
  EXPECT_FALSE(lies_in(io::load(file)["w"].tensor().const_data_ptr(), file));
}

TEST_P(Mapping, WhatIsWrittenStaysInMemory) {
  auto file = path("writes");
  io::save(file, small_tree());
  std::string before = test::read_file(file);
  Tensor w = io::load(file, {.map = true})["w"].tensor();  // outlives its tree
  w.add_(1);
  EXPECT_SAME(Tree(w), Tree(at::arange(24, kFloat32).view({2, 3, 4}) + 1));
  EXPECT_EQ(test::read_file(file), before);
  EXPECT_SAME(io::load(file, {.map = true})["w"], small_tree()["w"]);
}

TEST_P(Mapping, LastsAsLongAsATensorOfItAndNoLonger) {
  auto file = path("lasts");
  io::save(file, small_tree());
  const void* address = nullptr;
  {
    Tensor row = io::load(file, {.map = true})["w"].tensor()[1];
    address = row.const_data_ptr();
    fs::remove(file);
    EXPECT_SAME(Tree(row), Tree(at::arange(12, 24, kFloat32).view({3, 4})));
    EXPECT_TRUE(lies_in(address, file.string() + " (deleted)"));
  }
  EXPECT_FALSE(lies_in(address, file.string() + " (deleted)"));
}

TEST_P(Mapping, AFileThatIsReplacedStaysAsItWas) {
  auto file = path("replaced");
  io::save(file, small_tree());
  Tree tree = io::load(file, {.map = true});
  io::save(file, named({{"w", at::ones({2})}}));
  EXPECT_SAME(tree, small_tree());
}

// TrainState copies the parameters once; what a step replaces of the states is not written into the file.
TEST_P(Mapping, TrainingFromAMappedFileIsTrainingFromACopy) {
  auto file = path("training");
  Chain model(Dense(3, 4), BatchNorm(4), Dense(4, 1));
  auto [ps, st] = setup(Rng(0), model);
  io::save(file, named({{"ps", ps}, {"st", st}}));
  std::string before = test::read_file(file);
  auto trained = [&](bool map) {
    Tree tree = io::load(file, {.map = map});
    EXPECT_EQ(lies_in(tree.at("ps.layer_1.weight").tensor().const_data_ptr(), file), map);
    TrainState ts(model, tree["ps"], tree["st"], Adam(0.1));
    Tensor x = at::arange(15, kFloat32).view({5, 3}), y = at::ones({5, 1});
    for (int i = 0; i < 3; ++i) single_train_step_(MSELoss(), tuple({x, y}), ts);
    return named({{"ps", ts.parameters()}, {"st", ts.states()}, {"read", tree}});
  };
  EXPECT_SAME(trained(true), trained(false));
  EXPECT_EQ(test::read_file(file), before);
}

TEST_P(Mapping, TakesNoMemoryForWhatIsNotTouched) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer keeps what was freed";
#endif
  constexpr int64_t kMiB = 1 << 20;
  auto file = path("memory");
  io::save(file, named({{"w", at::ones({32 * kMiB})}}));  // 128 MiB
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // VmHWM starts again at VmRSS
  int64_t before = test::process_memory("VmRSS");
  Tree tree = io::load(file, {.map = true});
  EXPECT_LE(test::process_memory("VmHWM") - before, 16 * kMiB);
  EXPECT_EQ(tree["w"].tensor()[32 * kMiB - 1].item<float>(), 1);
}

INSTANTIATE_TEST_SUITE_P(Formats, Mapping, ::testing::Values("pt", "safetensors", "npz"),
                         [](const auto& info) { return info.param; });

// Where the elements do not lie as the processor wants them, they are copied.
TEST(MappingAlignment, ElementsThatLieUnalignedAreCopied) {
  auto file = test::fresh_folder("mapping_unaligned") / "a.pt";
  io::save(file, small_tree());
  std::string bytes = test::read_file(file);
  test::write_file(file, "x" + bytes);  // bytes before the archive
  Tree tree = io::load(file, {.map = true});
  EXPECT_SAME(tree, small_tree());
  EXPECT_FALSE(lies_in(tree["w"].tensor().const_data_ptr(), file));
}

}  // namespace
}  // namespace luxtorch
