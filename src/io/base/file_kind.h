// What kind of file a file is, as its bytes tell: the one place that looks.
//
// Every format's reader asks here. The answers need all formats, so that they stand above these: in
// io/file_kind.cpp.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "io/base/input_file.h"
#include "luxtorch/core/error.h"

namespace luxtorch::io {

enum class Format { kJld2, kHdf5, kSafetensors, kTorchArchive, kNumpy };

/// "a safetensors file".
const char* describe(Format format);

struct FileKind {
  std::optional<Format> format;  // none: not one that luxtorch reads
  std::string what, advice;  // "a gzip file", a sentence of what to do; "" where it is not known
};
FileKind kind_of(const InputFile& file);

/// Throws FormatError in the name of `who` where the file is known to be another kind than `format`,
/// and says which and what to do. JLD2 and HDF5 count as one.
void refuse_other_kinds(const char* who, const std::filesystem::path& path, Format format);

/// What `read` gives of a file of that format. Where it throws because the file is of another kind, the
/// error says so.
template <class Read>
auto read_as(Format format, const char* who, const std::filesystem::path& path, Read&& read) {
  try {
    return std::forward<Read>(read)();
  } catch (const FormatError&) {
    refuse_other_kinds(who, path, format);
    throw;
  } catch (const UnsupportedError&) {
    refuse_other_kinds(who, path, format);
    throw;
  }
}

}  // namespace luxtorch::io
