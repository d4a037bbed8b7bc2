#include "luxtorch/version.h"

#include <gtest/gtest.h>

#include <string>

TEST(Version, OfTheLoadedLibraryIsTheOneOfTheHeaders) {
  const std::string expected = std::to_string(LUXTORCH_VERSION_MAJOR) + "." +
                               std::to_string(LUXTORCH_VERSION_MINOR) + "." +
                               std::to_string(LUXTORCH_VERSION_PATCH);
  EXPECT_EQ(luxtorch::version(), expected);
}

TEST(Version, NumberOrdersMajorBeforeMinorBeforePatch) {
  EXPECT_EQ(LUXTORCH_VERSION / 10000, LUXTORCH_VERSION_MAJOR);
  EXPECT_EQ(LUXTORCH_VERSION / 100 % 100, LUXTORCH_VERSION_MINOR);
  EXPECT_EQ(LUXTORCH_VERSION % 100, LUXTORCH_VERSION_PATCH);
}
