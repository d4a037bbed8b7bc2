#include "luxtorch/io/io.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "io/input_file.h"
#include "io/jld2_load.h"
#include "io/npy_array.h"
#include "io/zip_reader.h"
#include "luxtorch/core/error.h"

namespace luxtorch::io {
namespace {

enum class Format { kJld2, kHdf5, kSafetensors, kTorchArchive, kNumpy };

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

std::string bytes_at(const InputFile& file, uint64_t offset, uint64_t count) {
  if (offset >= file.size()) return "";
  std::string bytes(std::min(count, file.size() - offset), '\0');
  file.read(offset, bytes.data(), bytes.size());
  return bytes;
}

// At byte 0, or behind another program's bytes at 512, 1024, 2048 and so on.
bool is_hdf5(const InputFile& file) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  for (uint64_t at = 0; at < file.size(); at = at == 0 ? 512 : at * 2)
    if (bytes_at(file, at, kSignature.size()) == kSignature) return true;
  return false;
}

// In the text before the HDF5 file proper.
bool is_jld2(const InputFile& file) {
  constexpr std::string_view kNow = "HDF5-based Julia Data Format";
  constexpr std::string_view kOnce = "Julia data file (HDF5)";
  return bytes_at(file, 0, kNow.size()) == kNow || bytes_at(file, 0, kOnce.size()) == kOnce;
}

bool is_safetensors(const InputFile& file) {
  std::string start = bytes_at(file, 0, sizeof(uint64_t) + 1);
  if (start.size() <= sizeof(uint64_t) || start.back() != '{') return false;
  uint64_t length = 0;
  std::copy_n(start.data(), sizeof length, reinterpret_cast<char*>(&length));
  return length <= file.size() - sizeof length;
}

// None for an archive that cannot be read.
std::optional<Format> format_of_archive(const InputFile& file) {
  try {
    auto entries = read_zip_directory(file, UINT64_MAX);
    bool is_torch = std::ranges::any_of(
        entries, [](const ZipEntry& entry) { return entry.name.ends_with("/data.pkl"); });
    return is_torch ? Format::kTorchArchive : Format::kNumpy;
  } catch (const FileFault&) {
    return std::nullopt;
  } catch (const FileUnsupported&) {
    return std::nullopt;
  }
}

std::optional<Format> format_of_bytes(const InputFile& file) {
  std::string start = bytes_at(file, 0, kNpyMagic.size());
  if (start == kNpyMagic) return Format::kNumpy;
  if (start.starts_with("PK")) return format_of_archive(file);
  if (start.starts_with("\x80\x02\x8a\x0a")) return Format::kTorchArchive;  // of before 1.6
  if (is_hdf5(file)) return is_jld2(file) ? Format::kJld2 : Format::kHdf5;
  if (is_safetensors(file)) return Format::kSafetensors;
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
  auto jld2_options = options.jld2;
  auto torch_options = options.torch_archive;
  auto numpy_options = options.numpy;
  auto safetensors_options = options.safetensors;
  torch_options.map |= options.map;
  numpy_options.map |= options.map;
  safetensors_options.map |= options.map;
  if (options.report) {
    *options.report = {};
    jld2_options.report = torch_options.report = options.report;
  }
  auto format = format_of_bytes(InputFile(kWho, path));
  if (!format) format = format_of_name(path);
  if (!format) {
    FormatError error(kWho,
                      "expected a file of JLD2, HDF5, safetensors, PyTorch or NumPy, got another. "
                      "The file is damaged or of a format that luxtorch does not read.");
    error.prepend_path_(path.string());
    throw error;
  }
  switch (*format) {
    case Format::kJld2:
      return jld2::load(path, jld2_options);
    case Format::kHdf5:
      return jld2::load_plain_hdf5(kWho, path, jld2_options);
    case Format::kSafetensors:
      return safetensors::load(path, safetensors_options);
    case Format::kTorchArchive:
      return torch_archive::load(path, torch_options);
    case Format::kNumpy:
      break;
  }
  return numpy::load(path, numpy_options);
}

}  // namespace luxtorch::io
