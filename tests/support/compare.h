// How tests compare numbers: max |a - b| / max |b| per tensor, in this one place.
//
//     EXPECT_CLOSE(y, expected, kPlainFloat32);          // tensors
//     EXPECT_TREES_CLOSE(grads, expected, kGoldenFloat64);  // every tensor of two trees of one
//     structure
//
// Element-wise limits suit no gradient: some elements are sums that cancel. b is the one that is
// right.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "luxtorch/core/error.h"
#include "luxtorch/tree.h"

namespace luxtorch::testing {

/// What shapes and keys are compared with.
using Sizes = std::vector<int64_t>;
using Strings = std::vector<std::string>;

// Against plain torch ops, and against Python PyTorch. kLong is for batch * time above 50,000.
inline constexpr double kPlainFloat64 = 1e-12, kPlainFloat32 = 2e-5, kLongFloat32 = 4e-5;
inline constexpr double kGoldenFloat64 = 1e-10, kGoldenFloat32 = 2e-5;

/// max |a - b| / max |b|, in float64. max |a| where b is all zeros; 0 where both are empty,
/// undefined or equal (NaN equals NaN at the same place); infinity where shapes differ, one is
/// undefined, or one alone is not finite somewhere.
double relative_difference(const Tensor& a, const Tensor& b);

/// The tensor of two trees of one structure that differs most, infinity where the structures
/// differ.
double relative_difference(const Tree& a, const Tree& b);

/// For EXPECT_CLOSE and EXPECT_TREES_CLOSE. Dtypes must agree too.
::testing::AssertionResult close(const char* a_text, const char* b_text, const char* tolerance_text,
                                 const Tensor& a, const Tensor& b, double tolerance);
::testing::AssertionResult trees_close(const char* a_text, const char* b_text,
                                       const char* tolerance_text, const Tree& a, const Tree& b,
                                       double tolerance);
/// For EXPECT_SAME: bitwise equality of two trees or tensors.
::testing::AssertionResult same(const char* a_text, const char* b_text, const Tree& a,
                                const Tree& b);

}  // namespace luxtorch::testing

#define EXPECT_CLOSE(a, b, tolerance) \
  EXPECT_PRED_FORMAT3(::luxtorch::testing::close, a, b, tolerance)
#define ASSERT_CLOSE(a, b, tolerance) \
  ASSERT_PRED_FORMAT3(::luxtorch::testing::close, a, b, tolerance)
#define EXPECT_TREES_CLOSE(a, b, tolerance) \
  EXPECT_PRED_FORMAT3(::luxtorch::testing::trees_close, a, b, tolerance)
#define EXPECT_SAME(a, b) EXPECT_PRED_FORMAT2(::luxtorch::testing::same, a, b)

/// EXPECT_ERROR(TreeError, ps["bias"], "[Tree] expected a key ...") compares the whole text: texts
/// are the user interface.
#define EXPECT_ERROR(Kind, expression, text)                                        \
  try {                                                                             \
    (void)(expression);                                                             \
    ADD_FAILURE() << #expression " throws nothing; expected " #Kind ": " << (text); \
  } catch (const ::luxtorch::Kind& error) {                                         \
    EXPECT_STREQ(error.what(), std::string(text).c_str());                          \
  } catch (const std::exception& error) {                                           \
    ADD_FAILURE() << #expression " throws another kind: " << error.what();          \
  }
