#include "fuzz/seeds.h"

#include <algorithm>
#include <functional>

#include "io/jld2_corpus.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/hdf5.h"
#include "luxtorch/io/jld2.h"
#include "luxtorch/io/numpy.h"
#include "luxtorch/io/safetensors.h"
#include "luxtorch/io/torch_archive.h"
#include "support/files.h"
#ifdef LUXTORCH_FUZZ_HDF5
#include "io/plain_hdf5.h"
#endif

namespace luxtorch::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLargest = 1U << 17U;  // a fuzzer gets nowhere with long files

void add_file(std::vector<Seed>& seeds, const std::string& name, const fs::path& path) {
  std::string bytes = test::read_file(path);
  if (bytes.size() <= kLargest) seeds.push_back({name, std::move(bytes)});
}

// What `save` makes of every tree of the corpus that it takes.
using Save = std::function<void(const fs::path& path, const Tree& tree)>;
void add_saved(std::vector<Seed>& seeds, const fs::path& folder, const std::string& extension,
               const Save& save) {
  for (const auto& [name, tree] : test::jld2_corpus()) {
    fs::path path = folder / (name + extension);
    try {
      save(path, tree);
    } catch (const UnsupportedError&) {
      continue;
    }
    add_file(seeds, path.filename(), path);
  }
}

void add_jld2(std::vector<Seed>& seeds, const fs::path& folder) {
  for (const auto& file : fs::recursive_directory_iterator(test::golden_folder() + "/jld2")) {
    if (file.path().extension() != ".jld2") continue;
    auto version = file.path().parent_path().filename().string();
    add_file(seeds, version + "_" + file.path().filename().string(), file.path());
  }
  for (bool compress : {false, true})
    add_saved(seeds, folder, compress ? ".deflated.jld2" : ".jld2",
              [&](const fs::path& path, const Tree& tree) {
                jld2::save(path, tree, {.compress = compress});
              });
  for (bool compress : {false, true})
    add_saved(seeds, folder, compress ? ".deflated.h5" : ".h5",
              [&](const fs::path& path, const Tree& tree) {
                hdf5::save(path, tree, {.compress = compress});
              });
#ifdef LUXTORCH_FUZZ_HDF5
  for (const auto& format : test::hdf5_formats()) {
    fs::path path = folder / (std::string(format.name) + ".h5");
    test::write_hdf5_zoo(path, format);
    add_file(seeds, path.filename(), path);
  }
#endif
}

void add_safetensors(std::vector<Seed>& seeds, const fs::path& folder) {
  add_file(seeds, "foreign.safetensors", test::golden_folder() + "/foreign.safetensors");
  add_saved(seeds, folder, ".safetensors",
            [](const fs::path& path, const Tree& tree) { safetensors::save(path, tree); });
}

void add_torch_archive(std::vector<Seed>& seeds, const fs::path& folder) {
  for (const auto& file : fs::directory_iterator(test::golden_folder() + "/pt"))
    if (file.path().extension() == ".pt")
      add_file(seeds, "golden_" + file.path().filename().string(), file.path());
  add_saved(seeds, folder, ".pt",
            [](const fs::path& path, const Tree& tree) { torch_archive::save(path, tree); });
}

void add_numpy(std::vector<Seed>& seeds, const fs::path& folder) {
  for (bool compress : {false, true})
    add_saved(seeds, folder, compress ? ".deflated.npz" : ".npz",
              [&](const fs::path& path, const Tree& tree) {
                numpy::save(path, tree, {.compress = compress});
              });
  size_t count = 0;
  for (const auto& [name, tree] : test::jld2_corpus())
    for (const Tree& leaf : tree::leaves(tree)) {
      if (!leaf.is_tensor() || count == 20) continue;
      fs::path path = folder / (std::to_string(count++) + ".npy");
      numpy::save(path, leaf);
      add_file(seeds, path.filename(), path);
    }
}

}  // namespace

std::vector<Seed> seeds(std::string_view target, const fs::path& folder) {
  std::vector<Seed> result;
  if (target == "jld2") add_jld2(result, folder);
  if (target == "numpy") add_numpy(result, folder);
  if (target == "safetensors") add_safetensors(result, folder);
  if (target == "torch_archive") add_torch_archive(result, folder);
  std::ranges::sort(result, {}, &Seed::name);
  return result;
}

}  // namespace luxtorch::fuzz
