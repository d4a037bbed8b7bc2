// Csv and JsonLines in runs of fit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <sstream>

#include "fit/csv_table.h"
#include "fit/fit_cases.h"
#include "io/base/json.h"
#include "luxtorch/core/values.h"
#include "luxtorch/fit/csv.h"
#include "luxtorch/fit/json_lines.h"
#include "luxtorch/fit/reduce_on_plateau.h"
#include "support/files.h"

namespace luxtorch {
namespace {

using testing::kLoss;
using testing::small_training;
using testing::training_batches;
using testing::validation_batches;

struct Notes {
  std::vector<std::string> all;
  void on_note(const Event&, const std::string& text) { all.push_back(text); }
};

struct StopAt {
  int64_t step;
  void on_step(Event& e) const {
    if (e.ts.step == step) e.stop("a test");
  }
};

std::vector<io::Json> lines(const std::filesystem::path& path) {
  std::istringstream in(test::read_file(path));
  std::vector<io::Json> all;
  for (std::string line; std::getline(in, line);) all.push_back(io::parse_json(line));
  return all;
}

double number(const io::Json* json) {
  if (const auto* whole = json->as<int64_t>()) return static_cast<double>(*whole);
  return *json->as<double>();
}

std::string text(const io::Json* json) { return *json->as<std::string>(); }

// The same bits, through the shortest text.
void expect_column(const History& history, const std::string& name,
                   const std::vector<double>& values) {
  const auto& column = history[name].tensor();
  ASSERT_EQ(column.size(0), static_cast<int64_t>(values.size())) << name;
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(column[static_cast<int64_t>(i)].item<double>(), values[i]) << name;
}

TEST(LogFiles, AgreeWithTheHistoryToTheLastDigit) {
  const auto folder = test::fresh_folder("log_files");
  auto ts = small_training();
  auto train = training_batches();
  const auto valid = validation_batches();
  const auto history = fit(ts, kLoss, train,
                           {.epochs = 3,
                            .validation = &valid,
                            .validate_every = 2,
                            .callbacks = {Csv(folder / "a.csv"), JsonLines(folder / "run")}});
  const auto rows = detail::read_csv(test::read_file(folder / "a.csv"));
  ASSERT_EQ(rows.size(), 4U);
  // The second epoch has the first validation.
  EXPECT_THAT(rows[0], ::testing::ElementsAre("epoch", "step", "loss", "lr", "seconds",
                                              "samples_per_second", "validation_loss"));
  EXPECT_EQ(rows[1][6], "");
  for (size_t c = 0; c < 6; ++c) {
    std::vector<double> column;
    for (size_t r = 1; r < rows.size(); ++r) column.push_back(std::stod(rows[r][c]));
    expect_column(history, rows[0][c], column);
  }
  EXPECT_EQ(std::stod(rows[3][6]), history["validation_loss"].tensor()[2].item<double>());

  std::vector<double> loss, seconds, lr, rate;
  for (const auto& line : lines(folder / "run" / "log.jsonl")) {
    if (text(line.find("kind")) != "epoch") continue;
    loss.push_back(number(line.find("metrics")->find("loss")));
    seconds.push_back(number(line.find("seconds")));
    lr.push_back(number(line.find("lr")));
    rate.push_back(number(line.find("samples_per_second")));
    EXPECT_GT(number(line.find("memory_bytes")), 0);
  }
  expect_column(history, "loss", loss);
  expect_column(history, "seconds", seconds);
  expect_column(history, "lr", lr);
  expect_column(history, "samples_per_second", rate);
}

TEST(LogFiles, JsonLinesSayWhatRunsAndHowItEnds) {
  const auto path = test::fresh_folder("json_lines") / "a.jsonl";
  auto ts = small_training();
  auto train = training_batches();
  const JsonLines log(path, {.seconds = 1e9,
                             .every = 3,
                             .settings = named({{"hidden", 16}, {"note", "a \"b\""}}),
                             .summary = "{\"rows\":\n []}"});
  fit(ts, kLoss, train, {.epochs = 3, .callbacks = {log, StopAt{10}}});
  const auto all = lines(path);
  std::vector<std::string> kinds;
  std::vector<double> steps;
  for (const auto& line : all) kinds.push_back(text(line.find("kind")));
  for (const auto& line : all)
    if (text(line.find("kind")) == "step") steps.push_back(number(line.find("step")));
  EXPECT_THAT(kinds,
              ::testing::ElementsAre("start", "step", "step", "step", "epoch", "step", "end"));
  EXPECT_THAT(steps, ::testing::ElementsAre(1, 3, 6, 9));
  EXPECT_EQ(number(all[0].find("parameters")), 65);
  EXPECT_EQ(text(all[0].find("optimizer")), ts.optimizer().label());
  EXPECT_EQ(text(all[0].find("settings")->find("note")), "a \"b\"");
  EXPECT_NE(all[0].find("summary")->find("rows"), nullptr);
  EXPECT_EQ(number(all[0].find("hyperparameters")->find("Adam.lr")), 0.02);
  EXPECT_EQ(number(all[0].find("hyperparameters")->find("Adam.beta2")), 0.999);
  EXPECT_EQ(number(all[5].find("batch")), 2);
  EXPECT_EQ(text(all.back().find("reason")), "a test");
  EXPECT_EQ(*all.back().find("error")->as<bool>(), false);
}

TEST(LogFiles, ARunThatGoesOnAppendsAndCutsWhatIsVoid) {
  const auto folder = test::fresh_folder("log_files_resume");
  const std::vector<Callback> logs{Csv(folder / "a.csv"), JsonLines(folder)};
  auto ts = small_training();
  auto train = training_batches();
  fit(ts, kLoss, train, {.epochs = 1, .callbacks = logs});
  const auto after_one = ts;
  fit(ts, kLoss, train, {.epochs = 2, .callbacks = logs});  // its first step is 7
  ASSERT_EQ(detail::read_csv(test::read_file(folder / "a.csv")).size(), 4U);

  test::write_file(folder / "a.csv", test::read_file(folder / "a.csv") + "9,99");
  test::write_file(folder / "log.jsonl", test::read_file(folder / "log.jsonl") + "{\"kind\":");
  auto again = after_one;
  fit(again, kLoss, train, {.epochs = 1, .callbacks = logs});
  const auto rows = detail::read_csv(test::read_file(folder / "a.csv"));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1][1], "7");
  EXPECT_EQ(rows[2][1], "14");
  std::vector<double> starts;
  for (const auto& line : lines(folder / "log.jsonl"))
    if (text(line.find("kind")) == "start") starts.push_back(number(line.find("step")));
  EXPECT_THAT(starts, ::testing::ElementsAre(0, 7, 7));

  auto anew = small_training();
  fit(anew, kLoss, train, {.epochs = 1, .callbacks = logs});
  EXPECT_EQ(detail::read_csv(test::read_file(folder / "a.csv")).size(), 2U);
}

TEST(LogFiles, AFullDiskIsSaidOnceAndTheRunGoesOn) {
  const auto folder = test::fresh_folder("log_files_full");
  auto train = training_batches();
  auto undisturbed = small_training();
  const auto history = fit(undisturbed, kLoss, train, {.epochs = 3});

  Notes notes;
  auto ts = small_training();
  auto again = training_batches();
  const auto same =
      fit(ts, kLoss, again,
          {.epochs = 3, .callbacks = {std::ref(notes), Csv("/dev/full"), Csv("/proc/none/a.csv")}});
  EXPECT_TRUE(tree::equal(same["loss"], history["loss"]));
  ASSERT_EQ(notes.all.size(), 2U);
  EXPECT_THAT(notes.all[0], ::testing::StartsWith("Csv: /proc/none/a.csv cannot be written ("));
  EXPECT_EQ(
      notes.all[1],
      "Csv: /dev/full cannot be written (No space left on device). The run goes on; epochs are "
      "missing in it for as long as that lasts.");

  notes.all.clear();
  {
    const test::SmallDisk small(1500);
    auto third = small_training();
    auto batches = training_batches();
    fit(third, kLoss, batches,
        {.epochs = 3, .callbacks = {std::ref(notes), JsonLines(folder, {.seconds = 0})}});
  }
  EXPECT_EQ(notes.all.size(), 1U);
  EXPECT_GE(lines(folder / "log.jsonl").size(), 2U);
}

// Else its lines would belong to the run before.
TEST(LogFiles, AStartThatADiskDidNotTakeIsWrittenLater) {
  const auto path = test::fresh_folder("log_files_start") / "a.jsonl";
  auto train = training_batches();
  auto ts = small_training();
  fit(ts, kLoss, train, {.epochs = 1, .callbacks = {JsonLines(path)}});
  const auto before = lines(path).size();
  std::optional<test::SmallDisk> full(std::in_place, std::filesystem::file_size(path));
  struct MakeRoom {
    std::optional<test::SmallDisk>* full;
    void on_step(const Event& event) const {
      if (event.ts.step == 10) full->reset();
    }
  };
  fit(ts, kLoss, train,
      {.epochs = 2, .callbacks = {MakeRoom{&full}, JsonLines(path, {.seconds = 0})}});
  const auto all = lines(path);
  ASSERT_GT(all.size(), before + 1);
  EXPECT_EQ(text(all[before].find("kind")), "start");
  EXPECT_EQ(number(all[before].find("step")), 7);
  EXPECT_EQ(text(all[before + 1].find("kind")), "step");
  EXPECT_EQ(number(all[before + 1].find("step")), 10);
}

// All of them have the history's rate of an epoch, which a callback before them has changed for the next one.
TEST(LogFiles, HaveTheRateOfTheHistoryBehindACallbackThatChangesIt) {
  const auto folder = test::fresh_folder("log_files_rate");
  auto ts = small_training();
  auto train = training_batches();
  const auto history = fit(
      ts, kLoss, train,
      {.epochs = 4,
       .callbacks = {
           ReduceOnPlateau{
               .monitor = "loss", .factor = 0.5, .patience = 0, .threshold = 9, .relative = false},
           Csv(folder / "a.csv"), JsonLines(folder)}});
  EXPECT_THAT(to_vector<double>(history["lr"].tensor()),
              ::testing::ElementsAre(0.02, 0.02, 0.01, 0.005));
  std::vector<double> csv, json;
  const auto rows = detail::read_csv(test::read_file(folder / "a.csv"));
  const auto at = std::ranges::find(rows.at(0), "lr") - rows[0].begin();
  for (size_t i = 1; i < rows.size(); ++i)
    csv.push_back(std::stod(rows[i][static_cast<size_t>(at)]));
  for (const auto& line : lines(folder / "log.jsonl"))
    if (text(line.find("kind")) == "epoch") json.push_back(number(line.find("lr")));
  expect_column(history, "lr", csv);
  expect_column(history, "lr", json);
}

TEST(LogFilesDeathTest, WhatAKilledRunLeavesCanBeRead) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto folder = std::filesystem::path(test::scratch_folder()) / "log_files_killed";
  struct Kill {
    void on_step(const Event& e) const {
      if (e.ts.step == 17) std::raise(SIGKILL);
    }
  };
  EXPECT_EXIT(
      {
        std::filesystem::remove_all(folder);
        auto ts = small_training();
        auto train = training_batches();
        fit(ts, kLoss, train,
            {.epochs = 3,
             .callbacks = {Csv(folder / "a.csv"), JsonLines(folder, {.seconds = 0}), Kill{}}});
      },
      ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(detail::read_csv(test::read_file(folder / "a.csv")).size(), 3U);
  const auto all = lines(folder / "log.jsonl");
  EXPECT_EQ(all.size(), 1U + 17 + 2);
  EXPECT_EQ(number(all.back().find("step")), 17);
}

TEST(LogFiles, ACallbackThatThrowsLeavesClosedFilesWithItsName) {
  const auto folder = test::fresh_folder("log_files_thrown");
  struct Broken {
    void on_epoch(const Event&) const { throw std::runtime_error("no luck"); }
  };
  auto ts = small_training();
  auto train = training_batches();
  EXPECT_THROW(
      fit(ts, kLoss, train,
          {.epochs = 3, .callbacks = {Csv(folder / "a.csv"), JsonLines(folder), Broken{}}}),
      ArgumentError);
  EXPECT_EQ(detail::read_csv(test::read_file(folder / "a.csv")).size(), 2U);
  const auto all = lines(folder / "log.jsonl");
  EXPECT_EQ(*all.back().find("error")->as<bool>(), true);
  EXPECT_THAT(text(all.back().find("reason")), ::testing::HasSubstr("Broken"));
}

TEST(LogFiles, RefuseWhatTheyCannotWriteAndFilesOfOthers) {
  const auto refused = [](const auto& f) {
    try {
      f();
    } catch (const ArgumentError& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_EQ(refused([] { Csv(""); }), "[Csv] expected the path of a file, got an empty one.");
  EXPECT_EQ(refused([] { JsonLines(""); }),
            "[JsonLines] expected the path of a folder or of a .jsonl file, got an empty one.");
  EXPECT_EQ(refused([] { JsonLines("a", {.seconds = -1}); }),
            "[JsonLines] expected .seconds of at least 0, got -1.");
  EXPECT_EQ(refused([] { JsonLines("a", {.every = -1}); }),
            "[JsonLines] expected .every of at least 0, got -1.");
  EXPECT_EQ(refused([] { JsonLines("a", {.settings = named({{"a", named({{"b", Tree()}})}})}); }),
            "[JsonLines] expected numbers, strings and bools in .settings, got nothing at a.b.");
  EXPECT_EQ(refused([] { JsonLines("a", {.settings = tuple({1})}); }),
            "[JsonLines] expected for .settings a named tree, got a tuple of 1.");
  EXPECT_EQ(refused([] { JsonLines("a", {.summary = "[1]"}); }),
            "[JsonLines] expected for .summary a JSON object, got another value.");
  EXPECT_THAT(refused([] { JsonLines("a", {.summary = "{"}); }),
              ::testing::StartsWith("[JsonLines] expected for .summary a JSON object, with "));

  const auto path = test::fresh_folder("log_files_other") / "notes.csv";
  test::write_file(path, "day,weight\n1,80\n");
  auto ts = small_training();
  auto train = training_batches();
  EXPECT_THAT(refused([&] { fit(ts, kLoss, train, {.callbacks = {Csv(path)}}); }),
              ::testing::HasSubstr("got another file. Choose another path, or remove it."));
  EXPECT_EQ(test::read_file(path), "day,weight\n1,80\n");
}

}  // namespace
}  // namespace luxtorch
