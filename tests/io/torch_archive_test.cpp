// What torch_archive::save writes, load and torch.load(weights_only=True) read; what torch.save writes,
// load reads.
#include "luxtorch/io/torch_archive.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/conj_physical.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <bit>
#include <cstdlib>

#include "io/jld2_corpus.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/numpy.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

using test::counting;

std::vector<test::Sample> torch_corpus() {
  auto samples = test::jld2_corpus();
  Tensor shared = counting(kFloat32);
  Tree deep = 1;
  for (int i = 0; i < 499; ++i) deep = i % 2 == 0 ? tuple({deep}) : named({{"a", deep}});
  for (auto& [name, tree] : std::vector<test::Sample>{
           {"a_tensor", counting(kFloat64)},
           {"nothing", Tree()},
           {"a_string", std::string("with a \0 in it", 14)},
           {"a_tuple", tuple({counting(kInt64), tuple({counting(kBool)}), 2.0})},
           {"undefined", tuple({Tensor(), Tree(), Tensor()})},
           {"integers",
            tuple({0, -1, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX, int64_t{1} << 31U})},
           {"narrow", tuple({counting(Dtype::BFloat16), counting(Dtype::Float8_e4m3fn)})},
           {"twice", named({{"a", shared}, {"b", shared}, {"c", shared.t()}, {"d", shared[1]}})},
           {"deep", deep}})
    samples.push_back({name, tree});
  return samples;
}

TEST(TorchArchive, EveryTreeComesBackBitwise) {
  auto folder = test::fresh_folder("torch_archive");
  for (const auto& [name, tree] : torch_corpus()) {
    SCOPED_TRACE(name);
    auto path = folder / (name + ".pt");
    torch_archive::save(path, tree);
    Tree read = torch_archive::load(path);
    EXPECT_EQ(tree::difference(tree, read), "");
    EXPECT_TRUE(tree::equal(tree, read));
  }
}

TEST(TorchArchive, ATensorThatIsThereTwiceStaysOne) {
  auto path = test::fresh_folder("torch_archive_twice") / "a.pt";
  Tensor w = at::ones({1000});
  torch_archive::save(path, named({{"a", w}, {"b", w}}));
  EXPECT_LT(fs::file_size(path), 6000U);
  Tree read = torch_archive::load(path);
  EXPECT_EQ(read["a"].tensor().data_ptr(), read["b"].tensor().data_ptr());
}

class TorchArchivePython : public ::testing::Test {
 protected:
  fs::path folder_;
  int status_ = 0;

  void SetUp() override {
    folder_ = test::fresh_folder("torch_archive_python");
    fs::create_directories(folder_ / "ours");
    for (const auto& [name, tree] : torch_corpus()) {
      if (name == "deep" || name == "undefined") continue;  // exact_json does not take them
      torch_archive::save(folder_ / "ours" / (name + ".pt"), tree);
      test::write_file(folder_ / "ours" / (name + ".json"), test::exact_json(tree));
    }
    std::string command = std::string("\"") + test::python() + "\" \"" + test::source_folder() +
                          "/tests/io/compare_torch.py\" \"" + folder_.string() + "\"";
    status_ = std::system(command.c_str());
    ASSERT_TRUE(WIFEXITED(status_));
    if (WEXITSTATUS(status_) == 77) GTEST_SKIP() << "PyTorch or NumPy is not installed";
  }

  Tree load(const std::string& name) { return torch_archive::load(folder_ / (name + ".pt")); }

  std::string refusal(const std::string& name) {
    try {
      load(name);
      return "";
    } catch (const UnsupportedError& error) {
      return error.message();
    }
  }

  void expect_asks_for(const std::string& name, const std::string& asked) {
    EXPECT_EQ(refusal(name),
              "expected tensors, dicts, lists, tuples, numbers and strings, got a pickle that asks "
              "for \"" +
                  asked + "\". Nothing of it was run. Save a state_dict().");
  }

  // One run of Python for all of it.
  void check_files_of_torch();
  void check_views();
  void check_refusals();
  void check_other_kinds();
};

void TorchArchivePython::check_files_of_torch() {
  Tree state = numpy::load(folder_ / "state.npz");
  EXPECT_EQ(state["rnn"].size(), 16U);
  EXPECT_SAME(load("state"), state);
  EXPECT_SAME(load("protocol_4"), state);
  EXPECT_SAME(load("deflated"), state);
  Tree parameters = load("parameters");
  EXPECT_SAME(parameters["rnn"], state["rnn"]);
  EXPECT_FALSE(parameters.at("double_.bias").tensor().requires_grad());

  Tree checkpoint = load("checkpoint");
  EXPECT_SAME(checkpoint["model"], state);
  EXPECT_EQ(checkpoint["epoch"].scalar<int64_t>(), 3);
  EXPECT_EQ(checkpoint["loss"].scalar<double>(), 0.25);
  EXPECT_EQ(checkpoint["big"].scalar<int64_t>(), int64_t{1} << 40U);
  EXPECT_EQ(checkpoint["low"].scalar<int64_t>(), -7);
  EXPECT_EQ(checkpoint["note"].scalar<std::string>(), "h\xc3\xa9");
  EXPECT_TRUE(checkpoint["nothing"].is_none());
  EXPECT_SAME(checkpoint["flags"], tuple({true, false}));
  EXPECT_SAME(checkpoint["size"], tuple({2, 3}));
  EXPECT_SAME(checkpoint.at("nested.a.b"), tuple({1, tuple({2.5})}));
  EXPECT_SAME(checkpoint.at("optimizer.state.1.step"), Tree(at::ones({})));
  EXPECT_EQ(checkpoint.at("optimizer.param_groups.0.betas.1").scalar<double>(), 0.999);
}

void TorchArchivePython::check_views() {
  Tree views = load("views");
  Tensor whole = at::arange(12, kFloat32).view({3, 4});
  EXPECT_SAME(views["whole"], Tree(whole));
  EXPECT_SAME(views["turned"], Tree(whole.t()));
  EXPECT_SAME(views["row"], Tree(whole[1]));
  EXPECT_SAME(views["part"], Tree(whole.slice(0, 1).slice(1, 0, 4, 2)));
  EXPECT_SAME(views["wide"], Tree(whole.slice(1, 0, 1).expand({3, 5})));
  EXPECT_SAME(views["number"], Tree(whole[2][3]));
  EXPECT_SAME(views["empty"], Tree(at::ones({0, 3})));
  EXPECT_EQ(views["turned"].tensor().data_ptr(), views["same"].tensor().data_ptr());
  for (const char* name :
       {"float32", "uint16", "uint64", "bool", "complex128", "bfloat16", "float8_e4m3fn", "int8"}) {
    Tensor t = views[name].tensor();
    EXPECT_EQ(t.dim(), 1) << name;
    EXPECT_SAME(Tree(t.to(Dtype::ComplexDouble)),
                Tree(at::arange(4, kInt64).to(t.scalar_type()).to(Dtype::ComplexDouble)));
  }
}

void TorchArchivePython::check_refusals() {
  expect_asks_for("system", "posix.system");
  expect_asks_for("eval", "__builtin__.eval");
  expect_asks_for("loads", "_pickle.loads");
  expect_asks_for("module", "torch.nn.modules.linear.Linear");
  EXPECT_FALSE(fs::exists(folder_ / "run"));
  EXPECT_EQ(refusal("script"),
            "expected a state dict, got TorchScript. Save its state_dict() in Python, or give "
            "LoadOptions::report to load its modules' attributes; torch::jit::load runs it.");
}

// What is no dense tensor, and files of before 1.6.
void TorchArchivePython::check_other_kinds() {
  EXPECT_SAME(load("old"), load("state"));
  EXPECT_SAME(load("conjugated")["z"], Tree(at::conj_physical(at::ones({2}, Dtype::ComplexFloat))));
  Tree sparse = load("sparse")["s"];
  EXPECT_SAME(sparse["indices"], Tree(at::arange(3).expand({2, 3})));
  EXPECT_SAME(sparse["values"], Tree(at::ones({3})));
  EXPECT_SAME(sparse["size"], tuple({3, 3}));
}

TEST_F(TorchArchivePython, FilesGoBothWays) {
  EXPECT_EQ(WEXITSTATUS(status_), 0);
  check_files_of_torch();
  check_views();
  check_refusals();
  check_other_kinds();
}

}  // namespace
}  // namespace luxtorch
