// What is wrong with a file, before its path is known.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <utility>

#include "io/base/json.h"
#include "luxtorch/core/error.h"

namespace luxtorch::io {

/// Damaged: "layer_1.weight", "a shape", "3".
struct FileFault {
  std::string place, expected, got;
};
/// Right, but not for us: the message is a sentence.
struct FileUnsupported {
  std::string place, message;
  std::string type = {};  // of a value, as its format names it
};

/// What `read` gives; faults become errors in the name of `who` at `path`. what: "an npz file".
template <class Read>
auto explained(const char* who, const std::filesystem::path& path, const char* what, Read&& read) {
  auto at = [&](Error& error, const std::string& place) {
    error.prepend_path_(path.string() + (place.empty() ? "" : ", " + place));
  };
  auto damaged = [&](const std::string& place, const std::string& expected,
                     const std::string& got) {
    FormatError error(who, fmt::format("expected {}, got {}. The file is damaged or not {}; save "
                                       "or copy it again.",
                                       expected, got, what));
    at(error, place);
    return error;
  };
  try {
    return std::forward<Read>(read)();
  } catch (const FileFault& fault) {
    throw damaged(fault.place, fault.expected, fault.got);
  } catch (const JsonFault& fault) {
    throw damaged(fault.place, fault.expected, fault.got);
  } catch (const FileUnsupported& fault) {
    UnsupportedError error(who, fault.message);
    at(error, fault.place);
    throw error;
  }
}

}  // namespace luxtorch::io
