// What NumPy and its users put into npz and npy files beside numbers.
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <bit>

#include "io/base/atomic_file.h"
#include "io/memory_file.h"
#include "io/zip/writer.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

std::string npy(const std::string& descr, const std::string& shape, const std::string& data,
                const std::string& fortran = "False") {
  std::string header =
      "{'descr': " + descr + ", 'fortran_order': " + fortran + ", 'shape': " + shape + "}";
  return "\x93NUMPY\1\0"s + static_cast<char>(header.size()) + '\0' + header + data;
}

Tree load_npy(const std::string& bytes, io::Report* report = nullptr) {
  test::MemoryFile file;
  file.hold(bytes);
  return numpy::load(file.path(), {.report = report});
}

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

std::string utf32(std::u32string_view text, size_t width) {
  std::string bytes(reinterpret_cast<const char*>(text.data()), text.size() * 4);
  bytes.resize(width * 4);
  return bytes;
}

// An archive of these members.
fs::path npz_of(const std::vector<std::pair<std::string, std::string>>& members) {
  auto path = test::fresh_folder("numpy_foreign") / "a.npz";
  io::AtomicFile file("test", path);
  io::ZipWriter zip(file);
  for (const auto& [name, bytes] : members) zip.add(name, bytes);
  zip.finish();
  file.commit();
  return path;
}

TEST(NumpyForeign, TextsAndBytesAreStrings) {
  EXPECT_SAME(
      load_npy(npy("'<U3'", "(2,)", utf32(U"cat", 3) + utf32(U"\u00e9\u20ac\U0001f600", 3))),
      tuple({"cat", "\u00e9\u20ac\U0001f600"}));
  EXPECT_SAME(load_npy(npy("'<U5'", "()", utf32(U"ab", 5))), Tree("ab"));
  EXPECT_SAME(load_npy(npy("'>U1'", "(1,)", "\0\0\0a"s)), tuple({"a"}));
  EXPECT_SAME(load_npy(npy("'|S2'", "(2, 1)", "a\0\xff\0"s)),
              tuple({tuple({"a"}), tuple({"\xff"})}));
  EXPECT_SAME(load_npy(npy("'|S1'", "(2, 3)", "abcdef", "True")),
              tuple({tuple({"a", "c", "e"}), tuple({"b", "d", "f"})}));
  EXPECT_SAME(load_npy(npy("'<U0'", "(2,)", "")), tuple({"", ""}));
}

TEST(NumpyForeign, TextsThatLieAreRefused) {
  EXPECT_THROW(load_npy(npy("'<U1'", "(2,)", "abcd")), FormatError);
  EXPECT_THROW(load_npy(npy("'<U1'", "(1,)", "\0\0\x11\0"s)), FormatError);  // beyond Unicode
  EXPECT_THROW(load_npy(npy("'<U1'", "(1,)", "\0\xd8\0\0"s)),
               UnsupportedError);  // half a character
  EXPECT_THROW(load_npy(npy("'<U0'", "(1000000000000,)", "")), UnsupportedError);
  EXPECT_THROW(load_npy(npy("'<U4294967295'", "(1000000000, 1000000)", "")), FormatError);
}

TEST(NumpyForeign, BFloat16AndFloat8E5m2OfMlDtypes) {
  // 1, -2.5 and 1, -2 in their bits.
  Tree b = load_npy(npy("'<V2'", "(2,)", bytes_of<uint16_t>({0x3f80, 0xc020})));
  EXPECT_EQ(b.tensor().scalar_type(), Dtype::BFloat16);
  EXPECT_SAME(Tree(b.tensor().to(kFloat32)), Tree(at::tensor({1.0F, -2.5F})));
  Tree e = load_npy(npy("'<f1'", "(2,)", "\x3c\xc0"));
  EXPECT_EQ(e.tensor().scalar_type(), Dtype::Float8_e5m2);
  EXPECT_SAME(Tree(e.tensor().to(kFloat32)), Tree(at::tensor({1.0F, -2.0F})));
  EXPECT_THROW(load_npy(npy("'<V1'", "(2,)", "ab")), UnsupportedError);  // one of many types
  EXPECT_THROW(load_npy(npy("'|V2'", "(1,)", "ab")), UnsupportedError);  // NumPy's own void
}

TEST(NumpyForeign, SeveralArraysAndPaddingInOneFile) {
  auto one = npy("'<f8'", "(1,)", bytes_of<double>({1})), two = npy("'|S1'", "(1,)", "b");
  Tree first = at::ones({1}, kFloat64);
  EXPECT_SAME(load_npy(one + two), tuple({first, tuple({"b"})}));
  EXPECT_SAME(load_npy(one + std::string(100'000, '\0')), first);
  EXPECT_SAME(load_npy(one + two + "\0\0"s), tuple({first, tuple({"b"})}));
  for (const auto& rest : {"x"s, std::string(70'000, '\0') + "x", one.substr(0, 20)})
    EXPECT_THROW(load_npy(one + rest), FormatError);
}

TEST(NumpyForeign, WhatATreeHasNoKindForIsAHoleAndTheRestLoads) {
  auto path = npz_of({{"w.npy", npy("'<f8'", "(1,)", bytes_of<double>({1}))},
                      {"o.npy", npy("'|O'", "(1,)", "\x80\4N.")},
                      {"r.npy", npy("[('a', '<i4'), ('b', '<f4', (2,))]", "(1,)", "123456789012")},
                      {"t.npy", npy("'<M8[ns]'", "(1,)", "12345678")},
                      {"l.npy", npy("'<f16'", "(1,)", std::string(16, '\0'))},
                      {"labels.npy", npy("'<U1'", "(1,)", utf32(U"a", 1))},
                      {"notes.txt", "hello"},
                      {"folder/", ""}});
  EXPECT_THROW(io::load(path), UnsupportedError);
  io::Report report;
  Tree file = io::load(path, {.report = &report});
  EXPECT_SAME(file["w"], Tree(at::ones({1}, kFloat64)));
  EXPECT_SAME(file["labels"], tuple({"a"}));
  EXPECT_SAME(file["notes"]["txt"], Tree("hello"));
  EXPECT_FALSE(file.contains("folder"));
  std::vector<std::pair<std::string, std::string>> holes;
  for (const auto& entry : report.entries) {
    holes.emplace_back(entry.path, entry.type);
    EXPECT_TRUE(file[entry.path].is_none());
    EXPECT_FALSE(entry.problem.empty());
  }
  EXPECT_EQ(holes, (std::vector<std::pair<std::string, std::string>>{
                       {"o", "|O"},
                       {"r", "[('a', '<i4'), ('b', '<f4', (2,))]"},
                       {"t", "<M8[ns]"},
                       {"l", "<f16"}}));
  EXPECT_TRUE(load_npy(npy("'|O'", "(1,)", "N."), &report).is_none());
  EXPECT_EQ(report.entries.size(), 1U);  // filled anew
}

TEST(NumpyForeign, LabelsBesideWeights) {
  EXPECT_SAME(io::load(fs::path(test::golden_folder()) / "files/weights_and_labels.npz")["labels"],
              tuple({"cat", "dog"}));
}

TEST(SafetensorsForeign, NullMetadataAndFloat4) {
  fs::path files = fs::path(test::golden_folder()) / "files";
  EXPECT_EQ(io::load(files / "metadata_null.safetensors")["a"].tensor().numel(), 2);
  Tree four = io::load(files / "float4.safetensors");
  Tensor w = four["w"].tensor();
  EXPECT_EQ(w.scalar_type(), Dtype::Float4_e2m1fn_x2);
  EXPECT_EQ(w.sizes(), (std::vector<int64_t>{2, 4}));  // pairs
  const auto* bytes = static_cast<const uint8_t*>(w.const_data_ptr());
  EXPECT_EQ(std::vector<int>(bytes, bytes + 8), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  auto path = test::fresh_folder("float4") / "a.safetensors";
  io::save(path, four);
  EXPECT_NE(test::read_file(path).find(R"("dtype": "F4", "shape": [2, 8])"), std::string::npos);
  EXPECT_SAME(io::load(path), four);
}

}  // namespace
}  // namespace luxtorch
