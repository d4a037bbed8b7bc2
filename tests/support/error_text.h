// The text of an error, for tests that look for a part of it. EXPECT_ERROR in compare.h compares a whole one.
#pragma once

#include <exception>
#include <string>

#include "luxtorch/core/error.h"

namespace luxtorch::testing {

/// What the Error that f throws says, or "no error". Other exceptions go through.
template <class F>
std::string text_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

/// What any exception of the standard library's kind that f throws says, or "no error".
template <class F>
std::string text_of_any(F f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace luxtorch::testing
