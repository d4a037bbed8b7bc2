#include "fit/console_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fit/terminal_text.h"

namespace luxtorch::detail {

namespace {

constexpr size_t kNumber =
    9;  // columns of a number; a longer one, "-1.235e-05", takes from the space before it
constexpr size_t kSpace = 2;
constexpr size_t kMark = 3;
constexpr const char* kValidation = "validation_";

std::string title_of(const std::string& column) {
  if (column.starts_with(kValidation))
    return "val_" + column.substr(std::string(kValidation).size());
  return column;
}

std::string epoch_text(int64_t epoch, int64_t epochs) {
  const auto all = std::to_string(epochs);
  return fmt::format("{:>{}}/{}", epoch, all.size(), all);
}

std::string rate_text(double x) {
  if (x >= 1e9) return console_number(x / 1e9) + "G";
  if (x >= 1e6) return console_number(x / 1e6) + "M";
  return x >= 1e4 ? console_number(x / 1e3) + "k" : console_number(x);
}

size_t width_of(const std::string& column, const ConsoleEpoch& epoch) {
  if (column == "epoch") return std::max(column.size(), epoch_text(0, epoch.epochs).size());
  return std::max(title_of(column).size(), kNumber) + kSpace;
}

std::string cell(const std::string& column, const ConsoleEpoch& epoch) {
  if (column == "epoch") return epoch_text(epoch.epoch, epoch.epochs);
  if (column == "samples/s") return rate_text(epoch.samples_per_second);
  if (column == "ms/step") return console_number(epoch.ms_per_step);
  if (column == "left") return epoch.seconds_left < 0 ? "" : console_duration(epoch.seconds_left);
  const auto value =
      std::ranges::find(epoch.values, column, &std::pair<std::string, double>::first);
  return value == epoch.values.end() ? "" : console_number(value->second);
}

// Leaves out the column that is needed least.
void drop_one(std::vector<std::string>& columns) {
  for (const char* name : {"samples/s", "ms/step", "left"})
    if (std::erase(columns, name) > 0) return;
  for (const bool validation : {false, true})
    for (size_t i = columns.size(); i-- > 2;)
      if (columns[i].starts_with(kValidation) == validation) {
        columns.erase(columns.begin() + static_cast<std::ptrdiff_t>(i));
        return;
      }
}

}  // namespace

std::string console_number(double x) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  auto text = fmt::format("{:#.4g}", x);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string console_duration(double seconds) {
  auto s = static_cast<int64_t>(std::min(std::round(seconds), 1e15));
  std::string days;
  if (s >= 86400) days = fmt::format("{} d ", s / 86400);
  s = days.empty() ? s : s % 86400;
  if (s < 3600 && days.empty()) return fmt::format("{}:{:02}", s / 60, s % 60);
  return days + fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string colored(const std::string& text, const char* color, const ConsoleLook& look) {
  return look.color ? fmt::format("\x1b[{}m{}\x1b[0m", color, text) : text;
}

std::vector<std::string> ConsoleTable::columns(const ConsoleEpoch& epoch,
                                               const ConsoleLook& look) const {
  std::vector<std::string> all = {"epoch"};
  all.insert(all.end(), names_.begin(), names_.end());
  for (const char* name : {"samples/s", "ms/step", "left"}) all.emplace_back(name);
  const auto width = [&] {
    size_t sum = kMark;
    for (const auto& column : all) sum += width_of(column, epoch);
    return sum;
  };
  while (look.width > 0 && all.size() > 2 && width() > static_cast<size_t>(look.width))
    drop_one(all);
  return all;
}

std::string ConsoleTable::lines_(const ConsoleEpoch& epoch, const ConsoleLook& look) {
  for (const auto& [name, value] : epoch.values)
    if (std::ranges::find(names_, name) == names_.end()) names_.push_back(name);
  const auto shown = columns(epoch, look);
  std::string header, row;
  for (const auto& column : shown) {
    const auto width = width_of(column, epoch);
    header += fmt::format("{:>{}}", title_of(column), width);
    row += fmt::format("{:>{}}", cell(column, epoch), width);
  }
  if (epoch.best) {
    row += "  " + colored(look.utf8 ? "★" : "*", "32", look);
  } else {
    row.erase(row.find_last_not_of(' ') + 1);
  }
  const bool is_new = shown != header_;
  header_ = shown;
  return (is_new ? colored(header, "1", look) + "\n" : "") + row + "\n";
}

std::string console_step(const ConsoleStep& step) {
  auto text = fmt::format("epoch {}/{}, batch {}/{}, loss {}, {} samples/s", step.epoch,
                          step.epochs, step.batch, step.batches, console_number(step.loss),
                          rate_text(step.samples_per_second));
  if (step.seconds_left >= 0) text += ", " + console_duration(step.seconds_left) + " left";
  return text + "\n";
}

std::string console_bar(const ConsoleStep& step, const ConsoleLook& look) {
  constexpr int64_t kLongest = 30, kShortest = 5;
  const auto before = fmt::format("epoch {} ", epoch_text(step.epoch, step.epochs));
  auto behind = fmt::format(" {}/{}, loss {}", step.batch, step.batches, console_number(step.loss));
  if (step.seconds_left >= 0) behind += ", " + console_duration(step.seconds_left) + " left";
  const auto room = look.width == 0
                        ? kLongest
                        : look.width - 3 - static_cast<int64_t>(before.size() + behind.size());
  std::string bar;
  if (const auto length = std::min(room, kLongest); length >= kShortest) {
    const auto done =
        step.batches > 0 ? length * std::min(step.batch, step.batches) / step.batches : 0;
    bar = look.utf8 ? "" : "[";
    for (int64_t i = 0; i < length; ++i)
      bar += look.utf8 ? (i < done ? "━" : "─") : (i < done ? "=" : i == done ? ">" : " ");
    if (!look.utf8) bar += "]";
  }
  const auto text = before + bar + behind;
  return look.width == 0
             ? text
             : cut_to_columns(text, static_cast<size_t>(std::max<int64_t>(look.width - 1, 1)),
                              look.utf8);
}

}  // namespace luxtorch::detail
