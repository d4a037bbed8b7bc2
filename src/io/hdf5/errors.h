// Faults of the byte-level readers as the library's errors.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "io/hdf5/fault.h"
#include "luxtorch/core/error.h"

namespace luxtorch::hdf5 {

struct Words {
  const char* what;                // "a JLD2 file"
  const char* unsupported_advice;  // a sentence
};

template <class Kind>
[[noreturn]] void throw_error(const char* who, const Fault& fault,
                              const std::filesystem::path& path, const std::string& advice) {
  Kind error(who, "expected " + fault.expected + ", got " + fault.got +
                      (fault.julia_type.empty() ? "" : " in a " + fault.julia_type) + ". " +
                      advice);
  error.prepend_path_(fault.path.empty() ? path.string() : path.string() + ":" + fault.path);
  throw error;
}

/// What `read` gives; Faults become errors in the name of `who` at `path`.
template <class Read>
auto with_errors(const char* who, const std::filesystem::path& path, const Words& words,
                 Read&& read) {
  try {
    return std::forward<Read>(read)();
  } catch (const Fault& fault) {
    switch (fault.kind) {
      case Fault::Kind::kPath:
        throw_error<ArgumentError>(who, fault, path, "Check the path.");
      case Fault::Kind::kDamaged:
        throw_error<FormatError>(
            who, fault, path,
            std::string("The file is damaged or not ") + words.what + "; save or copy it again.");
      case Fault::Kind::kLimit:
        throw_error<FormatError>(who, fault, path,
                                 "If you trust the file, load it with a larger memory_limit.");
      case Fault::Kind::kUnsupported:
        throw_error<UnsupportedError>(who, fault, path, words.unsupported_advice);
    }
    throw;
  }
}

}  // namespace luxtorch::hdf5
