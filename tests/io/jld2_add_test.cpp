// jld2::add: a new variable in a file whose others stay bit for bit, or none.
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "io/jld2_corpus.h"
#include "io/plain_hdf5.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/jld2.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

fs::path jld2_golden(const std::string& name) { return test::golden_folder() + "/jld2/" + name; }

TEST(Jld2Add, EveryTreeOfTheCorpusStaysAsItIsBesideTheNewOne) {
  auto folder = test::fresh_folder("jld2_add");
  for (const auto& [name, tree] : test::jld2_corpus()) {
    SCOPED_TRACE(name);
    auto path = folder / (name + ".jld2");
    jld2::save(path, tree);
    jld2::add(path, "added", named({{"epoch", 3}, {"w", at::zeros({2, 3})}}));
    Tree read = jld2::load(path);
    EXPECT_EQ(read.keys().back(), "added");
    EXPECT_EQ(read.at("added.epoch").scalar<int64_t>(), 3);
    std::vector<Tree::Item> others(read.items().begin(), read.items().end());
    others.pop_back();
    EXPECT_TRUE(tree::equal(named(others), tree));
    test::write_file(folder / (name + ".json"), test::exact_json(read));
  }
  EXPECT_EQ(test::compare_with_checker(folder, "--ours"), 0);
}

TEST(Jld2Add, AModelThatJuliaSavedTakesAnotherVariable) {
  auto folder = test::fresh_folder("jld2_add_julia");
  for (const char* version : {"0.4.17", "0.4.31", "0.4.53", "0.6.5"}) {
    auto path = folder / version;
    fs::copy_file(jld2_golden(std::string(version) + "/trained_model_norng.jld2"), path);
    Tree before = jld2::load(path);
    jld2::add(path, "losses", at::zeros({25}));
    Tree after = jld2::load(path);
    EXPECT_EQ(after.keys(), (std::vector<std::string>{"ps_trained", "st_trained", "losses"}));
    EXPECT_TRUE(tree::equal(before["ps_trained"], after["ps_trained"]));
    EXPECT_TRUE(tree::equal(before["st_trained"], after["st_trained"]));
  }
}

TEST(Jld2Add, WhatCannotBeWrittenBackIsNamedAndTheFileStays) {
  auto folder = test::fresh_folder("jld2_add_refused");
  auto path = folder / "model.jld2";
  auto refuses = [&](const std::string& from, const std::string& at, const std::string& type) {
    fs::copy_file(jld2_golden(from), path, fs::copy_options::overwrite_existing);
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    std::string before = test::read_file(path);
    EXPECT_ERROR(UnsupportedError, jld2::add(path, "new", 1),
                 "[jld2::add] at " + path.string() + ":" + at +
                     ": expected values that can be written back as they are, got " + type +
                     ". Add from Julia, or load the file and save a new one.");
    EXPECT_EQ(test::read_file(path), before);
    EXPECT_EQ(test::entries(folder), 1U);
  };
  refuses("0.4.31/trained_model_xoshiro.jld2", "st_trained.lstm_cell.rng", "Random.Xoshiro");
  refuses("0.4.31/trained_model_tasklocal.jld2", "st_trained.lstm_cell.rng", "Random.TaskLocalRNG");
  refuses("0.6.5/trained_model_mt.jld2", "st_trained.lstm_cell.rng", "Random.MersenneTwister");
  refuses("0.6.5/trained_model_stablerng.jld2", "st_trained.lstm_cell.rng", "StableRNGs.LehmerRNG");
  refuses("0.6.5/zoo.jld2", "f32", "Float32");
  refuses("0.6.5/compressed.jld2", "ps_trained.scalar", "Float32");
}

TEST(Jld2Add, ATakenNameAMissingFileAndAPlainHdf5FileAreErrors) {
  auto folder = test::fresh_folder("jld2_add_errors");
  auto path = folder / "model.jld2";
  EXPECT_ERROR(ArgumentError, jld2::add(path, "a", 1),
               "[jld2::add] at " + path.string() +
                   ": expected a file that can be read, got No such file or directory. Check the "
                   "path.");
  jld2::save(path, named({{"a", 1}}));
  std::string before = test::read_file(path);
  EXPECT_ERROR(ArgumentError, jld2::add(path, "a", 2),
               "[jld2::add] at " + path.string() +
                   ": expected a name that the file does not have, got a. Choose another name.");
  EXPECT_THROW(jld2::add(path, "b/c", 2), UnsupportedError);
  EXPECT_THROW(jld2::add(path, "b", at::zeros({2}, Dtype::BFloat16)), UnsupportedError);
  EXPECT_EQ(test::read_file(path), before);
  test::write_hdf5_zoo(path, test::hdf5_formats()[0]);
  EXPECT_ERROR(UnsupportedError, jld2::add(path, "b", 2),
               "[jld2::add] at " + path.string() +
                   ": expected a file of JLD2's, got a plain HDF5 file. Add to it with an HDF5 "
                   "program, or load it and save a new file.");
}

TEST(Jld2Add, AFullDiskLeavesTheOldFile) {
  auto folder = test::fresh_folder("jld2_add_full");
  auto path = folder / "model.jld2";
  jld2::save(path, named({{"a", 1}}));
  std::string before = test::read_file(path);
  {
    test::SmallDisk disk;
    EXPECT_THROW(jld2::add(path, "b", at::zeros({10000})), ArgumentError);
  }
  EXPECT_EQ(test::read_file(path), before);
  EXPECT_EQ(test::entries(folder), 1U);
}

}  // namespace
}  // namespace luxtorch
