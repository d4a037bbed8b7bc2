// A file that Python's safetensors wrote (tools/golden/foreign_safetensors.py), and files of ours
// that it reads.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "io/jld2_corpus.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/safetensors.h"
#include "support/compare.h"
#include "support/files.h"
#include "support/golden.h"

namespace luxtorch {
namespace {

std::string dtype_of(const Tensor& t) {
  auto bytes = t.element_size();
  switch (t.scalar_type()) {
    case Dtype::Bool:
      return "bool";
    case Dtype::BFloat16:
      return "bfloat16";
    case Dtype::Float8_e4m3fn:
      return "float8_e4m3fn";
    case Dtype::Float8_e5m2:
      return "float8_e5m2";
    default:
      break;
  }
  bool is_unsigned = t.scalar_type() == Dtype::Byte || t.scalar_type() == Dtype::UInt16 ||
                     t.scalar_type() == Dtype::UInt32 || t.scalar_type() == Dtype::UInt64;
  const char* kind = t.is_floating_point() ? "float" : is_unsigned ? "uint" : "int";
  return kind + std::to_string(8 * bytes);
}

TEST(SafetensorsGolden, AFileOfPythonsIsATreeNestedOnItsNames) {
  Tree file = safetensors::load(test::golden_folder() + "/foreign.safetensors");
  Tree expected = testing::load_golden("foreign_safetensors");
  EXPECT_EQ(tree::leaves(file).size(), expected.size());
  for (const Tree& entry : expected.elements()) {
    auto name = entry["name"].scalar<std::string>();
    SCOPED_TRACE(name);
    Tensor t = file.at(name).tensor();
    EXPECT_EQ(dtype_of(t), entry["dtype"].scalar<std::string>());
    EXPECT_SAME(t.to(entry["value"].tensor().scalar_type()), entry["value"]);
  }
  EXPECT_EQ(file["model"]["1"].size(), 4U);  // the LSTM's
}

TEST(SafetensorsGolden, FilesOfOursOpenInPython) {
  auto folder = test::fresh_folder("safetensors_python");
  for (const auto& [name, tree] : test::jld2_corpus()) {
    try {
      safetensors::save(folder / (name + ".safetensors"), tree);
    } catch (const UnsupportedError&) {
      continue;  // complex128
    }
    test::write_file(folder / (name + ".json"), test::exact_json(tree));
  }
  std::string command = std::string("\"") + test::python() + "\" \"" + test::source_folder() +
                        "/tests/io/compare_safetensors.py\" \"" + folder.string() + "\"";
  int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "Python's safetensors is not installed";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace luxtorch
