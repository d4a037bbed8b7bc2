// The build without HDF5. This program is linked with src/io/jld2/no_write.cpp and
// src/io/libhdf5/no_hdf5.cpp, which come before the library's own jld2::save, hdf5::save and hdf5::load_with_libhdf5.
#include <gtest/gtest.h>

#include "io/jld2_corpus.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/hdf5.h"
#include "luxtorch/io/jld2.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

TEST(WithoutHdf5, SavingSaysWhatToInstall) {
  auto folder = test::fresh_folder("jld2_without_hdf5");
  std::string text =
      "[jld2::save] expected a build of luxtorch with HDF5, got one without. Install HDF5 with its "
      "C++ "
      "API (libhdf5-dev on Debian) and configure with -DLUXTORCH_WITH_HDF5=ON.";
  EXPECT_ERROR(UnsupportedError, jld2::save(folder / "a.jld2", named({{"a", 1}})), text);
  EXPECT_ERROR(UnsupportedError, jld2::check_writable(folder / "a.jld2"), text);
  auto at_hdf5 = [&](const char* who) { return "[hdf5::" + (who + text.substr(text.find(']'))); };
  EXPECT_ERROR(UnsupportedError, hdf5::save(folder / "a.h5", Tree(1)), at_hdf5("save"));
  EXPECT_ERROR(UnsupportedError, hdf5::load_with_libhdf5(folder / "a.h5"),
               at_hdf5("load_with_libhdf5"));
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST(WithoutHdf5, FilesAreReadAllTheSame) {
  Tree file = jld2::load(test::golden_folder() + "/jld2/0.4.31/trained_model_norng.jld2");
  EXPECT_TRUE(file.at("ps_trained.classifier.weight").is_tensor());
}

}  // namespace
}  // namespace luxtorch
