// A build without libzstd: this program links its own no_unzstd.cpp.
#include <gtest/gtest.h>

#include "luxtorch/core/error.h"
#include "luxtorch/io/jld2.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

TEST(NoZstd, AFileCompressedWithItIsRefusedByTheFiltersName) {
  std::string path = test::golden_folder() + "/jld2/0.6.5/filter_zstd.jld2";
  EXPECT_ERROR(UnsupportedError, jld2::load(path),
               "[jld2::load] at " + path +
                   ":ps.weight: expected a build of luxtorch with libzstd (libzstd-dev on Debian) "
                   "for arrays compressed with Zstandard, HDF5 filter 32015, got one without. Save "
                   "it from Julia as NamedTuples of plain arrays, or without this part.");
}

}  // namespace
}  // namespace luxtorch
