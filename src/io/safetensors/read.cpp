// safetensors::load.
#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "io/base/fault.h"
#include "io/base/file_mapping.h"
#include "io/base/flat_names.h"
#include "io/base/input_file.h"
#include "io/base/tree_json.h"
#include "io/safetensors/format.h"
#include "io/safetensors/load.h"
#include "luxtorch/core/error.h"

namespace luxtorch::safetensors {
namespace {

constexpr const char* kLoad = "safetensors::load";

using io::Json;
using io::JsonFault;

struct Entry {
  std::string name;
  Dtype dtype;
  std::vector<int64_t> shape;
  uint64_t begin, end;
  bool used = false;
};

[[noreturn]] void unlike(const std::string& place, std::string expected, const Json* got) {
  throw JsonFault{place, std::move(expected), got ? describe(*got) : "none"};
}

Dtype read_dtype(const std::string& name, const Json* json) {
  const auto* text = json ? json->as<std::string>() : nullptr;
  if (!text) unlike(name + ".dtype", "a dtype's name", json);
  auto found = std::ranges::find(kDtypes, *text, &DtypeName::name);
  if (found != kDtypes.end()) return found->dtype;
  throw io::Fault::unsupported(name,
                               "expected a dtype that torch has, got " + describe(*json) + ".");
}

std::vector<int64_t> read_naturals(const std::string& place, const char* expected,
                                   const Json* json) {
  const auto* list = json ? json->as<io::JsonArray>() : nullptr;
  if (!list) unlike(place, expected, json);
  std::vector<int64_t> numbers;
  for (const auto& part : *list) {
    const auto* number = part.as<int64_t>();
    if (!number || *number < 0) unlike(place, expected, &part);
    numbers.push_back(*number);
  }
  return numbers;
}

Entry read_entry(const std::string& name, const Json& json, uint64_t data_size) {
  if (!json.as<io::JsonObject>()) unlike(name, "dtype, shape and data_offsets", &json);
  Entry entry{name, read_dtype(name, json.find("dtype")),
              read_naturals(name + ".shape", "a list of sizes", json.find("shape")), 0, 0};
  const Json* offsets = json.find("data_offsets");
  auto range = read_naturals(name + ".data_offsets", "two offsets", offsets);
  if (range.size() != 2) unlike(name + ".data_offsets", "two offsets", offsets);
  entry.begin = static_cast<uint64_t>(range[0]);
  entry.end = static_cast<uint64_t>(range[1]);
  if (entry.begin > entry.end || entry.end > data_size)
    throw JsonFault{name + ".data_offsets", fmt::format("offsets in order, up to {}", data_size),
                    fmt::format("{} and {}", entry.begin, entry.end)};

  // torch multiplies sizes of 0 as 1 for its strides.
  constexpr int64_t kLargest = int64_t{1} << 58U, kRank = 64;
  int64_t span = 1, count = 1;
  if (entry.shape.size() > kRank)
    throw JsonFault{name + ".shape", fmt::format("at most {} dimensions", kRank),
                    std::to_string(entry.shape.size())};
  for (int64_t size : entry.shape) {
    if (size > kLargest / span)
      throw JsonFault{name + ".shape", "a size that memory can hold",
                      fmt::format("[{}]", fmt::join(entry.shape, ", "))};
    span *= std::max<int64_t>(size, 1);
    count *= size;
  }
  uint64_t bytes = 0;
  if (entry.dtype == Dtype::Float4_e2m1fn_x2) {
    // The file counts single numbers, torch pairs along the last dimension.
    if (entry.shape.empty() || entry.shape.back() % 2 != 0)
      throw io::Fault::unsupported(
          name,
          fmt::format("expected an even last dimension of F4, which torch holds in pairs, got "
                      "shape [{}].",
                      fmt::join(entry.shape, ", ")));
    bytes = static_cast<uint64_t>(count) / 2;
  } else {
    bytes = static_cast<uint64_t>(count) * c10::elementSize(entry.dtype);
  }
  if (bytes != entry.end - entry.begin)
    throw JsonFault{name + ".data_offsets",
                    fmt::format("{} bytes for shape [{}]", bytes, fmt::join(entry.shape, ", ")),
                    std::to_string(entry.end - entry.begin)};
  if (entry.dtype == Dtype::Float4_e2m1fn_x2) entry.shape.back() /= 2;
  return entry;
}

// The arrays fill the rest of the file, each byte belongs to one.
void check_tiling(const std::vector<Entry>& entries, uint64_t data_size) {
  std::vector<const Entry*> order;
  for (const auto& entry : entries) order.push_back(&entry);
  std::ranges::sort(order, {}, [](const Entry* e) { return std::pair(e->begin, e->end); });
  uint64_t end = 0;
  for (const Entry* entry : order) {
    if (entry->begin != end)
      throw JsonFault{
          entry->name + ".data_offsets", fmt::format("an array that begins at {}", end),
          fmt::format("{}, so that arrays overlap or bytes belong to none", entry->begin)};
    end = entry->end;
  }
  if (end != data_size)
    throw JsonFault{"", fmt::format("{} bytes of arrays", end), std::to_string(data_size)};
}

Tensor read_tensor(const io::InputFile& file, const io::FileMapping* mapping, uint64_t data,
                   const Entry& entry) {
  if (mapping && entry.begin != entry.end)
    if (auto mapped = mapping->tensor(data + entry.begin, entry.shape, entry.dtype)) return *mapped;
  Tensor tensor = at::empty(entry.shape, at::TensorOptions(entry.dtype));
  if (tensor.numel() == 0) return tensor;
  file.read(data + entry.begin, tensor.mutable_data_ptr(), entry.end - entry.begin);
  if (entry.dtype == Dtype::Bool) {
    // C++ allows a bool no other bytes than these two.
    auto* values = static_cast<uint8_t*>(tensor.mutable_data_ptr());
    for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = values[i] != 0 ? 1 : 0;
  }
  return tensor;
}

Tree our_tree(const std::string& structure, std::vector<Entry>& entries,
              const std::function<Tensor(const Entry&)>& read) {
  std::unordered_map<std::string_view, Entry*> by_name;
  for (auto& entry : entries) by_name.emplace(entry.name, &entry);
  Json json;
  Tree tree;
  try {
    json = io::parse_json(structure);
    tree = io::tree_from_json(json, [&](const std::string& name) {
      auto found = by_name.find(name);
      if (found == by_name.end() || found->second->used)
        throw JsonFault{"", "each tensor once", "\"" + name + "\""};
      found->second->used = true;
      return read(*found->second);
    });
  } catch (JsonFault& fault) {
    fault.place =
        std::string(kMetadata) + "." + kTreeKey + (fault.place.empty() ? "" : ", " + fault.place);
    throw;
  }
  for (const auto& entry : entries)
    if (!entry.used)
      throw JsonFault{entry.name, "a tensor that " + std::string(kTreeKey) + " names", "another"};
  return tree;
}

// What save had at several places is one tensor again, unless another program has changed a part.
Tree with_ties(Tree tree, const std::string& text) {
  auto wrong = [](const std::string& got) {
    return JsonFault{std::string(kMetadata) + "." + kTiesKey, "lists of tensors' paths", got};
  };
  Json json;
  try {
    json = io::parse_json(text);
  } catch (JsonFault&) {
    throw wrong("other JSON");
  }
  const auto* groups = json.as<io::JsonArray>();
  if (!groups) throw wrong(describe(json));
  for (const auto& group : *groups) {
    const auto* paths = group.as<io::JsonArray>();
    if (!paths) throw wrong(describe(group));
    Tree first;
    for (const auto& part : *paths) {
      const auto* path = part.as<std::string>();
      if (!path) throw wrong(describe(part));
      if (!tree.contains(*path) || !tree.at(*path).is_tensor()) throw wrong(describe(part));
      if (first.is_none()) {
        first = tree.at(*path);
      } else if (tree::equal(first, tree.at(*path))) {
        tree = tree.with(*path, first);
      }
    }
  }
  return tree;
}

Tree foreign_tree(const std::vector<Entry>& entries,
                  const std::function<Tensor(const Entry&)>& read) {
  std::vector<Tree::Item> flat;
  flat.reserve(entries.size());
  // First without their values, which may take long to read.
  for (const auto& entry : entries) flat.emplace_back(entry.name, Tree());
  io::nest_names(flat);
  for (size_t i = 0; i < entries.size(); ++i) flat[i].second = read(entries[i]);
  return io::nest_names(flat);
}

Tree read_file(const io::InputFile& file, const LoadOptions& options) {
  uint64_t length = 0;
  constexpr uint64_t kPrefix = sizeof length;
  if (file.size() < kPrefix) throw JsonFault{"", "at least 8 bytes", std::to_string(file.size())};
  file.read(0, &length, kPrefix);
  if (length > file.size() - kPrefix || length > kLongestHeader)
    throw JsonFault{"byte 0",
                    fmt::format("a header of at most {} bytes",
                                std::min(file.size() - kPrefix, kLongestHeader)),
                    std::to_string(length)};
  std::string header(length, '\0');
  file.read(kPrefix, header.data(), length);
  Json json;
  try {
    json = io::parse_json(header);
  } catch (JsonFault& fault) {
    fault.place = fault.place.empty() ? "the header" : "the header, " + fault.place;
    throw;
  }
  const auto* members = json.as<io::JsonObject>();
  if (!members) unlike("the header", "an object", &json);

  uint64_t data = kPrefix + length, data_size = file.size() - data;
  std::vector<Entry> entries;
  const std::string *structure = nullptr, *tied = nullptr;
  for (const auto& [name, part] : *members) {
    if (name != kMetadata) {
      entries.push_back(read_entry(name, part, data_size));
      continue;
    }
    if (part.as<std::nullptr_t>()) continue;  // as some programs write none
    const auto* texts = part.as<io::JsonObject>();
    if (!texts) unlike(name, "an object of texts", &part);
    for (const auto& [key, text] : *texts) {
      if (!text.as<std::string>()) unlike(name + "." + key, "a text", &text);
      if (key == kTreeKey) structure = text.as<std::string>();
      if (key == kTiesKey) tied = text.as<std::string>();
    }
  }
  check_tiling(entries, data_size);
  auto mapping = options.map ? io::FileMapping::of(file) : nullptr;
  auto read = [&](const Entry& entry) { return read_tensor(file, mapping.get(), data, entry); };
  if (!structure) return foreign_tree(entries, read);
  Tree tree = our_tree(*structure, entries, read);
  return tied ? with_ties(std::move(tree), *tied) : tree;
}

}  // namespace

bool is_safetensors(const io::Content& file) {
  uint64_t length = 0;
  auto start = file.start();
  if (start.size() <= sizeof length || start[sizeof length] != '{') return false;
  std::memcpy(&length, start.data(), sizeof length);
  return length <= file.file().size() - sizeof length;
}

Tree load(const io::Content& file, const LoadOptions& options) {
  return io::read_as(kType, kLoad, file, [&] {
    return io::with_errors({kLoad, file.file().name(), kType.what},
                           [&] { return read_file(file.file(), options); });
  });
}

Tree load(const std::filesystem::path& path, LoadOptions options) {
  io::InputFile file(kLoad, path);
  return load(io::Content(file), options);
}

Tree load(std::span<const std::byte> bytes, LoadOptions options) {
  io::InputFile file(kLoad, bytes);
  return load(io::Content(file), options);
}

}  // namespace luxtorch::safetensors
