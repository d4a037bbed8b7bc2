// Trees to and from PyTorch's .pt files, as torch.save writes state dicts and checkpoints.
//
//     torch_archive::save("model.pt", ps);
//     torch_archive::save("model.pt", to_torch(model, ps, st), {.state_dict = true});
//     Tree weights = torch_archive::load("lstm.pt");    // of torch.save(model.state_dict(), "lstm.pt")
//
// In Python, torch.load("model.pt", weights_only=True) gives dicts of tensors, nested as the tree
// is.
//
// Every function may be called from several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "luxtorch/core/api.h"
#include "luxtorch/io/report.h"
#include "luxtorch/tree.h"

namespace luxtorch::torch_archive {

/// How save writes a file.
struct SaveOptions {
  /// One dict whose keys are the leaves' paths, "0.weight", as a module's load_state_dict takes it,
  /// in place of nested dicts. load nests it again; tuples come back as named trees, and empty
  /// nodes do not come back.
  bool state_dict = false;
};

/// How load reads a file.
struct LoadOptions {
  /// Cleared and filled by load. With a report, values that Python would have to build or run
  /// (objects, classes, whole modules, attributes of tensors), and keys that are not names, become
  /// entries in the report, and the rest loads. In the tree, an object is a named tree of its
  /// attributes, a tuple of its elements, or none.
  io::Report* report = nullptr;
  /// Tensors are views of the file, as torch.load's mmap gives them (luxtorch/io/io.h). Checksums
  /// of mapped storages are not compared.
  bool map = false;
  /// Bytes of memory (luxtorch/io/io.h). PyTorch itself deflates nothing.
  uint64_t memory_limit = 0;
  /// Compare checksums, where a file has some.
  bool verify_checksums = true;
};

/// Writes any tree.
///
///     named, tuple            dict, tuple
///     tensor                  torch.Tensor on the CPU; the same tensor twice stays one, other
///                             views that share memory become tensors of their own; a graph is
///                             left out
///     bool, int64, double     bool, int, float
///     string, none            str, None
///     Rng                     {".rng": its key}, from which load makes an Rng again
///     undefined tensor        {".tensor": None}, from which load makes an undefined tensor again
///
/// The file appears at once and whole: it is written beside `path`, synced and renamed. After an
/// error the old file is still there, untouched. Throws ArgumentError for a path that cannot be
/// written and a full disk, UnsupportedError for what such a file cannot hold (quantised tensors,
/// sparse ones, strings and keys that are not UTF-8, more than 500 levels).
LUXTORCH_API void save(const std::filesystem::path& path, const Tree& tree,
                       SaveOptions options = {});

/// The tree that save wrote, bit for bit, on the CPU. In files that Python wrote, dicts are named
/// trees; lists, tuples and torch.Size are tuples. Dicts are nested at their keys' dots, in the
/// file's order: "0.weight" of a state dict is at("0.weight"). Tensors that share memory in the
/// file share it here. Parameters are tensors that require no gradient. A state dict's _metadata is
/// left out, and without a report a tensor's attributes are too. Other values become:
///
///     set, frozenset          a tuple, in the file's order
///     bytes, bytearray        a vector of uint8
///     complex                 a complex128 of no dimensions
///     int beyond int64        its digits, a string
///     dtype, device, layout   strings: "torch.float32", "cuda:1"
///     Counter                 a named tree
///     other keys              what Python prints: 3, True, None, 0.5, (1, 'a')
///     storage                 a vector of its elements
///     conjugated, negated     a tensor of the values
///     sparse tensor           indices or crow_indices and the like, values, size, with torch's
///                             names
///     quantised tensor        int_repr, scale and zero_point, or scales, zero_points and axis
///     nested tensor           values, sizes, strides, offsets
///
/// load also reads archives of C++: the values of torch::pickle_save, and the tensors, modules and
/// optimizers of torch::save as named trees of what they hold. It reads files of PyTorch 0.1.10 to
/// 1.5, and, with a report, TorchScript's modules as named trees of their attributes.
///
/// Nothing in the file is ever run: a pickle of protocol 0 to 5 is read by code of this library. A
/// pickle that asks for anything else is refused, with its name in the error; with a report, that
/// value is an entry in the report. Bytes before and after the archive are ignored. A checksum of 0
/// means that the file has no checksums where all of them, or all of the storages', are 0. Every
/// length and offset is checked before it is used.
///
/// Throws ArgumentError for a path that cannot be read, and FormatError, which says where and why,
/// for a file that is damaged or not PyTorch's. Without a report it throws UnsupportedError for a
/// pickle that asks for more, whole modules, TorchScript, tensors on the meta device, and keys that
/// are the same name as an int and as a str. In any case it throws UnsupportedError for files of
/// PyTorch before 0.1.10 (tar archives) and of big-endian machines, more than 500 levels, 10 million
/// values or 64 MiB of pickle. Keys that are no paths are escaped (luxtorch/io/io.h).
LUXTORCH_API Tree load(const std::filesystem::path& path, LoadOptions options = {});
/// The same of a file's bytes in memory; errors call them "the bytes". Each tensor is a copy of its
/// part of them, and `map` does nothing.
LUXTORCH_API Tree load(std::span<const std::byte> bytes, LoadOptions options = {});

}  // namespace luxtorch::torch_archive
