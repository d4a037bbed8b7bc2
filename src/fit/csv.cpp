#include "luxtorch/fit/csv.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <limits>
#include <system_error>

#include "fit/append_file.h"
#include "fit/csv_table.h"
#include "fit/epoch_values.h"
#include "fit/lost_rows.h"
#include "io/base/atomic_file.h"
#include "luxtorch/core/error.h"

namespace luxtorch {

namespace detail {

namespace {

/// A number of a row, its epoch or step; of the header, and of what is no row, -1.
int64_t number_of(const std::string& cell) {
  int64_t number = -1;
  std::from_chars(cell.data(), cell.data() + cell.size(), number);
  return number;
}

}  // namespace

class CsvFile {
 public:
  explicit CsvFile(std::filesystem::path path) : path_(std::move(path)) {}

  void begin_(Event& event) {
    lost_.begin_();
    last_step_ = event.first_step;
    last_epoch_ = event.restored() ? event.epoch : std::numeric_limits<int64_t>::max();
    open_(event);
  }
  void add_(Event& event, const std::vector<std::pair<std::string, std::string>>& cells);
  void close_() { file_.close_(); }

 private:
  bool open_(Event& event);
  std::string read() const;
  bool replace_(Event& event, const std::vector<CsvRow>& rows);
  void add_columns_(Event& event, const std::vector<std::pair<std::string, std::string>>& cells);

  std::filesystem::path path_;
  AppendFile file_;
  CsvRow columns_;  // none: there is no header yet
  int64_t last_step_ = 0, last_epoch_ = 0;
  LostRows lost_{"Csv", "epochs"};
};

std::string CsvFile::read() const {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path_, error)) return "";
  std::ifstream in(path_, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// All rows in a new file that takes the place of the old one.
bool CsvFile::replace_(Event& event, const std::vector<CsvRow>& rows) {
  std::string text;
  for (const auto& row : rows) text += csv_line(row);
  try {
    io::AtomicFile whole("Csv", path_);
    whole.write_at(0, text);
    whole.commit();
  } catch (const ArgumentError& error) {
    lost_.say_(event, path_, error.message());
    return false;
  }
  if (file_.open_(path_, AppendFile::Kind::lines)) return true;
  lost_.say_(event, path_, file_.error());
  return false;
}

// Opens the file without rows behind last_step_ and last_epoch_: a resumed run may be at the last step of an epoch that
// it has yet to end, and whose row is there.
bool CsvFile::open_(Event& event) {
  columns_.clear();
  const auto before = read();
  auto rows = read_csv(before);
  const bool ours =
      !rows.empty() && rows[0].size() >= 2 && rows[0][0] == "epoch" && rows[0][1] == "step";
  if (!before.empty() && !ours)
    throw ArgumentError(
        "Csv",
        "expected no file, or one of an earlier run whose header begins with epoch,step, at " +
            path_.string() + ", got another file. Choose another path, or remove it.");
  if (ours) {
    const size_t width = rows[0].size();
    std::erase_if(rows, [this, width](const CsvRow& row) {
      return row.size() != width || number_of(row[1]) > last_step_ ||
             number_of(row[0]) > last_epoch_;
    });
    if (rows.size() == 1) rows.clear();
  }
  std::string kept;
  for (const auto& row : rows) kept += csv_line(row);
  if (kept != before) {
    if (!replace_(event, rows)) return false;
  } else if (!file_.open_(path_, AppendFile::Kind::lines)) {
    lost_.say_(event, path_, file_.error());
    return false;
  }
  if (!rows.empty()) columns_ = rows[0];
  return true;
}

void CsvFile::add_columns_(Event& event,
                           const std::vector<std::pair<std::string, std::string>>& cells) {
  CsvRow columns = columns_;
  for (const auto& [name, value] : cells)
    if (std::ranges::find(columns, name) == columns.end()) columns.push_back(name);
  if (columns.size() == columns_.size()) return;
  auto rows = read_csv(read());
  for (auto& row : rows) row.resize(columns.size());
  if (!rows.empty()) {
    rows[0] = columns;
    if (!replace_(event, rows)) return;
  }
  columns_ = std::move(columns);
}

void CsvFile::add_(Event& event, const std::vector<std::pair<std::string, std::string>>& cells) {
  if (!file_.is_open() && !open_(event)) return;
  const bool first = columns_.empty();
  add_columns_(event, cells);
  CsvRow row;
  for (const auto& column : columns_) {
    const auto cell = std::ranges::find(cells, column, &std::pair<std::string, std::string>::first);
    row.push_back(cell == cells.end() ? "" : cell->second);
  }
  if (file_.append_((first ? csv_line(columns_) : "") + csv_line(row))) {
    last_step_ = event.ts.step;
    last_epoch_ = std::max(last_epoch_, event.epoch);
    return;
  }
  lost_.say_(event, path_, file_.error());
  if (first) columns_.clear();  // the header is not there yet
}

}  // namespace detail

Csv::Csv(std::filesystem::path path) {
  if (path.empty()) throw ArgumentError("Csv", "expected the path of a file, got an empty one.");
  file_ = std::make_shared<detail::CsvFile>(std::move(path));
}

void Csv::on_start(Event& event) { file_->begin_(event); }

void Csv::on_epoch(Event& event) {
  const auto values = detail::epoch_values(event);
  std::vector<std::pair<std::string, std::string>> cells = {
      {"epoch", std::to_string(event.epoch)}, {"step", std::to_string(event.ts.step)}};
  for (const auto& [name, value] : values.numbers)
    cells.emplace_back(name, detail::exact_text(value));
  cells.emplace_back("lr", detail::exact_text(event.learning_rate()));
  cells.emplace_back("seconds", detail::exact_text(event.seconds));
  cells.emplace_back("samples_per_second", detail::exact_text(event.samples_per_second));
  file_->add_(event, cells);
}

void Csv::on_end(Event&) { file_->close_(); }

}  // namespace luxtorch
