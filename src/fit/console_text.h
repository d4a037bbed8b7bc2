// The lines that Console prints, from numbers: no clock, no stream.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace luxtorch::detail {

/// What the output can show. width: columns in a line, 0 for any number.
struct ConsoleLook {
  int64_t width = 0;
  bool utf8 = false, color = false;
};

/// An epoch. seconds_left below 0: not known.
struct ConsoleEpoch {
  int64_t epoch = 0, epochs = 0;
  std::vector<std::pair<std::string, double>> values;  ///< "loss", "validation_loss", ...
  double samples_per_second = 0, ms_per_step = 0, seconds_left = -1;
  bool best = false;
};

/// Within an epoch.
struct ConsoleStep {
  int64_t epoch = 0, epochs = 0, batch = 0, batches = 0;
  double loss = 0, samples_per_second = 0, seconds_left = -1;
};

/// The lines of epochs, in columns.
class ConsoleTable {
 public:
  /// A line for the epoch with '\n'; before it the header, if that is new.
  std::string lines_(const ConsoleEpoch& epoch, const ConsoleLook& look);

 private:
  std::vector<std::string> columns(const ConsoleEpoch& epoch, const ConsoleLook& look) const;

  std::vector<std::string> names_;   // of all values so far
  std::vector<std::string> header_;  // the columns of the last header
};

/// A bar in at most look.width - 1 columns, without '\n'.
std::string console_bar(const ConsoleStep& step, const ConsoleLook& look);
/// The same in words, with '\n'.
std::string console_step(const ConsoleStep& step);
/// 4 digits: "0.6931", "12.35", "1235", "1.235e-05".
std::string console_number(double x);
/// "0:07", "12:34", "1:02:03", "2 d 3:04:05".
std::string console_duration(double seconds);
/// The text in a color (an SGR number), if there are colors.
std::string colored(const std::string& text, const char* color, const ConsoleLook& look);

}  // namespace luxtorch::detail
