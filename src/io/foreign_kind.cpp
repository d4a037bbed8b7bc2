#include "io/foreign_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "io/base/json.h"
#include "utf8.h"

namespace luxtorch::io {
namespace {

using namespace std::string_view_literals;

constexpr const char* kNotDownloaded =
    "It was not copied or downloaded to its end; fetch it again.";
constexpr const char* kUnpack = "Unpack it and load the file in it.";
constexpr const char* kThroughPython = "Open it in Python and save its arrays, with numpy.savez.";

struct Magic {
  size_t at;
  std::string_view bytes;
  const char *what, *advice;
};
constexpr std::array kMagic = {
    Magic{0, "\x1f\x8b"sv, "a gzip file", "Unpack it (gunzip) and load what comes out."},
    Magic{0, "BZh"sv, "a bzip2 file", "Unpack it (bunzip2) and load what comes out."},
    Magic{0,
          "\xfd"
          "7zXZ\0"sv,
          "an xz file", "Unpack it (unxz) and load what comes out."},
    Magic{0, "\x28\xb5\x2f\xfd"sv, "a Zstandard file",
          "Unpack it (unzstd) and load what comes out."},
    Magic{0, "\x04\x22\x4d\x18"sv, "an LZ4 file", "Unpack it (unlz4) and load what comes out."},
    Magic{0, "7z\xbc\xaf\x27\x1c"sv, "a 7-Zip archive", kUnpack},
    Magic{0, "Rar!\x1a\x07"sv, "a RAR archive", kUnpack},
    Magic{257, "ustar"sv, "a tar archive", "Unpack it (tar -xf) and load the file in it."},
    Magic{0, "MATLAB 5.0 MAT-file"sv, "a MATLAB 5 file (.mat)",
          "Save it in MATLAB with -v7.3, which is HDF5, or in Python with scipy.io.loadmat and "
          "numpy.savez."},
    Magic{0, "CDF\1"sv, "a netCDF-3 file", "Make it HDF5: nccopy -k nc4 IN OUT."},
    Magic{0, "CDF\2"sv, "a netCDF-3 file", "Make it HDF5: nccopy -k nc4 IN OUT."},
    Magic{0, "CDF\5"sv, "a netCDF-3 file (CDF-5)", "Make it HDF5: nccopy -k nc4 IN OUT."},
    Magic{0, "\x0e\x03\x13\x01"sv, "an HDF4 file", "Make it HDF5: h4toh5 IN OUT."},
    Magic{0, "GGUF"sv, "a GGUF file",
          "Read it with Python's package gguf and save its arrays with numpy.savez, or take the "
          "model's safetensors files."},
    Magic{0, "lmgg"sv, "a GGML file", kThroughPython},
    Magic{0, "fmgg"sv, "a GGML file", kThroughPython},
    Magic{0, "tjgg"sv, "a GGML file", kThroughPython},
    Magic{4, "TFL3"sv, "a TensorFlow Lite model", kThroughPython},
    Magic{0, "ARROW1"sv, "an Arrow file", kThroughPython},
    Magic{0, "PAR1"sv, "a Parquet file", kThroughPython},
    Magic{0, "SQLite format 3\0"sv, "an SQLite database", kThroughPython},
    Magic{0, "version https://git-lfs.github.com/spec/"sv, "a Git LFS pointer",
          "Fetch the file itself: git lfs pull."},
    Magic{0, "/annex/objects/"sv, "a git-annex pointer", "Fetch the file itself: git annex get."},
    Magic{0, "outs:\n- "sv, "a DVC pointer", "Fetch the file itself: dvc pull."}};

bool starts_with_letters(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

std::string_view without_space(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
}

// A byte that texts do not have, or half a character of UTF-8 at the end of what is seen.
bool is_text(std::string_view start) {
  auto is_odd = [](unsigned char c) {
    return (c < 0x20 && std::strchr("\t\n\r\f", c) == nullptr) || c == 0x7f || c == 0;
  };
  if (std::ranges::any_of(start, is_odd)) return false;
  for (int cut = 0; cut < 4 && start.size() > 4; ++cut, start.remove_suffix(1))
    if (detail::is_utf8(start)) return true;
  return detail::is_utf8(start);
}

ForeignKind kind_of_text(std::string_view start) {
  auto text = without_space(start);
  for (auto tag : {"<!doctype html"sv, "<html"sv, "<head"sv, "<body"sv})
    if (starts_with_letters(text, tag))
      return {
          "an HTML page",
          "Its address leads to a page about the file or wants a login; fetch the file itself."};
  if (text.starts_with("<?xml"))
    return {"an XML text", "It is perhaps a server's answer; fetch the file itself."};
  if (text.starts_with('{') || text.starts_with('[')) {
    if (start.find("\"weight_map\"") != start.npos || start.find("\"total_size\"") != start.npos)
      return {"the index of a model in several files (index.json)",
              "Load each of the files that it names."};
    return {"a JSON text", "Load the file of the arrays, which lies perhaps beside it."};
  }
  auto line = text.substr(0, std::min<size_t>(text.find_first_of("\r\n"), 40));
  std::string quoted;
  if (!detail::is_utf8(line)) return {};
  append_json(quoted, line);
  return {"a text that begins " + quoted,
          "It is perhaps a server's answer in place of the file; fetch the file itself."};
}

template <class T>
T number(std::string_view bytes, size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Five numbers (the kind, rows, columns, imaginary parts, the name's length) and a variable's name.
bool is_matlab4(std::string_view start, uint64_t size) {
  constexpr size_t kHead = 20;
  if (start.size() <= kHead) return false;
  std::array<uint32_t, 5> head{};
  for (size_t i = 0; i < head.size(); ++i) head[i] = number<uint32_t>(start, 4 * i);
  if (head[4] > 0xffff)
    for (auto& word : head) word = __builtin_bswap32(word);
  auto [kind, rows, columns, imaginary, length] = head;
  bool is_kind = kind < 5000 && kind / 100 % 10 == 0 && kind / 10 % 10 < 6 && kind % 10 < 3;
  if (!is_kind || imaginary > 1 || length < 2 || length > 64 || kHead + length > start.size())
    return false;
  constexpr std::array<uint64_t, 6> kWidths = {8, 4, 4, 2, 2, 1};
  uint64_t numbers = uint64_t{rows} * columns;
  if (rows >> 31U || columns >> 31U || numbers > size) return false;
  auto name = start.substr(kHead, length);
  auto is_letter = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return name.back() == '\0' && std::ranges::all_of(name.substr(0, length - 1), is_letter) &&
         kHead + length + numbers * kWidths[kind / 10 % 10] <= size;
}

// "cnumpy.core.multiarray\n_reconstruct\n": a pickle's call by name.
bool is_global(std::string_view text) {
  auto first = text.find('\n');
  if (!text.starts_with('c') || first == text.npos) return false;
  auto second = text.find('\n', first + 1);
  auto is_name = [](std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '_' || c == '.';
    });
  };
  return second != text.npos && is_name(text.substr(1, first - 1)) &&
         is_name(text.substr(first + 1, second - first - 1));
}

bool is_pickle(std::string_view start) {
  if (start.size() < 2) return false;
  if (start[0] == '\x80' && start[1] >= 2 && start[1] <= 5) return true;
  for (auto first :
       {"(dp0\n"sv, "(lp0\n"sv, "(dp1\n"sv, "(lp1\n"sv, "}q\0"sv, "]q\0"sv, "}q\1"sv, "]q\1"sv})
    if (start.starts_with(first)) return true;
  return is_global(start);
}

// A document of BSON is its length, its elements, a NUL; Julia's BSON.jl writes one.
bool is_bson(std::string_view start, uint64_t size) {
  if (start.size() < 8 || number<uint32_t>(start, 0) != size) return false;
  auto name = start.substr(5, start.find('\0', 5) - 5);
  auto kind = static_cast<unsigned char>(start[4]);
  return kind >= 1 && kind <= 0x13 && name.size() < start.size() - 6 && is_text(name);
}

// ir_version, then producer_name, as all exporters write them.
bool is_onnx(std::string_view start) {
  if (start.size() < 4 || start[0] != '\x08' || start[2] != '\x12') return false;
  auto length = static_cast<unsigned char>(start[3]);
  return start[1] > 2 && start[1] < 32 && length > 0 && length < 64 &&
         4U + length <= start.size() && is_text(start.substr(4, length));
}

}  // namespace

ForeignKind foreign_kind(std::string_view start, uint64_t size) {
  if (size == 0) return {"an empty file", kNotDownloaded};
  for (const auto& magic : kMagic)
    if (start.size() > magic.at && start.substr(magic.at).starts_with(magic.bytes))
      return {magic.what, magic.advice};
  if (is_pickle(start))
    return {
        "a Python pickle",
        "Only Python can run it, and it may do anything there. If you trust it, load it in Python "
        "and save its arrays with numpy.savez or torch.save."};
  if (is_matlab4(start, size))
    return {"a MATLAB 4 file (.mat)",
            "Save it in MATLAB with -v7.3, which is HDF5, or in Python with scipy.io.loadmat and "
            "numpy.savez."};
  if (is_bson(start, size))
    return {"a BSON file, as BSON.jl writes it", "Open it in Julia and save its arrays with JLD2."};
  if (is_onnx(start)) return {"an ONNX model", kThroughPython};
  if (start.size() >= 16 && std::ranges::all_of(start, [](char c) { return c == 0; }))
    return {fmt::format("a file whose first {} bytes are all 0", start.size()), kNotDownloaded};
  return is_text(start) ? kind_of_text(start) : ForeignKind{};
}

}  // namespace luxtorch::io
