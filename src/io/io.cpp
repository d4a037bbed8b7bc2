#include "luxtorch/io/io.h"

#include <fmt/format.h>

#include <optional>

#include "io/base/file_kind.h"
#include "io/base/input_file.h"
#include "io/jld2/load.h"
#include "luxtorch/core/error.h"

namespace luxtorch::io {
namespace {

std::string extension_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return extension;
}

std::optional<Format> format_of_name(const std::filesystem::path& path) {
  auto extension = extension_of(path);
  if (extension == ".jld2") return Format::kJld2;
  if (extension == ".h5" || extension == ".hdf5") return Format::kHdf5;
  if (extension == ".safetensors") return Format::kSafetensors;
  if (extension == ".pt" || extension == ".pth") return Format::kTorchArchive;
  if (extension == ".npz" || extension == ".npy") return Format::kNumpy;
  return std::nullopt;
}

}  // namespace

void save(const std::filesystem::path& path, const Tree& tree, const SaveOptions& options) {
  auto format = format_of_name(path);
  if (!format) {
    auto extension = extension_of(path);
    ArgumentError error(
        "io::save",
        fmt::format("expected a path that ends in .jld2, .h5, .hdf5, .safetensors, .pt, "
                    ".pth, .npz or .npy, got {}. Rename it or call a format's own save.",
                    extension.empty() ? "no extension" : extension));
    error.prepend_path_(path.string());
    throw error;
  }
  switch (*format) {
    case Format::kJld2:
      return jld2::save(path, tree, options.jld2);
    case Format::kHdf5:
      return hdf5::save(path, tree, options.hdf5);
    case Format::kSafetensors:
      return safetensors::save(path, tree, options.safetensors);
    case Format::kTorchArchive:
      return torch_archive::save(path, tree, options.torch_archive);
    case Format::kNumpy:
      return numpy::save(path, tree, options.numpy);
  }
}

Tree load(const std::filesystem::path& path, const LoadOptions& options) {
  constexpr const char* kWho = "io::load";
  if (options.report) *options.report = {};
  const auto& [report, map, limit, verify] = options;
  auto kind = kind_of(InputFile(kWho, path));
  auto format = kind.format;
  if (!format && kind.what.empty()) format = format_of_name(path);
  if (!format) {
    FormatError error(
        kWho,
        fmt::format("expected a file of JLD2, HDF5, safetensors, PyTorch or NumPy, got {}. {}",
                    kind.what.empty() ? "another" : kind.what,
                    kind.what.empty() ? "The file is damaged or of a format that luxtorch does "
                                        "not read."
                                      : kind.advice));
    error.prepend_path_(path.string());
    throw error;
  }
  switch (*format) {
    case Format::kJld2:
      return jld2::load(path, {report, limit});
    case Format::kHdf5:
      return jld2::load_plain_hdf5(kWho, path, {report, limit});
    case Format::kSafetensors:
      return safetensors::load(path, {map});
    case Format::kTorchArchive:
      return torch_archive::load(path, {report, map, limit, verify});
    case Format::kNumpy:
      break;
  }
  return numpy::load(path, {report, map, limit, verify});
}

}  // namespace luxtorch::io
