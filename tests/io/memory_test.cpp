// What saving and loading take of memory, beside the tree: at most 64 MiB.
#include <ATen/ops/arange.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "luxtorch/io/io.h"
#include "support/files.h"

namespace luxtorch {
namespace {

constexpr int64_t kMiB = 1 << 20;

int64_t memory(const std::string& name) {  // of /proc/self/status, in bytes
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1)) * 1024;
  return 0;
}

// The most resident memory while f runs, beyond what there was before.
template <class F>
int64_t peak_of(F f) {
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // VmHWM starts again at VmRSS
  int64_t before = memory("VmRSS");
  [[maybe_unused]] auto result = f();
  return memory("VmHWM") - before;
}

// 200 MB of matrices, vectors and small arrays.
Tree large_tree() {
  auto array = [](std::vector<int64_t> sizes) {
    int64_t count = 1;
    for (int64_t size : sizes) count *= size;
    return at::arange(count, Dtype::Float).reshape(sizes);
  };
  std::vector<Tree::Item> small;
  for (int i = 0; i < 500; ++i) small.emplace_back("s" + std::to_string(i), array({20, 30}));
  return named({{"square", array({4096, 4096})},
                {"wide", array({100, 100003})},
                {"tall", array({100003, 100})},
                {"cube", array({50, 2000, 31})},
                {"vector", array({10000000})},
                {"small", named(std::move(small))}});
}

class FileMemory : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizer keeps what was freed";
#endif
  }
  std::filesystem::path path() const {
    return test::fresh_folder("memory_" + GetParam()) / ("tree." + GetParam());
  }
};

TEST_P(FileMemory, SavingAndLoadingTakeTheTreeAnd64MiB) {
  auto file = path();
  Tree tree = large_tree();
  auto bytes = static_cast<int64_t>(tree::bytes(tree));
  ASSERT_GT(bytes, 190 * kMiB);
  io::save(file, named({{"a", 1}}));  // libraries and buffers that stay
  io::load(file);
  EXPECT_LE(peak_of([&] { return (io::save(file, tree), 0); }), 64 * kMiB);
  tree = Tree();
  EXPECT_LE(peak_of([&] { return io::load(file); }), bytes + 64 * kMiB);
  std::filesystem::remove(file);
}

INSTANTIATE_TEST_SUITE_P(Formats, FileMemory, ::testing::Values("jld2", "safetensors", "pt", "npz"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace luxtorch
