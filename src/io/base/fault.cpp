#include "io/base/fault.h"

#include <fmt/format.h>

#include "luxtorch/core/error.h"

namespace luxtorch::io {
namespace {

template <class Kind>
[[noreturn]] void throw_as(const FileWords& words, const Fault& fault, const std::string& advice) {
  auto message = fault.message;
  if (message.empty())
    message = fmt::format("expected {}, got {}{}. {}", fault.expected, fault.got,
                          fault.type.empty() ? "" : " in a " + fault.type, advice);
  Kind error(words.who, message);
  error.prepend_path_(words.name + (fault.place.empty() ? "" : words.between + fault.place));
  throw error;
}

}  // namespace

void damaged(std::string expected, std::string got) {
  throw Fault(Fault::Kind::kDamaged, std::move(expected), std::move(got));
}

void unsupported(std::string expected, std::string got) {
  throw Fault(Fault::Kind::kUnsupported, std::move(expected), std::move(got));
}

void throw_error(const FileWords& words, const Fault& fault) {
  switch (fault.kind) {
    case Fault::Kind::kPath:
      throw_as<ArgumentError>(words, fault, "Check the path.");
    case Fault::Kind::kLimit:
      throw_as<FormatError>(words, fault,
                            "If you trust the file, load it with a larger memory_limit.");
    case Fault::Kind::kUnsupported:
      throw_as<UnsupportedError>(words, fault, words.if_unsupported);
    case Fault::Kind::kDamaged:
      break;
  }
  throw_as<FormatError>(
      words, fault,
      fmt::format("The file is damaged or not {}; save or copy it again.", words.what));
}

}  // namespace luxtorch::io
