#include "luxtorch/io/io.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "io/formats.h"
#include "luxtorch/core/error.h"

namespace luxtorch::io {
namespace {

constexpr const char* kLoad = "io::load";

// "a, b or c"
std::string either(const std::vector<std::string_view>& names) {
  auto front = std::span(names).first(names.size() - 1);
  return fmt::format("{} or {}", fmt::join(front, ", "), names.back());
}

// by_name: the format that a file's name tells, for a file that tells nothing by itself.
Tree load_file(const InputFile& file, const LoadOptions& options, const Format* by_name) {
  if (options.report) *options.report = {};
  Content content(file);
  auto kind = kind_of(content);
  const Format* format = kind.format;
  if (!format && kind.what.empty()) format = by_name;
  if (format) return format->load(content, options);
  std::vector<std::string_view> titles;
  for (const Format& known : formats()) titles.push_back(known.title);
  FormatError error(
      kLoad, fmt::format("expected a file of {}, got {}. {}", either(titles),
                         kind.what.empty() ? "another" : kind.what,
                         kind.what.empty() ? "The file is damaged or of a format that luxtorch "
                                             "does not read."
                                           : kind.advice));
  error.prepend_path_(file.name());
  throw error;
}

}  // namespace

void save(const std::filesystem::path& path, const Tree& tree, const SaveOptions& options) {
  if (const Format* format = format_of_path(path)) return format->save(path, tree, options);
  std::vector<std::string_view> extensions;
  for (const Format& known : formats())
    for (const Extension& extension : known.extensions) extensions.push_back(extension.name);
  auto extension = path.extension().string();
  ArgumentError error(
      "io::save", fmt::format("expected a path that ends in {}, got {}. Rename it or call a "
                              "format's own save.",
                              either(extensions), extension.empty() ? "no extension" : extension));
  error.prepend_path_(path.string());
  throw error;
}

Tree load(const std::filesystem::path& path, const LoadOptions& options) {
  return load_file(InputFile(kLoad, path), options, format_of_path(path));
}

Tree load(std::span<const std::byte> bytes, const LoadOptions& options) {
  return load_file(InputFile(kLoad, bytes), options, nullptr);
}

}  // namespace luxtorch::io
