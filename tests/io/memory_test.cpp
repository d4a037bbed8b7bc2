// What saving and loading take of memory, beside the tree: at most 64 MiB.
#include <ATen/ops/arange.h>
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "io/plain_hdf5.h"
#include "io/process_memory.h"
#include "luxtorch/io/io.h"
#include "support/files.h"

namespace luxtorch {
namespace {

constexpr int64_t kMiB = 1 << 20;

// The most resident memory while f runs, beyond what there was before.
template <class F>
int64_t peak_of(F f) {
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // VmHWM starts again at VmRSS
  int64_t before = test::process_memory("VmRSS");
  [[maybe_unused]] auto result = f();
  return test::process_memory("VmHWM") - before;
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

template <class Load>
void expect_the_tree_and_64_mib(const std::filesystem::path& file, Load load) {
  int64_t bytes = 0;
  int64_t peak = peak_of([&] {
    Tree tree = load(file);
    bytes = static_cast<int64_t>(tree::bytes(tree));
    return tree;
  });
  EXPECT_GT(bytes, 90 * kMiB);
  EXPECT_LE(peak, bytes + 64 * kMiB) << file;
}

bool has_sanitizer() {
#ifdef __SANITIZE_ADDRESS__
  return true;  // which keeps what was freed
#else
  return false;
#endif
}

// 100 MiB that no filter makes much smaller.
const std::vector<float>& noise() {
  static const std::vector<float> numbers = [] {
    std::vector<float> all(25 * kMiB);
    uint32_t x = 1;
    for (float& number : all) {
      x = x * 1664525 + 1013904223;
      number = static_cast<float>(x);
    }
    return all;
  }();
  return numbers;
}

// hsize_t (5000, 5240) in chunks of that shape.
std::filesystem::path chunked_file(const std::string& name, std::array<hsize_t, 2> chunk,
                                   bool shuffle, int deflate) {
  auto path = test::fresh_folder("memory_" + name) / "a.h5";
  constexpr std::array<hsize_t, 2> kDims = {5000, 5240};
  H5::DSetCreatPropList create;
  create.setChunk(2, chunk.data());
  if (shuffle) create.setShuffle();
  if (deflate >= 0) create.setDeflate(static_cast<unsigned>(deflate));
  test::create_hdf5(path, test::hdf5_formats()[0])
      .createDataSet("a", H5::PredType::IEEE_F32LE, H5::DataSpace(2, kDims.data()), create)
      .write(noise().data(), H5::PredType::NATIVE_FLOAT);
  return path;
}

TEST(ReadingMemory, ChunksOfHdf5InBothOrders) {
  if (has_sanitizer()) GTEST_SKIP() << "the sanitizer keeps what was freed";
  struct Case {
    const char* name;
    std::array<hsize_t, 2> chunk;
    bool shuffle;
    int deflate;
  };
  for (const Case& c : {Case{"rows", {50, 5240}, true, 1}, Case{"tiles", {300, 300}, false, -1},
                        Case{"one", {5000, 5240}, false, 1}}) {
    auto path = chunked_file(c.name, c.chunk, c.shuffle, c.deflate);
    expect_the_tree_and_64_mib(path, [](const auto& file) { return io::load(file); });
    expect_the_tree_and_64_mib(path, [](const auto& file) { return jld2::load(file); });
    Tensor numbers = io::load(path)["a"].tensor();
    EXPECT_EQ(std::memcmp(numbers.const_data_ptr(), noise().data(), numbers.nbytes()), 0) << c.name;
    EXPECT_TRUE(jld2::load(path)["a"].tensor().t().equal(numbers)) << c.name;
    std::filesystem::remove(path);
  }
}

TEST(ReadingMemory, AShuffledChunkOfThatSizeTakesItselfOnceMore) {
  if (has_sanitizer()) GTEST_SKIP() << "the sanitizer keeps what was freed";
  auto path = chunked_file("shuffled", {5000, 5240}, true, 1);
  int64_t peak = peak_of([&] { return io::load(path); });
  EXPECT_LE(peak, 2 * 100 * kMiB + 64 * kMiB);
  EXPECT_TRUE(io::load(path)["a"].tensor().flatten().equal(
      at::from_blob(const_cast<float*>(noise().data()), {5000 * 5240})));
  std::filesystem::remove(path);
}

TEST(ReadingMemory, CompressedFilesOfOurs) {
  if (has_sanitizer()) GTEST_SKIP() << "the sanitizer keeps what was freed";
  Tree tree = named({{"a", at::arange(25 * kMiB, Dtype::Float).reshape({5120, 5120})}});
  for (const char* name : {"a.jld2", "a.h5", "a.npz"}) {
    auto path = test::fresh_folder("memory_compressed") / name;
    io::save(path, tree, {.compress = true});
    expect_the_tree_and_64_mib(path, [](const auto& file) { return io::load(file); });
    if (path.extension() == ".h5")
      expect_the_tree_and_64_mib(path,
                                 [](const auto& file) { return hdf5::load_with_libhdf5(file); });
  }
}

TEST(ReadingMemory, FortransOrderOfNumpy) {
  if (has_sanitizer()) GTEST_SKIP() << "the sanitizer keeps what was freed";
  auto path = test::fresh_folder("memory_fortran") / "a.npy";
  std::string header = "{'descr': '<f4', 'fortran_order': True, 'shape': (5000, 5240), }\n";
  std::ofstream file(path, std::ios::binary);
  file << std::string("\x93NUMPY\1\0", 8) << static_cast<char>(header.size()) << '\0' << header;
  file.write(reinterpret_cast<const char*>(noise().data()), 5000 * 5240 * 4);
  file.close();
  expect_the_tree_and_64_mib(path, [](const auto& from) { return io::load(from); });
  Tensor numbers = io::load(path).tensor();
  Tensor turned = numbers.t().contiguous();
  EXPECT_EQ(std::memcmp(turned.const_data_ptr(), noise().data(), turned.nbytes()), 0);
  std::filesystem::remove(path);
}

// 4000 x 4000 elements of bfloat16 as Keras writes them: 2 bytes that HDF5 has no type for.
TEST(ReadingMemory, OpaqueElements) {
  if (has_sanitizer()) GTEST_SKIP() << "the sanitizer keeps what was freed";
  auto path = test::fresh_folder("memory_opaque") / "a.h5";
  constexpr std::array<hsize_t, 2> kDims = {4000, 4000};
  {
    H5::DataType opaque(H5T_OPAQUE, 2);
    auto data = test::create_hdf5(path, test::hdf5_formats()[0])
                    .createDataSet("a", opaque, H5::DataSpace(2, kDims.data()));
    data.write(noise().data(), opaque);
    H5::StrType text(H5::PredType::C_S1, H5T_VARIABLE);
    data.createAttribute("dtype", text, H5::DataSpace()).write(text, std::string("bfloat16"));
  }
  for (bool own : {true, false}) {
    Tree tree;
    int64_t peak =
        peak_of([&] { return tree = own ? io::load(path) : hdf5::load_with_libhdf5(path); });
    EXPECT_EQ(tree["a"].tensor().scalar_type(), Dtype::BFloat16);
    EXPECT_EQ(tree::bytes(tree), 32'000'000);
    EXPECT_LE(peak, 32'000'000 + 64 * kMiB);
  }
}

class FileMemory : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (has_sanitizer()) GTEST_SKIP() << "the sanitizer keeps what was freed";
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
