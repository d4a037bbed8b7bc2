#include "luxtorch/fit/tensorboard_writer.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "fit/append_file.h"
#include "fit/event_messages.h"
#include "fit/run_facts.h"
#include "fit/run_settings.h"
#include "luxtorch/core/error.h"

namespace luxtorch {

namespace detail {

class EventFile {
 public:
  EventFile(const std::filesystem::path& folder, std::optional<int64_t> purge_step);
  bool append_(const ProtobufMessage& event) { return append_(record_of(event)); }

  std::filesystem::path path;
  const std::string& error() const { return file_.error(); }

 private:
  bool append_(const std::string& record);

  AppendFile file_;
  std::string head_;  // until the file has it
};

namespace {

constexpr std::string_view kBegin = "events.out.tfevents.";

/// The latest time that a file's name in the folder has; 0 where there is none.
int64_t latest(const std::filesystem::path& folder) {
  int64_t newest = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    int64_t time = 0;
    if (name.starts_with(kBegin))
      std::from_chars(name.data() + kBegin.size(), name.data() + name.size(), time);
    newest = std::max(newest, time);
  }
  return newest;
}

}  // namespace

// Readers need the head before all else.
bool EventFile::append_(const std::string& record) {
  if (!file_.append_(head_ + record)) return false;
  head_.clear();
  return true;
}

EventFile::EventFile(const std::filesystem::path& folder, std::optional<int64_t> purge_step) {
  // TensorBoard reads a folder's files in the order of their names: a later one has a later time.
  auto time = std::max(static_cast<int64_t>(unix_time()), latest(folder) + 1);
  do {
    path = folder / fmt::format("{}{:010}.{}.{}", kBegin, time++, host_name(), ::getpid());
  } while (!file_.open_(path, AppendFile::Kind::new_file) && file_.exists());
  if (!file_.is_open())
    throw ArgumentError("TensorBoardWriter",
                        fmt::format("expected a folder in which files can be made, got {} ({}).",
                                    folder.string(), file_.error()));
  head_ = record_of(version_event(unix_time()));
  if (purge_step) head_ += record_of(restart_event(*purge_step, unix_time()));
  append_("");
}

}  // namespace detail

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder,
                                     TensorBoardWriterOptions options) {
  if (options.purge_step.value_or(0) < 0)
    throw ArgumentError(
        "TensorBoardWriter",
        fmt::format("expected .purge_step of at least 0, got {}.", *options.purge_step));
  file_ = std::make_shared<detail::EventFile>(folder, options.purge_step);
}

bool TensorBoardWriter::scalar(std::string_view tag, double value, int64_t step) const {
  const auto message = detail::scalar_value(tag, static_cast<float>(value));
  return file_->append_(detail::summary_event(message, step, detail::unix_time()));
}

bool TensorBoardWriter::text(std::string_view tag, std::string_view markdown, int64_t step) const {
  const auto message = detail::text_value(tag, markdown);
  return file_->append_(detail::summary_event(message, step, detail::unix_time()));
}

bool TensorBoardWriter::histogram(std::string_view tag, const Tensor& values, int64_t step,
                                  int64_t bins) const {
  if (bins < 1)
    throw ArgumentError("TensorBoardWriter", fmt::format("expected at least 1 bin, got {}.", bins));
  const auto rows = detail::histogram_rows(values, bins);
  if (!rows.defined()) return true;
  const auto message = detail::histogram_value(tag, rows);
  return file_->append_(detail::summary_event(message, step, detail::unix_time()));
}

bool TensorBoardWriter::hparams(const Tree& hparams, const std::vector<std::string>& metrics,
                                std::string_view name) const {
  detail::check_settings("TensorBoardWriter", hparams);
  const double time = detail::unix_time();
  return file_->append_(
             detail::summary_event(detail::experiment_value(hparams, metrics, time), 0, time)) &&
         file_->append_(
             detail::summary_event(detail::session_start_value(hparams, name, time), 0, time));
}

bool TensorBoardWriter::hparams_end(bool success) const {
  const double time = detail::unix_time();
  return file_->append_(detail::summary_event(detail::session_end_value(success, time), 0, time));
}

const std::filesystem::path& TensorBoardWriter::path() const { return file_->path; }
const std::string& TensorBoardWriter::error() const { return file_->error(); }

}  // namespace luxtorch
