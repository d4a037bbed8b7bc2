// Bad input to numpy::save and numpy::load: what the user is told, and what stays; damaged files.
#include <ATen/ops/arange.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "io/jld2_corpus.h"
#include "io/memory_file.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/numpy.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

template <class T>
void patch(std::string& bytes, size_t at, T value) {
  ASSERT_LE(at + sizeof value, bytes.size());
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// What load says after the path, without the advice; "" where it loads.
std::string error_of_numpy(const std::string& bytes, numpy::LoadOptions options = {}) {
  test::MemoryFile file;
  file.hold(bytes);
  std::string head = "[numpy::load] at " + file.path().string();
  std::string text;
  try {
    numpy::load(file.path(), options);
    return "";
  } catch (const FormatError& error) {
    text = error.what();
    auto advice = text.find(". The file is damaged or not an npz or npy file");
    bool is_foreign = text.find(": expected an npz or npy file, got ") != text.npos;
    EXPECT_NE(advice != text.npos, is_foreign) << text;
    text = text.substr(0, advice);
  } catch (const UnsupportedError& error) {
    text = error.what();
  }
  EXPECT_EQ(text.find(head), 0U) << text;
  return text.substr(head.size());
}

std::string npy(const std::string& header, size_t bytes = 8) {
  std::string length = {static_cast<char>(header.size() & 0xffU),
                        static_cast<char>(header.size() >> 8U)};
  return std::string("\x93NUMPY\1\0", 8) + length + header + std::string(bytes, '\1');
}

TEST(NumpyErrors, HeadersThatPythonWouldRead) {
  EXPECT_EQ(error_of_numpy(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (), }\n")), "");
  EXPECT_EQ(error_of_numpy(npy("{\"shape\":(1L,2),\"fortran_order\":True,\"descr\":\">f4\"}")), "");
  EXPECT_EQ(error_of_numpy(npy("{'descr': '?', 'fortran_order': False, 'shape': (8,)}")), "");
  EXPECT_EQ(error_of_numpy(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 5)}", 0)),
            "");
}

TEST(NumpyErrors, HeadersThatAreWrong) {
  auto with = [](const std::string& shape, const std::string& order = "False") {
    return error_of_numpy(
        npy("{'descr': '<f8', 'fortran_order': " + order + ", 'shape': " + shape + "}"));
  };
  EXPECT_EQ(with("(2,)"), ": expected 16 bytes for shape (2), got 8");
  EXPECT_EQ(with("(1)"), R"(, the header, character 52: expected ',', got ")}")");
  EXPECT_EQ(with("(-1,)"), R"(, the header, character 51: expected a size, got "-1,)}")");
  EXPECT_EQ(with("(4294967296, 4294967296)"),
            ", the header: expected a shape that memory can hold, got (4294967296, 4294967296)");
  EXPECT_EQ(with("(99999999999999999999,)"),
            R"(, the header, character 51: expected a size, got "99999999999999999999")");
  EXPECT_EQ(with("(1,)", "print(1)"),
            R"(, the header, character 34: expected True or False, got "print(1), 'shape': (")");
  EXPECT_EQ(error_of_numpy(npy("{'descr': '<f8', 'shape': (1,)}")),
            ", the header: expected descr, fortran_order and shape, got fewer");
  EXPECT_EQ(error_of_numpy(npy("__import__('os').system('true')")),
            R"(, the header, character 0: expected '{', got "__import__('os').sys")");
  EXPECT_EQ(error_of_numpy(npy("{'descr': '<f16', 'fortran_order': False, 'shape': (), }")),
            ": expected a dtype that torch has, got \"<f16\".");
  EXPECT_EQ(error_of_numpy("\x93NUMPY"), ": expected a header, got 6 bytes");
  EXPECT_EQ(error_of_numpy("\x93NUMPX\1\1\1\1\1\1"),
            ": expected an array in NumPy's format, got something else");
  EXPECT_EQ(
      error_of_numpy("neither one nor the other"),
      ": expected an npz or npy file, got a text that begins \"neither one nor the other\". It is "
      "perhaps a server's answer in place of the file; fetch the file itself.");
}

class NpzErrors : public ::testing::Test {
 protected:
  // Two entries a.npy and b.npy of 128 + 16 bytes; the directory's records are 46 + 5 bytes.
  std::string file(bool compress = false) {
    auto path = test::fresh_folder("npz_errors") / "a.npz";
    numpy::save(path, named({{"a", at::zeros({4})}, {"b", at::zeros({4})}}),
                {.compress = compress});
    auto bytes = test::read_file(path);
    end_ = bytes.size() - 22;
    first_ = end_ - 2 * 51;
    return bytes;
  }
  size_t first_ = 0, end_ = 0;  // where the directory and the end's record begin
};

TEST_F(NpzErrors, EntriesThatLie) {
  auto bytes = file();
  EXPECT_EQ(error_of_numpy(bytes), "");
  patch<uint32_t>(bytes, first_ + 16, 1);
  EXPECT_EQ(error_of_numpy(bytes).substr(0, 53),
            ", a.npy: expected bytes with the CRC-32 00000001, got");
  bytes = file();
  patch<uint32_t>(bytes, first_ + 24, 1000);
  EXPECT_EQ(error_of_numpy(bytes), ", a.npy: expected at most 144 bytes, got 1000");
  bytes = file();
  patch<uint32_t>(bytes, first_ + 20, 0x7fffffff);
  EXPECT_EQ(error_of_numpy(bytes).substr(0, 37), ", a.npy: expected bytes that end befo");
  bytes = file();
  patch<uint32_t>(bytes, first_ + 42, 5);
  EXPECT_EQ(error_of_numpy(bytes), ", a.npy: expected its header at byte 5, got something else");
  bytes = file();
  patch<uint16_t>(bytes, first_ + 10, 12);
  EXPECT_EQ(error_of_numpy(bytes),
            ", a.npy: expected stored or deflated bytes, got zip's compression 12. Compress them "
            "otherwise.");
  bytes = file();
  patch<uint16_t>(bytes, first_ + 8, 1);
  EXPECT_EQ(error_of_numpy(bytes),
            ", a.npy: expected bytes without encryption, got encrypted ones.");
  bytes = file();
  bytes[first_ + 51 + 46] = 'a';
  EXPECT_EQ(error_of_numpy(bytes), ", a.npy: expected each name once, got it twice");
}

TEST_F(NpzErrors, EntriesOverEachOther) {
  auto bytes = file();
  uint32_t second = 0;
  std::memcpy(&second, bytes.data() + first_ + 51 + 42, sizeof second);
  for (size_t size : {20, 24}) patch<uint32_t>(bytes, first_ + size, second - 60);
  EXPECT_EQ(error_of_numpy(bytes),
            ", b.npy: expected bytes of its own, got some that belong to a.npy too");
}

TEST_F(NpzErrors, ADirectoryThatLies) {
  auto bytes = file();
  patch<uint16_t>(bytes, end_ + 10, 3);
  EXPECT_EQ(error_of_numpy(bytes), ", the directory: expected at most 2 entries, got 3");
  bytes = file();
  patch<uint32_t>(bytes, end_ + 16, 1U << 30U);
  EXPECT_EQ(error_of_numpy(bytes).substr(0, 46), ", the directory: expected one that ends before");
  EXPECT_EQ(error_of_numpy("PK and no more"), ": expected the end of a zip archive, got none");
}

TEST_F(NpzErrors, CompressedSizesThatLie) {
  auto bytes = file(true);
  EXPECT_EQ(error_of_numpy(bytes), "");
  patch<uint32_t>(bytes, first_ + 24, 1U << 31U);
  EXPECT_NE(error_of_numpy(bytes).find(", a.npy: expected at most "), std::string::npos);
  bytes = file(true);
  patch<uint32_t>(bytes, first_ + 24, 145);
  EXPECT_EQ(error_of_numpy(bytes), ", a.npy: expected 1 bytes more, got 0");
  bytes = file(true);
  EXPECT_EQ(error_of_numpy(bytes, {.memory_limit = 200}),
            ", b.npy: expected compressed arrays of at most 200 bytes together, got more. Set "
            "LoadOptions::memory_limit.");
}

TEST(NumpyErrors, WhatCannotBeHeldIsRefusedBeforeTheFileIsTouched) {
  auto folder = test::fresh_folder("numpy_refused");
  test::write_file(folder / "a.npz", "old");
  EXPECT_ERROR(UnsupportedError,
               numpy::save(folder / "a.npz", named({{"w", at::zeros({2}, Dtype::BFloat16)}})),
               "[numpy::save] at w: expected a dtype that NumPy has, got bfloat16. Convert it.");
  EXPECT_ERROR(UnsupportedError,
               numpy::save(folder / "a.npz", named({{"w", at::zeros({2}).to_sparse()}})),
               "[numpy::save] at w: expected a dense tensor that has its values, got another kind. "
               "Convert it.");
  EXPECT_ERROR(UnsupportedError, numpy::save(folder / "a.npz", named({{"\xff", at::zeros({2})}})),
               "[numpy::save] expected keys in UTF-8, got another one. Rename it.");
  EXPECT_ERROR(UnsupportedError, numpy::save(folder / "a.npy", named({{"w", at::zeros({2})}})),
               "[numpy::save] expected a tensor for an npy file, got a named tree with the keys w. "
               "Use .npz.");
  EXPECT_EQ(test::read_file(folder / "a.npz"), "old");
  EXPECT_EQ(test::entries(folder), 1U);
}

std::vector<std::string> arrays_to_damage() {
  std::vector<std::string> result;
  auto path = test::fresh_folder("numpy_damage") / "a.npz";
  Tree plain = named({{"a", named({{"w", at::zeros({2, 3})}})}, {"b", at::zeros({4}, kBool)}});
  for (const Tree& tree : {plain, tuple({plain, 1, "text"})})
    for (bool compress : {false, true}) {
      numpy::save(path, tree, {.compress = compress});
      result.push_back(test::read_file(path));
    }
  path.replace_extension(".npy");
  numpy::save(path, at::zeros({5}));
  result.push_back(test::read_file(path));
  return result;
}

// Anything but an Error or a value ends the test program.
bool loads_as_numpy(const test::MemoryFile& file, const std::string& bytes) {
  file.hold(bytes);
  try {
    Tree tree = numpy::load(file.path());
    tree::for_each([](const std::string&, const Tree&) {}, tree);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("[numpy::load] at " + file.path().string()), 0U)
        << error.what();
    return false;
  }
}

TEST(NumpyDamage, FilesCutAnywhereGiveAnError) {
  test::MemoryFile memory;
  for (const auto& bytes : arrays_to_damage())
    for (size_t size = 0; size < bytes.size(); ++size)
      ASSERT_FALSE(loads_as_numpy(memory, bytes.substr(0, size))) << size;
}

TEST(NumpyDamage, ChangedBytesGiveAnErrorOrAValue) {
  test::MemoryFile memory;
  std::mt19937_64 random(20260712);
  int errors = 0;
  for (const auto& original : arrays_to_damage())
    for (int i = 0; i < 5000; ++i) {
      std::string bytes = original;
      for (size_t changes = 1 + random() % 3; changes > 0; --changes) {
        auto& byte = bytes[random() % bytes.size()];
        byte = static_cast<char>(random() % 2 == 0 ? byte ^ (1 << random() % 8)
                                                   : "\0\xff\x7f\x80"[random() % 4]);
      }
      errors += loads_as_numpy(memory, bytes) ? 0 : 1;
    }
  EXPECT_GT(errors, 5000);
}

TEST_F(NpzErrors, ChecksumsCanBeLeftUnchecked) {
  auto path = test::fresh_folder("npz_check_sums") / "a.npz";
  Tree tree = named({{"w", at::arange(24, kFloat32)}});
  numpy::save(path, tree);
  std::string bytes = test::read_file(path);
  Tensor w = tree["w"].tensor();
  std::string elements(static_cast<const char*>(w.const_data_ptr()), w.nbytes());
  size_t at = bytes.find(elements);
  ASSERT_NE(at, bytes.npos);
  bytes[at] ^= 1;  // no array's header, so that nothing but the checksum tells
  test::write_file(path, bytes);
  EXPECT_THROW(numpy::load(path), FormatError);
  Tensor read = numpy::load(path, {.verify_checksums = false})["w"].tensor();
  EXPECT_EQ(at::ne(read, w).sum().item<int64_t>(), 1);
}

}  // namespace
}  // namespace luxtorch
