#include "io/base/file_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "io/foreign_kind.h"
#include "io/numpy/npy_array.h"
#include "io/torch/legacy.h"
#include "io/zip/reader.h"

namespace luxtorch::io {
namespace {

constexpr uint64_t kFirstBytes = 4096;  // bytes that most kinds are told by

std::string first_bytes_at(const InputFile& file, uint64_t offset, uint64_t count) {
  if (offset >= file.size()) return "";
  std::string bytes(std::min(count, file.size() - offset), '\0');
  file.read(offset, bytes.data(), bytes.size());
  return bytes;
}

// At byte 0, or behind another program's bytes at 512, 1024, 2048 and so on.
bool is_hdf5(const InputFile& file) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  for (uint64_t at = 0; at < file.size(); at = at == 0 ? 512 : at * 2)
    if (first_bytes_at(file, at, kSignature.size()) == kSignature) return true;
  return false;
}

// In the text before the HDF5 file proper.
bool is_jld2(std::string_view start) {
  return start.starts_with("HDF5-based Julia Data Format") ||
         start.starts_with("Julia data file (HDF5)");
}

bool is_safetensors(const InputFile& file, std::string_view start) {
  uint64_t length = 0;
  if (start.size() <= sizeof length || start[sizeof length] != '{') return false;
  std::memcpy(&length, start.data(), sizeof length);
  return length <= file.size() - sizeof length;
}

// Nothing for an archive that cannot be read.
FileKind kind_of_archive(const InputFile& file) {
  std::vector<ZipEntry> entries;
  try {
    entries = read_zip_directory(file, UINT64_MAX);
  } catch (const Fault&) {
    return {};
  }
  auto any = [&](auto&& matches) { return std::ranges::any_of(entries, matches, &ZipEntry::name); };
  auto ends = [](std::string_view end) {
    return [end](const std::string& name) { return name.ends_with(end); };
  };
  if (any(ends("/data.pkl"))) return {Format::kTorchArchive, "", ""};
  if (entries.empty() || any(ends(".npy"))) return {Format::kNumpy, "", ""};
  if (any([](const std::string& name) { return name == "model.weights.h5"; }))
    return {{},
            "a model of Keras (.keras), a zip archive",
            "Unpack it (unzip) and load its model.weights.h5."};
  return {{},
          fmt::format("a zip archive of other files (\"{}\" is one)", entries.front().name),
          "Unpack it (unzip) and load the file in it."};
}

}  // namespace

const char* describe(Format format) {
  constexpr std::array kNames = {"a JLD2 file", "an HDF5 file", "a safetensors file",
                                 "a file of torch.save", "an npz or npy file"};
  return kNames.at(static_cast<size_t>(format));
}

FileKind kind_of(const InputFile& file) {
  std::string start = first_bytes_at(file, 0, kFirstBytes);
  FileKind kind;
  if (start.starts_with(kNpyMagic)) {
    kind.format = Format::kNumpy;
  } else if (start.starts_with("PK")) {
    kind = kind_of_archive(file);
  } else if (torch_archive::is_legacy(file)) {
    kind.format = Format::kTorchArchive;
  } else if (is_hdf5(file)) {
    kind.format = is_jld2(start) ? Format::kJld2 : Format::kHdf5;
  } else if (is_safetensors(file, start)) {
    kind.format = Format::kSafetensors;
  } else {
    auto foreign = foreign_kind(start, file.size());
    kind = {{}, std::move(foreign.what), std::move(foreign.advice)};
  }
  if (kind.format) kind = {kind.format, describe(*kind.format), "io::load reads it."};
  return kind;
}

void refuse_other_kinds(const char* who, const std::filesystem::path& path, Format format) {
  FileKind kind;
  try {
    kind = kind_of(InputFile(who, path));
  } catch (const Error&) {
    return;  // what the reader said of the file stays
  }
  auto container = [](Format f) { return f == Format::kJld2 ? Format::kHdf5 : f; };
  // PyTorch before 0.1.10 wrote tar archives, of which torch_archive::load knows more to say.
  if (format == Format::kTorchArchive && kind.what == kTar) return;
  if (kind.what.empty() || (kind.format && container(*kind.format) == container(format))) return;
  FormatError error(
      who, fmt::format("expected {}, got {}. {}", describe(format), kind.what, kind.advice));
  error.prepend_path_(path.string());
  throw error;
}

}  // namespace luxtorch::io
