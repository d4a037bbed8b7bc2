// Values that are no tensors, and the archives of C++'s savers: what torch.load and torch::load give.
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "luxtorch/core/error.h"
#include "luxtorch/io/torch_archive.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

Tree load_foreign(const std::string& name) {
  return torch_archive::load(fs::path(test::source_folder()) / "tests/golden/pt" / (name + ".pt"));
}

TEST(TorchArchiveValues, WhatTorchLoadsWithWeightsOnly) {
  EXPECT_SAME(load_foreign("uint64_seed"),
              named({{"w", at::ones({2})}, {"seed", "9223372036854775819"}}));
  EXPECT_SAME(load_foreign("device"), named({{"w", at::ones({2})}, {"device", "cpu"}}));
  EXPECT_SAME(load_foreign("set"),
              named({{"w", at::ones({2})}, {"classes", tuple({"cat", "dog"})}}));
  EXPECT_SAME(load_foreign("parameter_attribute"), named({{"A_log", at::ones({2})}}));
  EXPECT_SAME(load_foreign("multistep_lr").at("scheduler.milestones"),
              named({{"30", 1}, {"80", 1}}));
}

TEST(TorchArchiveValues, GoodFilesAreNotCalledDamaged) {
  EXPECT_SAME(load_foreign("empty_slice"), named({{"boxes", at::zeros({0, 2})}}));
  EXPECT_SAME(load_foreign("no_crc"), named({{"w", at::ones({2})}}));
  EXPECT_SAME(load_foreign("skip_data"), named({{"w", at::zeros({2})}}));
}

TEST(TorchArchiveValues, ArchivesOfCpp) {
  Tensor w = at::arange(6, kFloat32).view({2, 3}), b = at::ones({4}, Dtype::Half);
  EXPECT_SAME(load_foreign("cpp_pickle_save_dict"), named({{"w", w}, {"b", b}}));
  EXPECT_SAME(load_foreign("cpp_torchsave_vector"), named({{"0", w}, {"1", b}}));
}

TEST(TorchArchiveValues, KeysThatWouldBecomeOneNameAreRefused) {
  try {
    load_foreign("int_and_str_key");
    FAIL() << "loaded";
  } catch (const UnsupportedError& error) {
    EXPECT_EQ(error.message(),
              "expected keys that differ as names, got \"3\" as an int and as a str, of which a "
              "tree could keep one alone. Rename one.");
  }
}

Tree bytes(std::initializer_list<int64_t> values) {
  Tensor t = at::zeros({static_cast<int64_t>(values.size())}, Dtype::Byte);
  int64_t i = 0;
  for (int64_t value : values) t[i++].fill_(value);
  return t;
}

TEST(TorchArchiveValues, EveryProtocolOfPythonGivesTheSameValues) {
  auto folder = test::fresh_folder("torch_archive_values");
  std::string command = std::string("\"") + test::python() + "\" \"" + test::source_folder() +
                        "/tests/io/write_torch_values.py\" \"" + folder.string() + "\"";
  int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "PyTorch is not installed";
  ASSERT_EQ(WEXITSTATUS(status), 0);
  Tree expected = named({{"text", "h\xc3\xa9 \xf0\x9f\x98\x80 \xe2\x82\xac\n\\u"},
                         {"integers", tuple({0, -1, 255, 70000, int64_t{1} << 40U, -7})},
                         {"large", tuple({"18446744073709551615", "-9223372036854775809",
                                          "1267650600228229401496703205376000000000",
                                          "-1267650600228229401496703205376"})},
                         {"floats", tuple({0.1, -2.5e-300})},
                         {"flags", tuple({true, false, Tree()})},
                         {"bytes", bytes({0, 127, 128, 255})},
                         {"none", bytes({})},
                         {"array", bytes({1, 200})},
                         {"frozen", tuple({3})},
                         {"count", named({{"a", 2}, {"b", 1}})},
                         {"dtype", "torch.float32"},
                         {"layout", "torch.strided"},
                         {"device", "cuda:1"},
                         {"twice", tuple({tuple({1}), tuple({1})})}});
  for (int protocol = 0; protocol <= 5; ++protocol) {
    SCOPED_TRACE(protocol);
    Tree read = torch_archive::load(folder / ("values_" + std::to_string(protocol) + ".pt"));
    Tensor complex = read["complex"].tensor();
    EXPECT_EQ(complex.item<c10::complex<double>>(), c10::complex<double>(1.5, -2));
    EXPECT_SAME(read.without("complex"), expected);
    if (protocol == 0) continue;  // it has no place for tensors
    Tree state = torch_archive::load(folder / ("tensors_" + std::to_string(protocol) + ".pt"));
    EXPECT_SAME(state,
                named({{"0", named({{"weight", at::ones({2, 3})}})}, {"buffer", at::arange(3)}}));
  }
}

}  // namespace
}  // namespace luxtorch
