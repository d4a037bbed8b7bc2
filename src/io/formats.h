// The file formats, each a row of one table. io::load and io::save, the program luxtorch, the fuzzer and the
// tests go through it.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/base/file_kind.h"
#include "io/zip/content.h"
#include "luxtorch/io/io.h"

namespace luxtorch::io {

struct Extension {
  std::string_view name;  // ".npz"
  bool compresses;        // has save the option `compress`?
};

struct Format {
  std::string_view name;              // of its namespace: "numpy"
  std::string_view title;             // "NumPy"
  std::vector<Extension> extensions;  // in lower case
  FileType type;                      // no file is of two formats
  Tree (*load)(const Content& file, const LoadOptions& options);
  void (*save)(const std::filesystem::path& path, const Tree& tree, const SaveOptions& options);
};

/// All of them.
std::span<const Format> formats();

/// The format of a path's extension, in letters of either case; null for others.
const Format* format_of_path(const std::filesystem::path& path);
/// Does it write compressed arrays to this path?
bool compresses(const std::filesystem::path& path);

/// What a file is.
struct FileKind {
  const Format* format = nullptr;  // null: none that luxtorch reads
  std::string what, advice;  // "a gzip file", a sentence of what to do; "" where it is not known
};
FileKind kind_of(const Content& file);

}  // namespace luxtorch::io
