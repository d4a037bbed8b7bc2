// What is wrong with a file, before its name is known: the one kind of error of all readers.
//
// The parts of a reader throw a Fault. Those around them add the place inside the file while it passes,
// and with_errors() makes one of the library's errors of it.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "io/base/json.h"

namespace luxtorch::io {

/// A file that cannot be read (kPath), that is not right (kDamaged), right but beyond the reader
/// (kUnsupported), or that needs more memory than it may have (kLimit).
struct Fault : std::exception {
  enum class Kind { kPath, kDamaged, kUnsupported, kLimit };

  Fault(Kind kind, std::string expected, std::string got)
      : kind(kind), expected(std::move(expected)), got(std::move(got)) {}
  /// Damaged: "layer_1.weight", "a shape", "3".
  Fault(std::string place, std::string expected, std::string got)
      : place(std::move(place)), expected(std::move(expected)), got(std::move(got)) {}
  /// Unsupported, with a sentence of its own that says what to do.
  static Fault unsupported(std::string place, std::string message, std::string type = "") {
    Fault fault(Kind::kUnsupported, "", "");
    fault.place = std::move(place);
    fault.message = std::move(message);
    fault.type = std::move(type);
    return fault;
  }

  bool is_unsupported() const { return kind == Kind::kUnsupported; }
  const char* what() const noexcept override {
    return message.empty() ? expected.c_str() : message.c_str();
  }

  Kind kind = Kind::kDamaged;
  std::string place;          // in the file, "" for all of it
  std::string expected, got;  // or else
  std::string message;        // a sentence
  std::string type;           // of the value itself, as its format names it, where it has one
};

[[noreturn]] void damaged(std::string expected, std::string got);
[[noreturn]] void unsupported(std::string expected, std::string got);

/// What an error says of a file.
struct FileWords {
  const char* who;                  // "numpy::load"
  std::string name;                 // InputFile::name()
  const char* what;                 // "an npz or npy file"
  const char* between = ", ";       // the name and the place in the file
  const char* if_unsupported = "";  // what to do, a sentence
};

/// Throws the library's error.
[[noreturn]] void throw_error(const FileWords& words, const Fault& fault);

/// What `read` gives; Faults become the library's errors.
template <class Read>
auto with_errors(const FileWords& words, Read&& read) {
  try {
    return std::forward<Read>(read)();
  } catch (const Fault& fault) {
    throw_error(words, fault);
  } catch (const JsonFault& fault) {
    throw_error(words, {fault.place, fault.expected, fault.got});
  }
}

}  // namespace luxtorch::io
