// What safetensors::save writes, load reads, bit for bit.
#include <ATen/ops/arange.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cstring>

#include "io/jld2_corpus.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/safetensors.h"
#include "luxtorch/ties.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

using test::counting;

bool holds_complex128(const Tree& tree) {
  for (const auto& t : tree::tensors(tree))
    if (t.scalar_type() == Dtype::ComplexDouble) return true;
  return false;
}

// Roots that only this format takes.
std::vector<test::Sample> more_trees() {
  std::vector<Tree::Item> dtypes;
  for (Dtype dtype : {Dtype::BFloat16, Dtype::Float8_e4m3fn, Dtype::Float8_e5m2,
                      Dtype::Float8_e4m3fnuz, Dtype::Float8_e5m2fnuz})
    dtypes.emplace_back(c10::toString(dtype), counting(dtype));
  dtypes.emplace_back("scales", at::arange(6, Dtype::Byte).view(Dtype::Float8_e8m0fnu));
  Tensor shared = counting(kFloat32);
  auto double_of = [](uint64_t bits) { return Tree(std::bit_cast<double>(bits)); };
  Tree deep = 1;
  for (int i = 0; i < 499; ++i) deep = i % 2 == 0 ? tuple({deep}) : named({{"a", deep}});
  return {
      {"narrow_dtypes", named(std::move(dtypes))},
      {"a_tensor", counting(kFloat64)},
      {"nothing", Tree()},
      {"a_number", 3},
      {"a_string", std::string("with a \0 in it", 14)},
      {"a_tuple", tuple({counting(kInt64), tuple({counting(kBool)}), 2.0})},
      {"undefined", tuple({Tensor(), Tree(), Tensor()})},
      {"payloads", tuple({double_of(0x7ff8000000000001), double_of(0xfff0000000000001),
                          double_of(1), double_of(0x7fefffffffffffff), 1e300, 1e-5, 123456789.0})},
      {"twice", named({{"a", shared}, {"b", shared}, {"c", shared.t()}, {"d", shared[1]}})},
      {"names", named({{"__metadata__", shared},
                       {"__metadata___", shared},
                       {"tensor", shared},
                       {"a b\n\"\\", shared},
                       {"0", shared}})},
      {"not_utf8", tuple({"\xff\xfe", "\xc3"})},
      {"deep", deep}};
}

TEST(Safetensors, EveryTreeComesBackBitwise) {
  auto folder = test::fresh_folder("safetensors");
  auto corpus = test::jld2_corpus();
  for (auto& sample : more_trees()) corpus.push_back(std::move(sample));
  int count = 0;
  for (const auto& [name, tree] : corpus) {
    if (holds_complex128(tree)) continue;
    SCOPED_TRACE(name);
    auto path = folder / (name + ".safetensors");
    safetensors::save(path, tree);
    Tree read = safetensors::load(path);
    EXPECT_EQ(tree::difference(tree, read), "");
    EXPECT_TRUE(tree::equal(tree, read));
    ++count;
  }
  EXPECT_GT(count, 30);
}

TEST(Safetensors, DoublesKeepEveryBit) {
  auto path = test::fresh_folder("safetensors_bits") / "bits.safetensors";
  std::vector<Tree> numbers;
  std::vector<uint64_t> bits = {0x7ff8000000000001, 0xfff0000000000001, 0x8000000000000000, 1};
  for (uint64_t b : bits) numbers.emplace_back(std::bit_cast<double>(b));
  safetensors::save(path, tuple(numbers));
  Tree read = safetensors::load(path);
  for (size_t i = 0; i < bits.size(); ++i)
    EXPECT_EQ(std::bit_cast<uint64_t>(read[i].scalar<double>()), bits[i]);
}

// Other programs find an array for each name; load gives one tensor again.
TEST(Safetensors, TiesComeBack) {
  auto path = test::fresh_folder("safetensors_ties") / "a.safetensors";
  Tensor w = counting(kFloat32);
  safetensors::save(path, named({{"a", tuple({w, w.t()})}, {"b", w}, {"c", w.clone()}}));
  Tree read = safetensors::load(path);
  EXPECT_TRUE(read["a"][0].tensor().is_same(read["b"].tensor()));
  EXPECT_EQ(ties(read), (std::vector<std::vector<std::string>>{{"a.0", "b"}}));

  // Another program has changed one of them: the last array of the file.
  auto bytes = test::read_file(path);
  auto at = bytes.find("\"b\": {\"dtype\"");
  ASSERT_NE(at, bytes.npos);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  auto offsets = bytes.substr(bytes.find("data_offsets\": [", at) + 16);
  bytes[8 + length + std::stoul(offsets)] ^= 1;
  test::write_file(path, bytes);
  EXPECT_TRUE(ties(safetensors::load(path)).empty());
}

TEST(Safetensors, ArraysAreAlignedAndTheFileIsWholeOnceSaved) {
  auto folder = test::fresh_folder("safetensors_layout");
  Tree tree =
      named({{"flag", counting(kBool)}, {"w", counting(kFloat32)}, {"n", counting(kInt64)}});
  safetensors::save(folder / "a.safetensors", tree);
  auto bytes = test::read_file(folder / "a.safetensors");
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  EXPECT_EQ(length % 8, 0U);
  EXPECT_EQ(bytes.size(), 8 + length + 6 + 24 + 48);
  auto header = bytes.substr(8, length);
  EXPECT_NE(header.find(R"("n": {"dtype": "I64", "shape": [2, 3], "data_offsets": [0, 48]})"),
            header.npos);
  EXPECT_NE(header.find(R"("w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [48, 72]})"),
            header.npos);
  EXPECT_NE(header.find(R"("format": "pt")"), header.npos);
  EXPECT_EQ(test::entries(folder), 1U);
}

TEST(Safetensors, MetadataOfOtherProgramsStandsBesideOurs) {
  auto path = test::fresh_folder("safetensors_metadata") / "a.safetensors";
  Tree tree = named({{"w", counting(kFloat32)}});
  safetensors::save(path, tree, {.metadata = {{"license", "MIT"}, {"format", "np"}}});
  auto bytes = test::read_file(path);
  EXPECT_NE(bytes.find(R"("license": "MIT", "format": "np", "luxtorch.tree")"), bytes.npos);
  EXPECT_SAME(safetensors::load(path), tree);
}

Tensor random_tensor() {
  auto rank = *rc::gen::inRange<size_t>(0, 5);
  auto sizes = *rc::gen::container<std::vector<int64_t>>(rank, rc::gen::inRange<int64_t>(0, 4));
  Dtype dtype = *rc::gen::element(kFloat32, kFloat64, kInt64, kBool, Dtype::Half, Dtype::BFloat16,
                                  Dtype::UInt16, Dtype::ComplexFloat);
  Tensor tensor = (at::randn(sizes, Dtype::Double) * 100).to(dtype);
  for (int64_t d = 1; d < tensor.dim(); ++d)
    if (*rc::gen::arbitrary<bool>()) tensor = tensor.transpose(d - 1, d);
  return tensor;
}

Tree random_tree(int depth) {
  std::vector<Tree> parts;
  auto count = depth > 0 ? *rc::gen::inRange(0, 5) : 0;
  switch (*rc::gen::inRange(0, depth > 0 ? 10 : 7)) {
    case 0:
      return {};
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::arbitrary<int64_t>();
    case 3:
      return *rc::gen::arbitrary<double>();
    case 4:
      return *rc::gen::string<std::string>();
    case 5:
      return Rng(*rc::gen::arbitrary<uint64_t>());
    case 6:
      return random_tensor();
    default:
      for (int i = 0; i < count; ++i) parts.push_back(random_tree(depth - 1));
      if (*rc::gen::arbitrary<bool>()) return tuple(std::move(parts));
      std::vector<Tree::Item> items;
      for (auto& part : parts)
        items.emplace_back("k" + std::to_string(items.size()), std::move(part));
      return named(std::move(items));
  }
}

RC_GTEST_PROP(SafetensorsRandom, TreesComeBackBitwise, ()) {
  Tree tree = random_tree(4);
  auto path = fs::path(test::scratch_folder()) / "safetensors_random.safetensors";
  safetensors::save(path, tree);
  RC_ASSERT(tree::equal(tree, safetensors::load(path)));
}

}  // namespace
}  // namespace luxtorch
