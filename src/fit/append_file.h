// A file that grows by whole rows, for logs.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace luxtorch::detail {

/// A file open for appending. Nothing throws: where the disk does not take a row, error() says why, and the
/// next row is tried again.
class AppendFile {
 public:
  AppendFile() = default;
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  enum class Kind {
    lines,  ///< Of text, new or not. A last line without '\n', which a kill left behind, is cut off.
    new_file  ///< Binary; it must not be there yet.
  };
  /// Opens the file, and makes its folder. false: error() says why.
  bool open_(const std::filesystem::path& path, Kind kind);
  /// One write call with the whole row. false: nothing of it is in the file.
  bool append_(std::string_view row);
  void close_();

  bool is_open() const { return descriptor_ >= 0; }
  /// Why the last open_ or append_ returned false, as the system says it.
  const std::string& error() const { return error_; }
  /// Whether the last open_ found a file of this name.
  bool exists() const { return exists_; }

 private:
  bool failed_(int code);
  void cut_incomplete_line_(const std::filesystem::path& path);

  int descriptor_ = -1;
  bool exists_ = false;
  std::string error_;
};

}  // namespace luxtorch::detail
