#include "fit/console_text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace luxtorch::detail {
namespace {

ConsoleEpoch epoch(int64_t number, bool best = false) {
  return {.epoch = number,
          .epochs = 25,
          .values = {{"loss", 0.69314718},
                     {"accuracy", 0.5},
                     {"validation_loss", 0.0000123456},
                     {"validation_accuracy", 1}},
          .samples_per_second = 12345.6,
          .ms_per_step = 5.25,
          .seconds_left = 3723,
          .best = best};
}

TEST(ConsoleText, ALineHasAllColumnsWhereThereIsRoom) {
  ConsoleTable table;
  const ConsoleLook wide{.width = 120};
  EXPECT_EQ(
      table.lines_(epoch(1, true), wide),
      "epoch       loss   accuracy   val_loss  val_accuracy  samples/s    ms/step       left\n"
      " 1/25     0.6931     0.5000  1.235e-05         1.000     12.35k      5.250    1:02:03  *\n");
  EXPECT_EQ(
      table.lines_(epoch(12), wide),
      "12/25     0.6931     0.5000  1.235e-05         1.000     12.35k      5.250    1:02:03\n");
}

TEST(ConsoleText, NarrowTerminalsLoseColumnsInOrder) {
  const auto header = [](int64_t width) {
    ConsoleTable table;
    const auto lines = table.lines_(epoch(1, true), {.width = width});
    const auto end = lines.find('\n');
    EXPECT_LE(end, static_cast<size_t>(width));
    EXPECT_LE(lines.size() - end - 2, static_cast<size_t>(width));
    return lines.substr(0, end);
  };
  EXPECT_EQ(header(80),
            "epoch       loss   accuracy   val_loss  val_accuracy    ms/step       left");
  EXPECT_EQ(header(68), "epoch       loss   accuracy   val_loss  val_accuracy       left");
  EXPECT_EQ(header(60), "epoch       loss   accuracy   val_loss  val_accuracy");
  EXPECT_EQ(header(50), "epoch       loss   val_loss  val_accuracy");
  EXPECT_EQ(header(40), "epoch       loss   val_loss");
  EXPECT_EQ(header(20), "epoch       loss");
}

TEST(ConsoleText, MarksAndColorsAreThoseOfTheOutput) {
  const auto line = [](const ConsoleLook& look) {
    return ConsoleTable().lines_(epoch(1, true), look);
  };
  EXPECT_EQ(line({.width = 40, .utf8 = true}),
            "epoch       loss   val_loss\n"
            " 1/25     0.6931  1.235e-05  ★\n");
  EXPECT_EQ(line({.width = 40, .utf8 = true, .color = true}),
            "\x1b[1mepoch       loss   val_loss\x1b[0m\n"
            " 1/25     0.6931  1.235e-05  \x1b[32m★\x1b[0m\n");
}

TEST(ConsoleText, AValueOfSomeEpochsKeepsItsColumn) {
  ConsoleTable table;
  const ConsoleLook look{.width = 60};
  ConsoleEpoch one{.epoch = 1, .epochs = 3, .values = {{"loss", 2}}};
  ConsoleEpoch two{.epoch = 2, .epochs = 3, .values = {{"loss", 1}, {"validation_loss", 3}}};
  EXPECT_EQ(table.lines_(one, look),
            "epoch       loss  samples/s    ms/step       left\n"
            "  1/3      2.000      0.000      0.000\n");
  EXPECT_EQ(table.lines_(two, look),
            "epoch       loss   val_loss    ms/step       left\n"
            "  2/3      1.000      3.000      0.000\n");
  one.epoch = 3;
  EXPECT_EQ(table.lines_(one, look), "  3/3      2.000                 0.000\n");
}

TEST(ConsoleText, ABarFitsTheLine) {
  const ConsoleStep step{
      .epoch = 3, .epochs = 25, .batch = 120, .batches = 400, .loss = 0.125, .seconds_left = 83};
  EXPECT_EQ(console_bar(step, {.width = 120}),
            "epoch  3/25 [=========>                    ] 120/400, loss 0.1250, 1:23 left");
  EXPECT_EQ(console_bar(step, {.width = 60}),
            "epoch  3/25 [===>         ] 120/400, loss 0.1250, 1:23 left");
  EXPECT_EQ(console_bar(step, {.width = 60, .utf8 = true}),
            "epoch  3/25 ━━━────────── 120/400, loss 0.1250, 1:23 left");
  EXPECT_EQ(console_bar(step, {.width = 40}), "epoch  3/25  120/400, loss 0.1250, 1:2~");
}

TEST(ConsoleText, AStepInWords) {
  EXPECT_EQ(console_step({.epoch = 3,
                          .epochs = 25,
                          .batch = 120,
                          .batches = 400,
                          .loss = 0.125,
                          .samples_per_second = 2.5e6}),
            "epoch 3/25, batch 120/400, loss 0.1250, 2.500M samples/s\n");
}

TEST(ConsoleText, NumbersAndDurations) {
  EXPECT_EQ(console_number(0), "0.000");
  EXPECT_EQ(console_number(1234.6), "1235");
  EXPECT_EQ(console_number(-1.2346e-5), "-1.235e-05");
  EXPECT_EQ(console_number(NAN), "NaN");
  EXPECT_EQ(console_number(-INFINITY), "-inf");
  EXPECT_EQ(console_duration(6.6), "0:07");
  EXPECT_EQ(console_duration(3599.4), "59:59");
  EXPECT_EQ(console_duration(2 * 86400 + 3 * 3600 + 4 * 60 + 5), "2 d 3:04:05");
}

}  // namespace
}  // namespace luxtorch::detail
