// safetensors::save.
#include <c10/core/ScalarType.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_set>

#include "io/base/atomic_file.h"
#include "io/base/dense_bytes.h"
#include "io/base/file_names.h"
#include "io/base/tree_json.h"
#include "io/safetensors/format.h"
#include "luxtorch/core/error.h"
#include "luxtorch/ties.h"
#include "text.h"
#include "utf8.h"

namespace luxtorch::safetensors {
namespace {

[[noreturn]] void refuse(const char* who, const std::string& path, const std::string& message) {
  UnsupportedError error(who, message);
  error.prepend_path_(path);
  throw error;
}

std::string_view dtype_name(const char* who, const std::string& path, const Tensor& t) {
  if (!io::has_dense_elements(t))
    refuse(who, path, "expected a dense tensor that has its values, got another kind. Convert it.");
  if (t.scalar_type() == Dtype::Float4_e2m1fn_x2 && t.dim() == 0)
    refuse(who, path, "expected pairs of float4 in a dimension, got one of shape (). Reshape it.");
  auto found = std::ranges::find(kDtypes, t.scalar_type(), &DtypeName::dtype);
  if (found == kDtypes.end())
    refuse(who, path,
           fmt::format("expected a dtype that safetensors has, got {}. Convert it.",
                       dtype_text(t.scalar_type())));
  return found->name;
}

struct Array {
  std::string name;
  std::string_view dtype;
  Tensor tensor;
};

// The ties of a tree as JSON; "" where there are none.
std::string ties_json(const char* who, const Tree& tree) {
  std::vector<Tree> groups;
  for (const auto& paths : ties(tree)) {
    std::vector<Tree> group(paths.begin(), paths.end());
    groups.push_back(tuple(std::move(group)));
  }
  if (groups.empty()) return "";
  return io::tree_to_json(who, tuple(std::move(groups)),
                          [](const std::string&) { return std::string(); });
}

std::string metadata_json(const char* who, const std::string& structure, const std::string& tied,
                          const SaveOptions& options) {
  std::string json = "{";
  auto add = [&](const std::string& key, const std::string& text) {
    if (!detail::is_utf8(key) || !detail::is_utf8(text))
      refuse(who, "metadata", "expected texts in UTF-8, got others.");
    json += json.size() > 1 ? ", " : "";
    io::append_json(json, key);
    json += ": ";
    io::append_json(json, text);
  };
  bool has_format = false;
  std::unordered_set<std::string> seen = {kTreeKey, kTiesKey};
  for (const auto& [key, text] : options.metadata) {
    if (!seen.insert(key).second)
      throw ArgumentError(who, fmt::format("expected each key of metadata once and none of ours, "
                                           "got \"{}\". Rename it.",
                                           key));
    has_format = has_format || key == "format";
    add(key, text);
  }
  if (!has_format) add("format", "pt");
  add(kTreeKey, structure);
  if (!tied.empty()) add(kTiesKey, tied);
  return json + "}";
}

}  // namespace

Image::Image(const char* who, const Tree& tree, const SaveOptions& options) {
  std::vector<Array> arrays;
  std::vector<std::string> paths;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_tensor() || !leaf.tensor().defined()) return;
        paths.push_back(path);
        arrays.push_back({path, dtype_name(who, path, leaf.tensor()), leaf.tensor()});
      },
      tree);
  auto names = io::file_names(paths, "tensor", {kMetadata, ""});
  for (auto& array : arrays) array.name = names.at(array.name);
  auto structure =
      io::tree_to_json(who, tree, [&](const std::string& path) { return names.at(path); });

  // Wide elements first: then every array begins at a multiple of its elements' size.
  std::ranges::stable_sort(arrays, std::ranges::greater(),
                           [](const Array& a) { return a.tensor.element_size(); });
  head_ = "{";
  io::append_json(head_, kMetadata);
  head_ += ": " + metadata_json(who, structure, ties_json(who, tree), options);
  uint64_t at = 0;
  for (auto& [name, dtype, tensor] : arrays) {
    head_ += ", ";
    io::append_json(head_, name);
    uint64_t end = at + static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
    auto sizes = tensor.sizes().vec();
    if (tensor.scalar_type() == Dtype::Float4_e2m1fn_x2) sizes.back() *= 2;
    head_ += fmt::format(": {{\"dtype\": \"{}\", \"shape\": [{}], \"data_offsets\": [{}, {}]}}",
                         dtype, fmt::join(sizes, ", "), at, end);
    at = end;
    tensors_.push_back(std::move(tensor));
  }
  head_ += "}";
  head_.append((8 - head_.size() % 8) % 8, ' ');  // the arrays begin at a multiple of 8
  if (head_.size() > kLongestHeader)
    refuse(who, "",
           fmt::format("expected names and structure of at most {} bytes, got {}.", kLongestHeader,
                       head_.size()));
  uint64_t length = head_.size();
  std::string prefix(sizeof length, '\0');
  std::memcpy(prefix.data(), &length, sizeof length);
  head_.insert(0, prefix);
}

void Image::write(const std::function<void(std::string_view)>& to) const {
  to(head_);
  for (const auto& tensor : tensors_) {
    const Tensor dense = io::dense(tensor);
    if (dense.nbytes() > 0) to(io::bytes_of(dense));
  }
}

void save(const std::filesystem::path& path, const Tree& tree, SaveOptions options) {
  constexpr const char* kWho = "safetensors::save";
  Image image(kWho, tree, options);
  io::AtomicFile file(kWho, path);
  uint64_t at = 0;
  image.write([&](std::string_view bytes) {
    file.write_at(at, bytes);
    at += bytes.size();
  });
  file.commit();
}

}  // namespace luxtorch::safetensors
