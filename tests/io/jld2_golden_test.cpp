// Files that JLD2.jl 0.4.17 to 0.6.5 wrote, and a checker of our own for their values.
#include <gtest/gtest.h>

#include <cstdlib>

#include "io/jld2_corpus.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/jld2.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

// Loads every file below `from`, and writes it with what was read to `folder`. How many there are.
int read_all(const fs::path& from, const fs::path& folder) {
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    if (entry.path().extension() != ".jld2") continue;
    std::string name =
        entry.path().parent_path().filename().string() + "_" + entry.path().stem().string();
    fs::copy_file(entry.path(), folder / (name + ".jld2"));
    try {
      test::write_file(folder / (name + ".json"), test::exact_json(jld2::load(entry.path())));
    } catch (const Error& error) {
      bool no_libzstd =
          std::string(error.what()).find("a build of luxtorch with libzstd") != std::string::npos;
      EXPECT_TRUE(no_libzstd) << error.what();
    }
    ++count;
  }
  return count;
}

TEST(Jld2Golden, FilesThatJuliaWroteReadToTheValuesOfTheChecker) {
  auto folder = test::fresh_folder("jld2_golden");
  EXPECT_EQ(read_all(test::golden_folder() + "/jld2", folder), 29);
  EXPECT_EQ(test::compare_with_checker(folder), 0);
}

TEST(Jld2Golden, FilesOfOtherPeopleReadToTheValuesOfTheChecker) {
  const char* files = std::getenv("LUXTORCH_JLD2_FILES");
  if (files == nullptr)
    GTEST_SKIP() << "LUXTORCH_JLD2_FILES names no folder with JLD2 files to read";
  auto folder = test::fresh_folder("jld2_others");
  EXPECT_GT(read_all(files, folder), 0);
  EXPECT_EQ(test::compare_with_checker(folder), 0);
}

TEST(Jld2Golden, ATrainedModelHasLuxShapesAndNames) {
  Tree file = jld2::load(test::golden_folder() + "/jld2/0.4.31/trained_model_xoshiro.jld2");
  EXPECT_EQ(file.keys(), (std::vector<std::string>{"ps_trained", "st_trained"}));
  Tensor weight = file.at("ps_trained.lstm_cell.weight_ih").tensor();
  EXPECT_EQ(weight.sizes(), (std::vector<int64_t>{8, 2}));
  EXPECT_EQ(weight[1][0].item<float>(), 0.25F);  // Julia's [2, 1], the second in its memory
  EXPECT_EQ(weight[0][1].item<float>(), 1.125F);
  EXPECT_TRUE(file.at("st_trained.lstm_cell.rng").is_rng());
  EXPECT_TRUE(file.at("st_trained.classifier").is_named());
}

TEST(Jld2Golden, OneGeneratorGivesOneRngWhateverVersionWroteIt) {
  for (const char* name : {"xoshiro", "mt", "tasklocal"}) {
    std::string file = std::string("/trained_model_") + name + ".jld2";
    Tree a = jld2::load(test::golden_folder() + "/jld2/0.4.31" + file);
    Tree b = jld2::load(test::golden_folder() + "/jld2/0.6.5" + file);
    EXPECT_EQ(a.at("st_trained.lstm_cell.rng").scalar<Rng>(),
              b.at("st_trained.lstm_cell.rng").scalar<Rng>())
        << name;
  }
}

}  // namespace
}  // namespace luxtorch
