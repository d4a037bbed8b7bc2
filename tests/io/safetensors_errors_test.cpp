// Bad input to safetensors::save and safetensors::load: what the user is told, and what stays.
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "luxtorch/core/error.h"
#include "luxtorch/io/safetensors.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

// A file of this header with so many bytes of arrays.
std::string file(const std::string& header, size_t bytes) {
  uint64_t length = header.size();
  std::string text(reinterpret_cast<const char*>(&length), sizeof length);
  return text + header + std::string(bytes, '\1');
}

class SafetensorsLoadErrors : public ::testing::Test {
 protected:
  fs::path path_ = test::fresh_folder("safetensors_errors") / "a.safetensors";

  // What load says after the path, without the advice; "" where it loads.
  std::string error(const std::string& bytes) {
    test::write_file(path_, bytes);
    try {
      safetensors::load(path_);
      return "";
    } catch (const FormatError& e) {
      std::string text = e.what(), head = "[safetensors::load] at " + path_.string();
      std::string tail = ". The file is damaged or not a safetensors file; save or copy it again.";
      EXPECT_EQ(text.find(head), 0U) << text;
      EXPECT_EQ(text.rfind(tail), text.size() - tail.size()) << text;
      return text.substr(head.size(), text.size() - head.size() - tail.size());
    }
  }
  // Of a file with one array a of 16 bytes.
  std::string error_of_entry(const std::string& entry, size_t bytes = 16) {
    return error(file("{\"a\": " + entry + "}", bytes));
  }
};

TEST_F(SafetensorsLoadErrors, GoodFilesAreGood) {
  EXPECT_EQ(error_of_entry(R"({"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]})"), "");
  EXPECT_EQ(error_of_entry(R"({"data_offsets": [0, 16], "shape": [], "dtype": "C64", "x": 1})", 16),
            ", a.data_offsets: expected 8 bytes for shape [], got 16");
  EXPECT_EQ(error(file("{}   ", 0)), "");
}

TEST_F(SafetensorsLoadErrors, TheLengthOfTheHeader) {
  EXPECT_EQ(error("\1\2"), ": expected at least 8 bytes, got 2");
  EXPECT_EQ(error(std::string("\3\0\0\0\0\0\0\0{}", 10)),
            ", byte 0: expected a header of at most 2 bytes, got 3");
  EXPECT_EQ(error(std::string(16, '\xff')),
            ", byte 0: expected a header of at most 8 bytes, got 18446744073709551615");
  EXPECT_EQ(error(std::string("\0\0\0\0\0\0\0\0{}", 10)),
            ", the header, byte 0: expected JSON, got something else");
}

TEST_F(SafetensorsLoadErrors, TiesOfNoTensors) {
  auto of = [&](const std::string& tied) {
    return error(
        file(R"({"__metadata__": {"luxtorch.tree": "{\"a\": {\".tensor\": \"a\"}, \"n\": 1}", )"
             R"("luxtorch.ties": ")" +
                 tied +
                 R"("}, )"
                 R"("a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})",
             4));
  };
  const std::string head = ", __metadata__.luxtorch.ties: expected lists of tensors' paths, got ";
  EXPECT_EQ(of(R"([[\"a\", \"a\"]])"), "");
  EXPECT_EQ(of("[]"), "");
  EXPECT_EQ(of("x"), head + "other JSON");
  EXPECT_EQ(of("3"), head + "the number 3");
  EXPECT_EQ(of("[3]"), head + "the number 3");
  EXPECT_EQ(of("[[3]]"), head + "the number 3");
  EXPECT_EQ(of(R"([[\"a\", \"b\"]])"), head + "\"b\"");
  EXPECT_EQ(of(R"([[\"a\", \"n\"]])"), head + "\"n\"");
  EXPECT_EQ(of(R"([[\"a.x.\", \"\"]])"), head + "\"a.x.\"");
}

TEST_F(SafetensorsLoadErrors, TheHeaderItself) {
  EXPECT_EQ(error(file("[]", 0)), ", the header: expected an object, got a list of 0");
  EXPECT_EQ(error(file("{\"a\": 1,}", 0)),
            ", the header, byte 8: expected JSON, got something else");
  EXPECT_EQ(error(file(std::string(100000, '['), 0)),
            ", the header: expected at most 500 levels, got more");
  std::string entry = R"({"dtype": "U8", "shape": [4], "data_offsets": [0, 4]})";
  EXPECT_EQ(error(file("{\"a\": " + entry + ", \"a\": " + entry + "}", 4)),
            ", the header, a: expected each key once, got it twice");
  EXPECT_EQ(error(file(R"({"__metadata__": []})", 0)),
            ", __metadata__: expected an object of texts, got a list of 0");
  EXPECT_EQ(error(file(R"({"__metadata__": {"k": 1}})", 0)),
            ", __metadata__.k: expected a text, got the number 1");
}

TEST_F(SafetensorsLoadErrors, AnEntrysDtypeAndShape) {
  EXPECT_EQ(error_of_entry("3"), ", a: expected dtype, shape and data_offsets, got the number 3");
  EXPECT_EQ(error_of_entry(R"({"shape": [4], "data_offsets": [0, 16]})"),
            ", a.dtype: expected a dtype's name, got none");
  EXPECT_EQ(error_of_entry(R"({"dtype": "F32", "data_offsets": [0, 16]})"),
            ", a.shape: expected a list of sizes, got none");
  EXPECT_EQ(error_of_entry(R"({"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]})"),
            ", a.shape: expected a list of sizes, got the number -4");
  EXPECT_EQ(error_of_entry(R"({"dtype": "F32", "shape": [4.0], "data_offsets": [0, 16]})"),
            ", a.shape: expected a list of sizes, got the number 4");
  EXPECT_EQ(error_of_entry(
                R"({"dtype": "F32", "shape": [18446744073709551612], "data_offsets": [0, 16]})"),
            ", a.shape: expected a list of sizes, got the number 18446744073709551612");
  EXPECT_EQ(error_of_entry(R"({"dtype": "F64", "shape": [4], "data_offsets": [0, 16]})"),
            ", a.data_offsets: expected 32 bytes for shape [4], got 16");
}

TEST_F(SafetensorsLoadErrors, SizesWhoseProductOverflows) {
  for (const char* shape : {"4294967296, 4294967296", "4611686018427387904, 4, 4",
                            "0, 9223372036854775807, 9223372036854775807", "9223372036854775807"})
    EXPECT_EQ(error_of_entry(std::string(R"({"dtype": "U8", "shape": [)") + shape +
                             R"(], "data_offsets": [0, 0]})"),
              std::string(", a.shape: expected a size that memory can hold, got [") + shape + "]");
  std::string ones = "1";
  for (int i = 0; i < 64; ++i) ones += ", 1";
  EXPECT_EQ(
      error_of_entry(R"({"dtype": "U8", "shape": [)" + ones + R"(], "data_offsets": [0, 1]})"),
      ", a.shape: expected at most 64 dimensions, got 65");
}

TEST_F(SafetensorsLoadErrors, OffsetsOutsideOverlappingOrWithGaps) {
  auto with = [](const std::string& offsets) {
    return R"({"dtype": "U8", "shape": [8], "data_offsets": )" + offsets + "}";
  };
  EXPECT_EQ(error_of_entry(with("[8, 0]")),
            ", a.data_offsets: expected offsets in order, up to 16, got 8 and 0");
  EXPECT_EQ(error_of_entry(with("[16, 24]")),
            ", a.data_offsets: expected offsets in order, up to 16, got 16 and 24");
  EXPECT_EQ(error_of_entry(with("[0]")), ", a.data_offsets: expected two offsets, got a list of 1");
  EXPECT_EQ(error_of_entry(with("[-8, 0]")),
            ", a.data_offsets: expected two offsets, got the number -8");
  auto two = [&](const std::string& a, const std::string& b) {
    return error(file("{\"a\": " + with(a) + ", \"b\": " + with(b) + "}", 16));
  };
  EXPECT_EQ(two("[0, 8]", "[8, 16]"), "");
  EXPECT_EQ(two("[8, 16]", "[0, 8]"), "");
  EXPECT_EQ(
      two("[0, 8]", "[4, 12]"),
      ", b.data_offsets: expected an array that begins at 8, got 4, so that arrays overlap or "
      "bytes belong to none");
  EXPECT_EQ(two("[0, 8]", "[0, 8]").find(", b.data_offsets: expected an array that begins at 8"),
            0U);
  EXPECT_EQ(
      error_of_entry(with("[8, 16]")).find(", a.data_offsets: expected an array that begins at 0"),
      0U);
  EXPECT_EQ(error_of_entry(with("[0, 8]")), ": expected 8 bytes of arrays, got 16");
}

TEST_F(SafetensorsLoadErrors, AStructureThatDoesNotFitItsTensors) {
  auto with = [&](const std::string& structure) {
    return error(file(R"({"__metadata__": {"luxtorch.tree": ")" + structure +
                          R"("}, "a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})",
                      4));
  };
  std::string at = ", __metadata__.luxtorch.tree";
  EXPECT_EQ(with(R"({\"x\": {\".tensor\": \"a\"}})"), "");
  EXPECT_EQ(with(R"({\"x\": {\".tensor\": \"b\"}})"),
            at + ": expected each tensor once, got \"b\"");
  EXPECT_EQ(with(R"([{\".tensor\": \"a\"}, {\".tensor\": \"a\"}])"),
            at + ": expected each tensor once, got \"a\"");
  EXPECT_EQ(with("[1]"), ", a: expected a tensor that luxtorch.tree names, got another");
  EXPECT_EQ(with(R"([1, {\".rng\": 1}])"),
            at + ", 1: expected 16 hexadecimal digits, got the number 1");
  EXPECT_EQ(with("[1"), at + ", byte 2: expected JSON, got something else");
}

TEST_F(SafetensorsLoadErrors, ADeepStructureWithLongKeysIsReadInItsOwnTime) {
  // The paths of its leaves together would have 200 GB.
  constexpr size_t kLevels = 200, kLength = 4000, kLeaves = 250'000;
  std::string structure;
  for (size_t i = 0; i < kLevels; ++i) structure += R"({\")" + std::string(kLength, 'k') + R"(\":)";
  structure += "[null";
  for (size_t i = 1; i < kLeaves; ++i) structure += ",null";
  structure += "]" + std::string(kLevels, '}');
  EXPECT_EQ(error(file(R"({"__metadata__": {"luxtorch.tree": ")" + structure + "\"}}", 0)), "");
}

TEST_F(SafetensorsLoadErrors, WhatTorchOrATreeDoesNotHaveIsUnsupported) {
  test::write_file(path_,
                   file(R"({"a": {"dtype": "F6_E2M3", "shape": [4], "data_offsets": [0, 3]}})", 3));
  EXPECT_ERROR(UnsupportedError, safetensors::load(path_),
               "[safetensors::load] at " + path_.string() +
                   ", a: expected a dtype that torch has, got \"F6_E2M3\".");
  std::string deep = "a";
  for (int i = 0; i < 500; ++i) deep += ".a";
  test::write_file(
      path_,
      file("{\"" + deep + R"(": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})", 4));
  EXPECT_THROW(safetensors::load(path_), UnsupportedError);
}

TEST_F(SafetensorsLoadErrors, BytesOfABoolBecomeOnesAndZeros) {
  test::write_file(path_,
                   file(R"({"a": {"dtype": "BOOL", "shape": [3], "data_offsets": [0, 3]}})", 0) +
                       std::string("\2\0\xff", 3));
  auto a = safetensors::load(path_)["a"].tensor();
  const auto* bytes = static_cast<const uint8_t*>(a.const_data_ptr());
  EXPECT_EQ(std::vector<int>(bytes, bytes + 3), (std::vector<int>{1, 0, 1}));
}

TEST(SafetensorsSaveErrors, WhatTheFormatCannotHoldIsRefusedBeforeTheFileIsTouched) {
  auto folder = test::fresh_folder("safetensors_unsupported");
  auto path = folder / "a.safetensors";
  safetensors::save(path, named({{"old", 1}}));
  auto before = test::read_file(path);
  Tensor t = at::arange(3, kFloat32);
  EXPECT_ERROR(UnsupportedError,
               safetensors::save(path, named({{"w", tuple({1, t.to(Dtype::ComplexDouble)})}})),
               "[safetensors::save] at w.1: expected a dtype that safetensors has, got complex128. "
               "Convert it.");
  EXPECT_ERROR(UnsupportedError, safetensors::save(path, named({{"w", at::eye(3).to_sparse()}})),
               "[safetensors::save] at w: expected a dense tensor that has its values, got another "
               "kind. Convert it.");
  EXPECT_THROW(safetensors::save(path, at::empty({2}, at::TensorOptions("meta"))),
               UnsupportedError);
  EXPECT_THROW(safetensors::save(path, named({{"\xff", 1}})), UnsupportedError);
  Tree deep = 1;
  for (int i = 0; i < 501; ++i) deep = tuple({deep});
  EXPECT_THROW(safetensors::save(path, deep), UnsupportedError);
  EXPECT_ERROR(ArgumentError, safetensors::save(path, 1, {.metadata = {{"luxtorch.tree", ""}}}),
               "[safetensors::save] expected each key of metadata once and none of ours, got "
               "\"luxtorch.tree\". Rename it.");
  EXPECT_THROW(safetensors::save(path, 1, {.metadata = {{"a", ""}, {"a", ""}}}), ArgumentError);
  EXPECT_THROW(safetensors::save(path, 1, {.metadata = {{"a", "\xff"}}}), UnsupportedError);
  EXPECT_EQ(test::read_file(path), before);
  EXPECT_EQ(test::entries(folder), 1U);
}

TEST(SafetensorsSaveErrors, AFullDiskLeavesTheOldFileAndTheNextSaveWorks) {
  auto folder = test::fresh_folder("safetensors_full");
  auto path = folder / "a.safetensors";
  safetensors::save(path, named({{"old", 1}}));
  auto before = test::read_file(path);
  {
    test::SmallDisk disk;
    EXPECT_ERROR(
        ArgumentError, safetensors::save(path, named({{"w", at::zeros({100000})}})),
        "[safetensors::save] at " + path.string() +
            ": expected a disk that takes the file, got File too large. Choose another path "
            "or make room.");
  }
  EXPECT_EQ(test::read_file(path), before);
  EXPECT_EQ(test::entries(folder), 1U);
  safetensors::save(path, named({{"w", at::zeros({100000})}}));
  EXPECT_EQ(safetensors::load(path).keys(), std::vector<std::string>{"w"});
}

}  // namespace
}  // namespace luxtorch
