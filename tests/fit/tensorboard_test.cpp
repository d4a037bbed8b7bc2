// Event files, read back by TensorBoard itself.
#include "luxtorch/fit/tensorboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <optional>

#include "fit/fit_cases.h"
#include "io/base/json.h"
#include "luxtorch/core/values.h"
#include "luxtorch/fit/reduce_on_plateau.h"
#include "luxtorch/fit/tensorboard_writer.h"
#include "support/files.h"

namespace luxtorch {
namespace {

using testing::kLoss;
using testing::small_training;
using testing::training_batches;
using testing::validation_batches;

// What read_tensorboard.py finds in a folder; nothing where TensorBoard is not installed, or, a failure, cannot read it.
std::optional<io::Json> read(const std::filesystem::path& folder) {
  const auto to = folder.string() + ".json";
  const auto command = test::python() + " " + test::source_folder() +
                       "/tests/fit/read_tensorboard.py " + folder.string() + " > " + to + " 2> " +
                       to + ".errors";
  const int status = std::system(command.c_str());
  constexpr int kNotInstalled = 77;
  if (WEXITSTATUS(status) == kNotInstalled) return std::nullopt;
  EXPECT_EQ(status, 0) << test::read_file(to + ".errors");
  if (status != 0) return std::nullopt;
  return io::parse_json(test::read_file(to));
}

constexpr const char* kMissing =
    "the Python package tensorboard is not installed (tools/setup --test)";

double number(const io::Json& json) {
  if (const auto* whole = json.as<int64_t>()) return static_cast<double>(*whole);
  return *json.as<double>();
}

// The points of a curve: (step, value).
std::vector<std::pair<double, double>> curve(const io::Json& found, const std::string& tag) {
  std::vector<std::pair<double, double>> points;
  const auto* all = found.find("scalars")->find(tag);
  if (all == nullptr) return points;
  for (const auto& point : *all->as<io::JsonArray>()) {
    const auto& pair = *point.as<io::JsonArray>();
    points.emplace_back(number(pair[0]), number(pair[1]));
  }
  return points;
}

std::string text(const io::Json& found, const std::string& tag) {
  const auto* all = found.find("texts")->find(tag);
  return all == nullptr
             ? ""
             : *(*(*all->as<io::JsonArray>())[0].as<io::JsonArray>())[1].as<std::string>();
}

TEST(TensorBoardWriter, TensorBoardReadsWhatItWrote) {
  const auto folder = test::fresh_folder("tensorboard_writer");
  const TensorBoardWriter board(folder);
  EXPECT_TRUE(board.scalar("a/b", 1.0 / 3, 5));
  EXPECT_TRUE(board.scalar("a/b", -2.5, int64_t{1} << 40));
  EXPECT_TRUE(board.text("note", "größer | **b**", 2));
  EXPECT_TRUE(board.histogram(
      "h", tensor(std::vector<double>{0, 1, 1, 4, NAN, INFINITY}, {.dtype = kFloat64}), 3, 4));
  EXPECT_TRUE(board.histogram("same", tensor(std::vector<float>{0.1F, 0.1F}), 3, 2));
  EXPECT_TRUE(board.histogram("none", tensor(std::vector<double>{NAN}), 3));
  EXPECT_TRUE(board.hparams(named({{"lr", 0.1}, {"n", 3}, {"kind", "lstm"}, {"on", true}}), {"a/b"},
                            "runs"));
  EXPECT_TRUE(board.hparams_end(true));
  const auto found = read(folder);
  if (!found) GTEST_SKIP() << kMissing;
  EXPECT_THAT(
      curve(*found, "a/b"),
      ::testing::ElementsAre(std::pair{5.0, static_cast<double>(static_cast<float>(1.0 / 3))},
                             std::pair{std::ldexp(1.0, 40), -2.5}));
  EXPECT_EQ(text(*found, "note"), "größer | **b**");
  const auto json = test::read_file(folder.string() + ".json");
  EXPECT_THAT(
      json, ::testing::HasSubstr("\"h\": [[3, [[0.0, 1.0, 1.0], [1.0, 2.0, 2.0], [2.0, 3.0, 0.0], "
                                 "[3.0, 4.0, 1.0]]]]"));
  EXPECT_THAT(
      json, ::testing::HasSubstr("\"same\": [[3, [[0.10000000149011612, 0.10000000149011612, 0.0], "
                                 "[0.10000000149011612, 0.10000000149011612, 2.0]]]]"));
  EXPECT_THAT(json, ::testing::Not(::testing::HasSubstr("\"none\"")));
  // Types of the columns: 3 a number, 1 a string, 2 a bool. Status 1: success.
  EXPECT_THAT(json, ::testing::HasSubstr(
                        "\"columns\": [[\"lr\", 3], [\"n\", 3], [\"kind\", 1], [\"on\", 2]]"));
  EXPECT_THAT(json, ::testing::HasSubstr("\"metrics\": [\"a/b\"]"));
  EXPECT_THAT(json, ::testing::HasSubstr("\"status\": 1"));
  const auto* values = found->find("hparams")->find("values");
  EXPECT_EQ(number(*values->find("lr")), 0.1);
  EXPECT_EQ(*values->find("kind")->as<std::string>(), "lstm");
  EXPECT_EQ(*values->find("on")->as<bool>(), true);
}

TEST(TensorBoard, AgreesWithTheHistoryToTheLastDigitOfFloat32) {
  const auto folder = test::fresh_folder("tensorboard_run");
  auto ts = small_training();
  auto train = training_batches();
  const auto valid = validation_batches();
  const auto history =
      fit(ts, kLoss, train,
          {.epochs = 3,
           .validation = &valid,
           .callbacks = {TensorBoard(
               folder, {.seconds = 0, .histograms = 2, .settings = named({{"hidden", 16}})})}});
  const auto found = read(folder);
  if (!found) GTEST_SKIP() << kMissing;
  for (const std::string name : {"loss", "validation_loss", "lr", "samples_per_second"}) {
    const auto points = curve(*found, "epoch/" + name);
    ASSERT_EQ(points.size(), 3U) << name;
    for (int64_t i = 0; i < 3; ++i) {
      EXPECT_EQ(points[static_cast<size_t>(i)].first, static_cast<double>(7 * (i + 1)));
      EXPECT_EQ(points[static_cast<size_t>(i)].second,
                static_cast<double>(static_cast<float>(history[name].tensor()[i].item<double>())))
          << name;
    }
  }
  EXPECT_EQ(curve(*found, "step/loss").size(), 21U);
  EXPECT_THAT(text(*found, "run/model"), ::testing::HasSubstr("Dense(2 => 16"));
  EXPECT_EQ(text(*found, "run/optimizer"), "    " + ts.optimizer().label());
  EXPECT_EQ(text(*found, "run/settings"), "| setting | value |\n|---|---|\n| hidden | 16 |\n");
  EXPECT_EQ(
      found->find("histograms")->find("parameters/layer_1.weight")->as<io::JsonArray>()->size(),
      1U);
}

TEST(TensorBoard, AResumedRunReplacesWhatIsVoid) {
  const auto folder = test::fresh_folder("tensorboard_resume");
  const auto valid = validation_batches();
  const auto run = [&](TrainState& ts, int64_t epochs) {
    auto train = training_batches();
    fit(ts, kLoss, train, {.epochs = epochs, .callbacks = {TensorBoard(folder, {.seconds = 0})}});
  };
  auto ts = small_training();
  run(ts, 1);
  auto again = ts;
  run(ts, 2);  // steps 8 to 21
  run(again, 1);
  EXPECT_EQ(test::entries(folder), 3U);
  const auto found = read(folder);
  if (!found) GTEST_SKIP() << kMissing;
  std::vector<double> steps;
  for (const auto& [step, value] : curve(*found, "step/loss")) steps.push_back(step);
  EXPECT_THAT(steps, ::testing::ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14));
  auto anew = small_training();
  run(anew, 1);
  EXPECT_EQ(curve(*read(folder), "step/loss").size(), 7U);
}

TEST(TensorBoard, AFullDiskIsSaidOnceAndWhatIsThereCanBeRead) {
  const auto folder = test::fresh_folder("tensorboard_full");
  std::vector<std::string> notes;
  struct Keep {
    std::vector<std::string>* notes;
    void on_note(const Event&, const std::string& text) const { notes->push_back(text); }
  };
  auto train = training_batches();
  {
    const test::SmallDisk small(1000);
    auto ts = small_training();
    fit(ts, kLoss, train,
        {.epochs = 3, .callbacks = {TensorBoard(folder, {.seconds = 0}), Keep{&notes}}});
  }
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_THAT(notes[0], ::testing::StartsWith("TensorBoard: "));
  notes.clear();
  auto ts = small_training();
  fit(ts, kLoss, train, {.epochs = 1, .callbacks = {TensorBoard("/proc/none"), Keep{&notes}}});
  EXPECT_EQ(notes.size(), 1U);
  const auto found = read(folder);
  if (!found) GTEST_SKIP() << kMissing;
  EXPECT_GT(curve(*found, "step/loss").size(), 2U);
}

TEST(TensorBoard, HasTheRateOfTheHistoryBehindACallbackThatChangesIt) {
  const auto folder = test::fresh_folder("tensorboard_rate");
  auto ts = small_training();
  auto train = training_batches();
  fit(ts, kLoss, train,
      {.epochs = 4,
       .callbacks = {
           ReduceOnPlateau{
               .monitor = "loss", .factor = 0.5, .patience = 0, .threshold = 9, .relative = false},
           TensorBoard(folder)}});
  const auto found = read(folder);
  if (!found) GTEST_SKIP() << kMissing;
  std::vector<double> rates;
  for (const auto& [step, value] : curve(*found, "epoch/lr")) rates.push_back(value);
  EXPECT_THAT(rates, ::testing::ElementsAre(0.02F, 0.02F, 0.01F, 0.005F));
}

struct BeforeStep10 {
  std::function<void()> f;
  void on_step(const Event& event) const {
    if (event.ts.step == 10) f();
  }
};

// The head of a file, its texts and what is said before it is there.
TEST(TensorBoard, WhatADiskDidNotTakeAtTheStartIsWrittenLater) {
  const auto parent = test::fresh_folder("tensorboard_later");
  const auto folder = parent / "run";
  test::write_file(folder, "a file in the way");
  auto ts = small_training();
  auto train = training_batches();
  const BeforeStep10 remove{[&] { std::filesystem::remove(folder); }};
  const TensorBoard board(folder, {.seconds = 0, .settings = named({{"hidden", 16}})});
  fit(ts, kLoss, train, {.epochs = 2, .callbacks = {remove, board}});
  auto found = read(folder);
  if (!found) GTEST_SKIP() << kMissing;
  EXPECT_EQ(curve(*found, "step/loss").size(), 5U);
  EXPECT_THAT(text(*found, "run/model"), ::testing::HasSubstr("Dense(2 => 16"));
  EXPECT_THAT(text(*found, "run/notes"), ::testing::HasSubstr("cannot be written"));
  EXPECT_EQ(number(*found->find("hparams")->find("status")), 1);

  // A file without its head shows the points of the run before beside those of this one.
  std::optional<test::SmallDisk> full(std::in_place, 1);
  auto anew = small_training();
  fit(anew, kLoss, train,
      {.epochs = 2,
       .callbacks = {BeforeStep10{[&] { full.reset(); }}, TensorBoard(folder, {.seconds = 0})}});
  found = read(folder);
  EXPECT_THAT(curve(*found, "step/loss").front().first, 10);
  EXPECT_EQ(curve(*found, "step/loss").size(), 5U);
  EXPECT_THAT(text(*found, "run/model"), ::testing::HasSubstr("Dense(2 => 16"));
}

struct NotesOnResume {
  std::string text;
  void on_resume(Event& event) const { event.note(text); }
};

TEST(TensorBoard, KeepsWhatIsSaidBeforeItsFileIsThere) {
  const auto folder = test::fresh_folder("tensorboard_said");
  const TensorBoard board(folder);
  auto ts = small_training();
  auto train = training_batches();
  for (int run = 0; run < 2; ++run) {
    fit(ts, kLoss, train,
        {.epochs = 1,
         .callbacks = {board, NotesOnResume{"resumed for run " + std::to_string(run)}}});
  }
  std::vector<std::filesystem::path> files(std::filesystem::directory_iterator{folder}, {});
  std::ranges::sort(files);
  ASSERT_EQ(files.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    const auto bytes = test::read_file(files[i]);
    EXPECT_THAT(bytes, ::testing::HasSubstr("resumed for run " + std::to_string(i)));
    EXPECT_THAT(bytes,
                ::testing::Not(::testing::HasSubstr("resumed for run " + std::to_string(1 - i))));
  }
}

TEST(TensorBoard, RefusesOptionsOutOfRange) {
  const auto folder = test::fresh_folder("tensorboard_refused");
  EXPECT_THROW(TensorBoard(""), ArgumentError);
  EXPECT_THROW(TensorBoard("a", {.seconds = NAN}), ArgumentError);
  EXPECT_THROW(TensorBoard("a", {.every = -1}), ArgumentError);
  EXPECT_THROW(TensorBoard("a", {.histograms = -1}), ArgumentError);
  EXPECT_THROW(TensorBoard("a", {.settings = tuple({})}), ArgumentError);
  EXPECT_THROW(TensorBoardWriter("/proc/none"), ArgumentError);
  EXPECT_THROW(TensorBoardWriter(folder, {.purge_step = -1}), ArgumentError);
  const TensorBoardWriter board(folder);
  EXPECT_THROW(board.histogram("h", tensor(1.0), 0, 0), ArgumentError);
  EXPECT_THROW(board.hparams(named({{"a", tensor(1.0)}}), {}), ArgumentError);
}

}  // namespace
}  // namespace luxtorch
