// A reader that finds another kind of file than its own says which one that is.
//
// What other kinds there are only all formats together know, so that the answer stands above them: in
// io/file_kind.cpp.
#pragma once

#include <utility>

#include "luxtorch/core/error.h"

namespace luxtorch::io {

class Content;

/// The files of a reader.
struct FileType {
  const char* what;                 // "an npz or npy file"
  bool (*is)(const Content& file);  // as the bytes tell
};

/// Throws FormatError in the name of `who` where the file is known to be none of `expected` but of another
/// kind, and says of which and what to do.
void refuse_other_kinds(const char* who, const Content& file, const FileType& expected);

/// What `read` gives of a file. Where it throws because the file is of another kind, the error says so.
template <class Read>
auto read_as(const FileType& expected, const char* who, const Content& file, Read&& read) {
  try {
    return std::forward<Read>(read)();
  } catch (const FormatError&) {
    refuse_other_kinds(who, file, expected);
    throw;
  } catch (const UnsupportedError&) {
    refuse_other_kinds(who, file, expected);
    throw;
  }
}

}  // namespace luxtorch::io
