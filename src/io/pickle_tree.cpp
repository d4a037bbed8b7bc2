#include "io/pickle_tree.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "io/file_fault.h"
#include "io/flat_names.h"

namespace luxtorch::io {
namespace {

class Converter {
 public:
  Converter(const Pickle& pickle, const std::function<Tensor(size_t)>& made)
      : pickle_(pickle), made_(made) {}

  Tree convert() { return convert(pickle_.root(), 0).tree; }

 private:
  struct Converted {
    Tree tree;
    size_t values = 1;  // with those below, shared ones as often as they appear
    size_t levels = 0;  // below it
  };

  // Containers are converted once: a small pickle can name one a million times.
  Converted convert(PickleId id, size_t depth) {
    check_depth(depth);
    if (auto known = containers_.find(id); known != containers_.end()) {
      check_depth(depth + known->second.levels);
      count(known->second.values);
      return known->second;
    }
    size_t before = values_;
    count(1);
    const PickleValue& value = pickle_[id];
    Converted result;
    if (const auto* sequence = std::get_if<PickleSequence>(&value)) {
      result = convert_sequence(*sequence, depth);
    } else if (const auto* dict = std::get_if<PickleDict>(&value)) {
      result = convert_dict(*dict, depth);
    } else {
      return {leaf(value)};
    }
    result.values = values_ - before;
    if (result.values > 2) containers_.emplace(id, result);
    return result;
  }

  Tree leaf(const PickleValue& value) {
    if (const auto* b = std::get_if<bool>(&value)) return *b;
    if (const auto* i = std::get_if<int64_t>(&value)) return *i;
    if (const auto* d = std::get_if<double>(&value)) return *d;
    if (const auto* text = std::get_if<std::string>(&value)) return spend(*text);
    if (const auto* made = std::get_if<PickleMade>(&value)) return made_(made->number);
    if (const auto* bytes = std::get_if<PickleBytes>(&value)) return tensor_of(spend(bytes->bytes));
    if (const auto* global = std::get_if<PickleGlobal>(&value))
      throw FileUnsupported{"", fmt::format("expected tensors, dicts, lists, tuples, numbers and "
                                            "strings, got {} as a value.",
                                            global->name)};
    return {};
  }

  static Tensor tensor_of(const std::string& bytes) {
    Tensor t = at::empty({static_cast<int64_t>(bytes.size())}, at::TensorOptions(Dtype::Byte));
    if (!bytes.empty()) std::memcpy(t.mutable_data_ptr(), bytes.data(), bytes.size());
    return t;
  }

  static void check_depth(size_t depth) {
    if (depth > kDeepest)
      throw FileUnsupported{"", fmt::format("expected at most {} levels, got more.", kDeepest)};
  }
  void count(size_t values) {
    constexpr size_t kMostValues = 10'000'000;
    values_ += values;
    if (values_ > kMostValues)
      throw FileUnsupported{"", fmt::format("expected at most {} values, got more.", kMostValues)};
  }
  const std::string& spend(const std::string& text) {
    constexpr size_t kMostText = 1U << 28U;
    text_ += text.size();
    if (text_ > kMostText)
      throw FileUnsupported{
          "", fmt::format("expected at most {} bytes of texts, got more.", kMostText)};
    return text;
  }

  std::string key_of(PickleId id) {
    if (const auto* text = std::get_if<std::string>(&pickle_[id])) return spend(*text);
    if (const auto* number = std::get_if<int64_t>(&pickle_[id])) return std::to_string(*number);
    throw FileUnsupported{
        "", fmt::format("expected keys that are str or int, got {}.", describe(pickle_[id]))};
  }

  Converted convert_sequence(const PickleSequence& sequence, size_t depth) {
    std::vector<Tree> elements;
    size_t levels = 0;
    for (PickleId part : sequence.parts) {
      Converted below = convert(part, depth + 1);
      levels = std::max(levels, below.levels + 1);
      elements.push_back(std::move(below.tree));
    }
    return {.tree = tuple(std::move(elements)), .levels = levels};
  }

  Converted convert_dict(const PickleDict& dict, size_t depth) {
    std::vector<std::pair<std::string, PickleId>> items;
    std::unordered_map<std::string, size_t> known;
    std::vector<size_t> kinds;  // of the keys
    for (auto [key, value] : dict.items) {
      auto name = key_of(key);
      auto [found, is_new] = known.emplace(name, items.size());
      size_t kind = pickle_[key].index();
      if (is_new) kinds.push_back(kind);
      if (kinds[found->second] != kind)
        throw FileUnsupported{
            "", fmt::format("expected keys that differ as names, got \"{}\" as an int and as a "
                            "str, of which a tree could keep one alone. Rename one.",
                            name)};
      if (is_new) {
        items.emplace_back(std::move(name), value);
      } else {
        items[found->second].second = value;
      }
    }
    count(dict.items.size() - items.size());
    if (items.size() == 1) {
      const auto& [name, id] = items.front();
      const auto* key = std::get_if<int64_t>(&pickle_[id]);
      if (name == ".rng" && key) return {Rng(std::bit_cast<uint64_t>(*key))};
      if (name == ".tensor" && std::holds_alternative<PickleNone>(pickle_[id])) return {Tensor()};
    }
    std::vector<Tree::Item> flat;
    size_t deepest = 0;
    for (const auto& [name, id] : items) {
      auto levels = static_cast<size_t>(std::ranges::count(name, '.')) + 1;
      Converted below = convert(id, depth + levels);
      deepest = std::max(deepest, below.levels + levels);
      flat.emplace_back(name, std::move(below.tree));
    }
    return {.tree = nest_names(flat), .levels = deepest};
  }

  const Pickle& pickle_;
  const std::function<Tensor(size_t)>& made_;
  size_t values_ = 0, text_ = 0;
  std::unordered_map<PickleId, Converted> containers_;
};

}  // namespace

Tree tree_of(const Pickle& pickle, const std::function<Tensor(size_t)>& made) {
  return Converter(pickle, made).convert();
}

}  // namespace luxtorch::io
