// What the byte-level reader throws: it knows what is wrong but not in which file or variable.
// The readers above it add the place and turn it into one of the library's errors.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace luxtorch::hdf5 {

/// A path that cannot be read (kPath), a file that is not right (kDamaged), right but beyond this
/// reader (kUnsupported), or that needs more memory than it may have (kLimit).
struct Fault : std::exception {
  enum class Kind { kPath, kDamaged, kUnsupported, kLimit };

  Fault(Kind kind, std::string expected, std::string got)
      : kind(kind), expected(std::move(expected)), got(std::move(got)) {}

  const char* what() const noexcept override { return expected.c_str(); }

  Kind kind;
  std::string expected;
  std::string got;
  std::string path;        // names of the enclosing values, joined by dots; filled while unwinding
  std::string julia_type;  // of the value itself, where it has one; filled while unwinding
};

[[noreturn]] void damaged(std::string expected, std::string got);
[[noreturn]] void unsupported(std::string expected, std::string got);

}  // namespace luxtorch::hdf5
