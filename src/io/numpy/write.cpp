// numpy::save.
#include <fmt/format.h>

#include <algorithm>

#include "io/base/atomic_file.h"
#include "io/base/dense_bytes.h"
#include "io/base/fault.h"
#include "io/base/file_names.h"
#include "io/base/flat_names.h"
#include "io/base/tree_json.h"
#include "io/numpy/npy_array.h"
#include "io/numpy/npz_names.h"
#include "io/zip/writer.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/numpy.h"
#include "text.h"

namespace luxtorch::numpy {
namespace {

constexpr const char* kSave = "numpy::save";

[[noreturn]] void refuse(const std::string& path, const std::string& message) {
  UnsupportedError error(kSave, message);
  error.prepend_path_(path);
  throw error;
}

struct Array {
  std::string name, head;
  Tensor tensor;
};

Array array_of(const std::string& path, const Tensor& t) {
  if (!t.defined()) refuse(path, "expected a tensor, got an undefined one.");
  if (!io::has_dense_elements(t))
    refuse(path, "expected a dense tensor that has its values, got another kind. Convert it.");
  std::string head = io::npy_head(t.scalar_type(), t.sizes());
  if (head.empty())
    refuse(path, fmt::format("expected a dtype that NumPy has, got {}. Convert it.",
                             dtype_text(t.scalar_type())));
  return {path, std::move(head), t};
}

// Is it what load makes of flat names?
bool is_plain(const Tree& t) {
  if (t.is_tensor()) return t.tensor().defined();
  return t.is_named() && t.size() > 0 &&
         std::ranges::all_of(t.items(), [](const auto& item) { return is_plain(item.second); });
}

// All that can be refused is refused here.
struct Archive {
  std::vector<Array> arrays;
  std::string structure;  // empty: the names tell

  explicit Archive(const Tree& tree) {
    std::vector<std::string> paths;
    tree::for_each(
        [&](const std::string& path, const Tree& leaf) {
          if (!leaf.is_tensor() || !leaf.tensor().defined()) return;
          arrays.push_back(array_of(path, leaf.tensor()));
          paths.push_back(path);
        },
        tree);
    bool is_flat = tree.is_named() && is_plain(tree) && io::names_tell(paths) &&
                   std::ranges::find(paths, kTreeName) == paths.end();
    std::vector<std::string_view> reserved = {kTreeName};
    if (!is_flat) reserved.emplace_back("");  // there an undefined tensor
    auto names = io::file_names(paths, kRootName, reserved);
    auto name = [&](const std::string& path) { return names.at(path); };
    // It refuses keys and depths that no file should have, too.
    auto text = io::tree_to_json(kSave, tree, name);
    if (!is_flat && !(tree.is_named() && tree.size() == 0)) structure = std::move(text);
    constexpr size_t kLongest = 60'000;
    for (auto& array : arrays) {
      array.name = name(array.name);
      if (array.name.size() > kLongest)
        refuse("", fmt::format("expected paths of at most {} bytes, got one of {}. Shorten it.",
                               kLongest, array.name.size()));
    }
  }

  void write(io::ZipWriter& zip, bool compress) const {
    auto add = [&](const std::string& name, const std::string& head, uint64_t bytes,
                   const auto& elements) {
      zip.add(name + std::string(kSuffix), head.size() + bytes, compress, [&](const auto& to) {
        to(head);
        elements(to);
      });
    };
    if (!structure.empty()) {
      int64_t size = static_cast<int64_t>(structure.size());
      add(std::string(kTreeName), io::npy_head(Dtype::Byte, {size}), structure.size(),
          [&](const auto& to) { to(structure); });
    }
    for (const auto& array : arrays)
      add(array.name, array.head, array.tensor.numel() * array.tensor.element_size(),
          [&](const auto& to) {
            Tensor dense = io::dense(array.tensor);
            to(io::bytes_of(dense));
          });
  }
};

void save_npz(const std::filesystem::path& path, const Tree& tree, const SaveOptions& options) {
  Archive archive(tree);
  io::AtomicFile file(kSave, path);
  io::ZipWriter zip(file);
  archive.write(zip, options.compress);
  zip.finish();
  file.commit();
}

void save_npy(const std::filesystem::path& path, const Tree& tree) {
  if (!tree.is_tensor())
    refuse("", "expected a tensor for an npy file, got " + describe_kind(tree) + ". Use .npz.");
  Array array = array_of("", tree.tensor());
  io::AtomicFile file(kSave, path);
  file.write_at(0, array.head);
  Tensor dense = io::dense(array.tensor);
  file.write_at(array.head.size(), io::bytes_of(dense));
  file.commit();
}

}  // namespace

void save(const std::filesystem::path& path, const Tree& tree, SaveOptions options) {
  // Only a build without zlib refuses anything here.
  io::with_errors({kSave, path.string(), "an npz or npy file"}, [&] {
    path.extension() == kSuffix ? save_npy(path, tree) : save_npz(path, tree, options);
  });
}

}  // namespace luxtorch::numpy
