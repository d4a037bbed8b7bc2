// Trees to and from safetensors files, a format for weights that libraries of PyTorch, JAX and Rust
// share.
//
//     safetensors::save("model.safetensors", named({{"ps", ps}, {"st", st}}));
//     Tree file = safetensors::load("model.safetensors");
//     predict(model, x, file["ps"], file["st"]);
//
// In Python, safetensors.torch.load_file("model.safetensors") gives the tensors by their paths:
// "ps.layer_1.weight". The parts of a tree that such a file cannot hold (tuples, empty nodes,
// numbers, strings, rngs, none) are stored as JSON in its __metadata__, so that load gives back the
// same tree.
//
// Every function may be called from several threads.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch::safetensors {

/// How save writes a file.
struct SaveOptions {
  /// More entries for __metadata__, for other programs: {{"license", "MIT"}}. "format" is "pt"
  /// unless it is given here.
  std::vector<std::pair<std::string, std::string>> metadata = {};
};

/// Writes any tree. A tensor's name is its path, or "tensor" where the whole tree is one. Tensors
/// are copied from their device; views that share memory become arrays of their own, and a tensor
/// at several places (ties.h) an array at each, from which load makes one tensor again; a graph is
/// left out.
///
/// The file appears at once and whole: it is written beside `path`, synced and renamed. After an
/// error the old file is still there, untouched. Throws ArgumentError for a path that cannot be
/// written, a full disk and a metadata key that luxtorch uses itself, UnsupportedError for what the
/// format cannot hold (complex128 and quantised tensors, sparse ones, texts of metadata and keys
/// that are not UTF-8, more than 500 levels).
LUXTORCH_API void save(const std::filesystem::path& path, const Tree& tree,
                       SaveOptions options = {});

/// How load reads a file.
struct LoadOptions {
  /// Tensors are views of the file (luxtorch/io/io.h).
  bool map = false;
};

/// The tree that save wrote, bit for bit, on the CPU. A file of another program gives a named tree
/// that is nested on the names' dots, in the file's order: "0.weight" is file["0"]["weight"].
///
/// Every length and offset is checked before it is used. Throws ArgumentError for a path that
/// cannot be read, FormatError, which says where and why, for a file that is damaged or not
/// safetensors, UnsupportedError for dtypes that torch does not have, for a name that is there
/// twice and for a name of more than 500 parts.
LUXTORCH_API Tree load(const std::filesystem::path& path, LoadOptions options = {});
/// The same of a file's bytes in memory; errors call them "the bytes". Each tensor is a copy of its
/// part of them, and `map` does nothing.
LUXTORCH_API Tree load(std::span<const std::byte> bytes, LoadOptions options = {});

}  // namespace luxtorch::safetensors
