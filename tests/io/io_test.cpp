// One call for every format: by the extension when saving, by the content when loading.
#include "luxtorch/io/io.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "io/formats.h"
#include "luxtorch/core/error.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

std::string in_capitals(std::string_view text) {
  std::string capitals(text);
  std::ranges::transform(capitals, capitals.begin(),
                         [](unsigned char c) { return std::toupper(c); });
  return capitals;
}

Tree model() {
  return named({{"ps", named({{"weight", at::arange(6, kFloat32).view({2, 3})}})},
                {"st", named({{"steps", 3}, {"carry", tuple({at::zeros({2}), true})}})}});
}

TEST(Io, TheExtensionSaysHowToSaveAndTheContentHowToLoad) {
  auto folder = test::fresh_folder("io");
  for (const auto& format : io::formats())
    for (const auto& known : format.extensions)
      for (auto extension : {std::string(known.name), in_capitals(known.name)}) {
        SCOPED_TRACE(extension);
        Tree tree = known.name == ".npy" ? Tree(at::arange(3, kInt64)) : model();
        try {
          io::save(folder / ("model" + extension), tree);
        } catch (const UnsupportedError&) {
          continue;  // a build without HDF5
        }
        EXPECT_SAME(io::load(folder / ("model" + extension)), tree);
        fs::copy_file(folder / ("model" + extension), folder / "anything",
                      fs::copy_options::overwrite_existing);
        EXPECT_SAME(io::load(folder / "anything"), tree);
      }
  EXPECT_SAME(io::load(folder / "model.pt"), torch_archive::load(folder / "model.pt"));
  EXPECT_SAME(io::load(folder / "model.npz"), numpy::load(folder / "model.npz"));
  EXPECT_SAME(io::load(folder / "model.safetensors"),
              safetensors::load(folder / "model.safetensors"));
}

TEST(Io, OptionsGoToTheirFormat) {
  auto folder = test::fresh_folder("io_options");
  Tree zeros = named({{"w", at::zeros({10000})}});
  io::save(folder / "a.npz", zeros, {.compress = true});
  EXPECT_LT(fs::file_size(folder / "a.npz"), 2000U);
  EXPECT_THROW(io::load(folder / "a.npz", {.memory_limit = 1000}), UnsupportedError);
}

TEST(Io, FilesOfNoFormat) {
  auto folder = test::fresh_folder("io_errors");
  EXPECT_ERROR(ArgumentError, io::save(folder / "a.txt", model()),
               "[io::save] at " + (folder / "a.txt").string() +
                   ": expected a path that ends in .jld2, .h5, .hdf5, .safetensors, .pt, .pth, "
                   ".npz or .npy, "
                   "got .txt. Rename it or call a format's own save.");
  EXPECT_EQ(test::entries(folder), 0U);
  for (const char* bytes : {"PK", "neither\1this\2nor\3that"}) {
    test::write_file(folder / "a", bytes);
    EXPECT_ERROR(FormatError, io::load(folder / "a"),
                 "[io::load] at " + (folder / "a").string() +
                     ": expected a file of JLD2, HDF5, safetensors, PyTorch or NumPy, got another. "
                     "The file is damaged or of a format that luxtorch does not read.");
    // With an extension the format's own words.
    fs::rename(folder / "a", folder / "a.pt");
    EXPECT_THROW(io::load(folder / "a.pt"), FormatError);
  }
  EXPECT_THROW(io::load(folder / "missing.pt"), ArgumentError);
}

}  // namespace
}  // namespace luxtorch
