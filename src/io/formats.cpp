// The table of the formats: a format is a row here and a folder beside it.
#include "io/formats.h"

#include <algorithm>
#include <string>

#include "io/jld2/load.h"
#include "io/numpy/load.h"
#include "io/safetensors/load.h"
#include "io/torch/load.h"

namespace luxtorch::io {
namespace {

using Path = std::filesystem::path;

std::string extension_of(const Path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return extension;
}

const Extension* extension_in(const Format& format, const Path& path) {
  auto found = std::ranges::find(format.extensions, extension_of(path), &Extension::name);
  return found == format.extensions.end() ? nullptr : &*found;
}

}  // namespace

std::span<const Format> formats() {
  static const std::vector<Format> kFormats = {
      {.name = "jld2",
       .title = "JLD2",
       .extensions = {{".jld2", true}},
       .type = jld2::kType,
       .load = [](const Content& file,
                  const LoadOptions& o) { return jld2::load(file, {o.report, o.memory_limit}); },
       .save = [](const Path& path, const Tree& tree,
                  const SaveOptions& o) { jld2::save(path, tree, {o.compress}); }},
      {.name = "hdf5",
       .title = "HDF5",
       .extensions = {{".h5", true}, {".hdf5", true}},
       .type = jld2::kPlainHdf5Type,
       .load =
           [](const Content& file, const LoadOptions& o) {
             return jld2::load_plain_hdf5("io::load", file, {o.report, o.memory_limit});
           },
       .save = [](const Path& path, const Tree& tree,
                  const SaveOptions& o) { hdf5::save(path, tree, {o.compress}); }},
      {.name = "safetensors",
       .title = "safetensors",
       .extensions = {{".safetensors", false}},
       .type = safetensors::kType,
       .load = [](const Content& file,
                  const LoadOptions& o) { return safetensors::load(file, {o.map}); },
       .save = [](const Path& path, const Tree& tree,
                  const SaveOptions& o) { safetensors::save(path, tree, o.safetensors); }},
      {.name = "torch_archive",
       .title = "PyTorch",
       .extensions = {{".pt", false}, {".pth", false}},
       .type = torch_archive::kType,
       .load =
           [](const Content& file, const LoadOptions& o) {
             return torch_archive::load(file,
                                        {o.report, o.map, o.memory_limit, o.verify_checksums});
           },
       .save = [](const Path& path, const Tree& tree,
                  const SaveOptions& o) { torch_archive::save(path, tree, o.torch_archive); }},
      {.name = "numpy",
       .title = "NumPy",
       .extensions = {{".npz", true}, {".npy", false}},
       .type = numpy::kType,
       .load =
           [](const Content& file, const LoadOptions& o) {
             return numpy::load(file, {o.report, o.map, o.memory_limit, o.verify_checksums});
           },
       .save = [](const Path& path, const Tree& tree,
                  const SaveOptions& o) { numpy::save(path, tree, {o.compress}); }}};
  return kFormats;
}

const Format* format_of_path(const Path& path) {
  for (const Format& format : formats())
    if (extension_in(format, path) != nullptr) return &format;
  return nullptr;
}

bool compresses(const Path& path) {
  const Format* format = format_of_path(path);
  return format != nullptr && extension_in(*format, path)->compresses;
}

}  // namespace luxtorch::io
