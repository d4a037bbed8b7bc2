// A file as it is looked at to tell what it is, and read afterwards: each part of it is read once.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/base/fault.h"
#include "io/base/input_file.h"
#include "io/zip/reader.h"

namespace luxtorch::io {

/// Of one thread.
class Content {
 public:
  /// `file` must live as long as the object.
  explicit Content(const InputFile& file) : file_(file) {}
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  const InputFile& file() const { return file_; }
  /// Its first 4096 bytes, fewer where it has fewer.
  std::string_view start() const;
  /// The directory of a zip archive, wherever in the file it begins. Throws Fault.
  const std::vector<ZipEntry>& zip() const;
  /// Is it a zip archive from its first byte on, with a directory that can be read?
  bool is_zip() const;

 private:
  const InputFile& file_;
  mutable std::optional<std::string> start_;
  mutable std::optional<std::vector<ZipEntry>> zip_;
  mutable std::optional<Fault> zip_fault_;
};

}  // namespace luxtorch::io
