// What a file is: of one of the formats, or of another kind that is known by its bytes.
#include "io/base/file_kind.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/foreign_kind.h"
#include "io/formats.h"

namespace luxtorch::io {
namespace {

FileKind foreign_archive(const std::vector<ZipEntry>& entries) {
  auto is_keras = [](const std::string& name) { return name == "model.weights.h5"; };
  if (std::ranges::any_of(entries, is_keras, &ZipEntry::name))
    return {nullptr, "a model of Keras (.keras), a zip archive",
            "Unpack it (unzip) and load its model.weights.h5."};
  return {nullptr,
          fmt::format("a zip archive of other files (\"{}\" is one)", entries.front().name),
          "Unpack it (unzip) and load the file in it."};
}

}  // namespace

FileKind kind_of(const Content& file) {
  // From the last one: HDF5 may begin behind another program's bytes, which are asked first.
  auto all = formats();
  for (auto format = all.rbegin(); format != all.rend(); ++format) {
    if (format->type.is(file)) return {&*format, format->type.what, "io::load reads it."};
  }
  if (file.is_zip()) return foreign_archive(file.zip());
  if (file.start().starts_with("PK")) return {};  // one that cannot be read
  auto foreign = foreign_kind(file.start(), file.file().size());
  return {nullptr, std::move(foreign.what), std::move(foreign.advice)};
}

void refuse_other_kinds(const char* who, const Content& file, const FileType& expected) {
  FileKind kind;
  try {
    if (expected.is(file)) return;
    kind = kind_of(file);
  } catch (const Error&) {
    return;  // what the reader said of the file stays
  }
  if (kind.what.empty()) return;
  FormatError error(who,
                    fmt::format("expected {}, got {}. {}", expected.what, kind.what, kind.advice));
  error.prepend_path_(file.file().name());
  throw error;
}

}  // namespace luxtorch::io
