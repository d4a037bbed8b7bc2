#include "io/torch/legacy.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "io/base/file_mapping.h"
#include "io/torch/calls.h"
#include "io/torch/pickle_tree.h"

namespace luxtorch::torch_archive {
namespace {

using io::Fault;
using io::Pickle;
using io::PickleDict;
using io::PickleId;
using io::PickleNone;
using io::PickleObject;
using io::PickleSequence;
using io::PickleValue;

constexpr std::string_view kMagic = "119547037146038801333356";  // beyond int64: its digits
constexpr int64_t kVersion = 1001;
constexpr uint64_t kLargest = 1U << 26U;  // bytes of pickle

struct Storage {
  int64_t elements;
  uint64_t width, at;  // bytes of an element; where the elements lie
};
using Storages = std::unordered_map<std::string, Storage>;

struct Layout {
  std::string text;    // the file's first bytes
  uint64_t value = 0;  // where the value's pickle begins
  Storages storages;
};

std::string first_bytes(const io::InputFile& file, uint64_t count) {
  std::string bytes(std::min(count, file.size()), '\0');
  file.read(0, bytes.data(), bytes.size());
  return bytes;
}

// Of everything an object, which is what only finding a pickle's end needs.
Pickle::Visitor visitor(Storages& storages) {
  return {[](const std::string&) { return false; }, [](const std::string&) { return false; },
          [](const Pickle&, const std::string&, const std::vector<PickleId>&) -> PickleValue {
            return PickleNone{};
          },
          [&storages](const Pickle& pickle, PickleId id) -> PickleValue {
            const auto& parts = as<PickleSequence>(pickle, id, "a storage's parts").parts;
            bool is_class =
                parts.size() > 1 && as<std::string>(pickle, parts[0], "a part's kind") == "module";
            if (is_class) return as<PickleObject>(pickle, parts[1], "a module's class");
            if (parts.size() != 6) return PickleNone{};
            const auto& type = pickle.object(as<PickleObject>(pickle, parts[1], "a class")).type;
            storages.emplace(
                as<std::string>(pickle, parts[2], "a storage's name"),
                Storage{as<int64_t>(pickle, parts[4], "a storage's size"), storage_width(type), 0});
            return PickleNone{};
          },
          true};
}

class Scanner {
 public:
  explicit Scanner(std::string text) { layout_.text = std::move(text); }

  // Where the storages lie; they may end beyond the text.
  Layout scan(const io::InputFile& file) {
    auto magic = next();
    if (as<std::string>(magic, magic.root(), "PyTorch's magic number") != kMagic)
      throw Fault("byte 0", "PyTorch's magic number", "another");
    auto version = next();
    if (auto got = as<int64_t>(version, version.root(), "a version"); got != kVersion)
      throw Fault::unsupported(
          "", fmt::format("expected version {} of PyTorch's old format, got {}.", kVersion, got));
    check_machine(next());
    layout_.value = at_;
    next();
    Pickle names = next();
    uint64_t at = at_;
    for (PickleId id : as<PickleSequence>(names, names.root(), "a list of storages").parts)
      place(file, as<std::string>(names, id, "a storage's name"), at);
    return std::move(layout_);
  }

 private:
  Pickle next() {
    Pickle pickle(std::string_view(layout_.text).substr(at_), visitor(layout_.storages));
    at_ += pickle.size();
    return pickle;
  }

  static void check_machine(const Pickle& machine) {
    for (auto [key, value] : as<PickleDict>(machine, machine.root(), "a dict").items) {
      const auto* name = std::get_if<std::string>(&machine[key]);
      const auto* is = std::get_if<bool>(&machine[value]);
      if (name && *name == "little_endian" && is && !*is)
        throw Fault::unsupported("",
                                 "expected a file of a little-endian machine, got another. Save it "
                                 "again on one.");
    }
  }

  void place(const io::InputFile& file, const std::string& name, uint64_t& at) {
    auto found = layout_.storages.find(name);
    if (found == layout_.storages.end())
      throw Fault("", "storages that the value has", "\"" + name + "\"");
    auto& [elements, width, data] = found->second;
    int64_t count = 0;
    if (file.size() - at < sizeof count)
      throw Fault("storage " + name, "its size", "the end of the file");
    file.read(at, &count, sizeof count);
    at += sizeof count;
    if (count != elements || count < 0 || width == 0)
      throw Fault("storage " + name, fmt::format("{} elements", elements), std::to_string(count));
    if (static_cast<uint64_t>(count) > (file.size() - at) / width)
      throw Fault("storage " + name, fmt::format("{} elements of {} bytes", count, width),
                  fmt::format("the end of the file after {} bytes", file.size() - at));
    data = at;
    at += static_cast<uint64_t>(count) * width;
  }

  Layout layout_;
  uint64_t at_ = 0;
};

// Reads no more of the file than its pickles need, as far as that can be known.
Layout find_layout(const io::InputFile& file) {
  for (uint64_t size = 1U << 20U;; size *= 8) {
    bool is_all = std::min(size, kLargest) >= file.size();
    try {
      return Scanner(first_bytes(file, std::min(size, kLargest))).scan(file);
    } catch (const Fault& fault) {
      if (is_all || fault.is_unsupported()) throw;
      if (size >= kLargest)
        throw Fault::unsupported(
            "", fmt::format("expected at most {} bytes of pickle, got more, or a damaged one.",
                            kLargest));
    }
  }
}

}  // namespace

bool is_legacy(const io::InputFile& file) {
  constexpr uint64_t kStart = 64;
  std::string start = first_bytes(file, kStart);
  Storages none;
  try {
    Pickle magic(start, visitor(none));
    const auto* digits = std::get_if<std::string>(&magic[magic.root()]);
    return digits && *digits == kMagic;
  } catch (const Fault&) {
    return false;
  }
}

Tree read_legacy(const io::InputFile& file, const LoadOptions& options) {
  Layout layout = find_layout(file);
  auto mapping = options.map ? io::FileMapping::of(file) : nullptr;
  Tensors tensors([&](const std::string& name, int64_t /*elements*/, uint64_t /*width*/) {
    auto found = layout.storages.find(name);
    if (found == layout.storages.end() || found->second.at == 0)
      throw Fault("", "a storage that the file holds", "\"" + name + "\"");
    const Storage& storage = found->second;
    uint64_t size = static_cast<uint64_t>(storage.elements) * storage.width;
    auto count = static_cast<int64_t>(size);
    if (mapping)
      if (auto bytes =
              mapping->tensor(storage.at, {count}, Dtype::Byte, alignment_of(storage.width)))
        return *bytes;
    Tensor bytes = at::empty({count}, at::TensorOptions(Dtype::Byte));
    if (size > 0) file.read(storage.at, bytes.mutable_data_ptr(), size);
    return bytes;
  });
  Pickle pickle(std::string_view(layout.text).substr(layout.value),
                visitor_of(tensors, options.report != nullptr));
  return io::tree_of(pickle, [&](size_t number) { return tensors.value(number); }, options.report);
}

}  // namespace luxtorch::torch_archive
