#include "io/torch/pickle_tree.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "io/base/fault.h"
#include "io/base/flat_names.h"
#include "io/torch/pickle_keys.h"

namespace luxtorch::io {
namespace {

using Items = std::vector<std::pair<PickleId, PickleId>>;

class Converter {
 public:
  Converter(const Pickle& pickle, const MadeValue& made, Report* report)
      : pickle_(pickle), made_(made), report_(report) {}

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
      result = convert_sequence(sequence->parts, depth);
    } else if (const auto* dict = std::get_if<PickleDict>(&value)) {
      result = convert_items(dict->items, depth);
    } else if (const auto* object = std::get_if<PickleObject>(&value)) {
      result = convert_object(id, pickle_.object(*object), depth);
    } else {
      return {leaf(id, value)};
    }
    result.values = values_ - before;
    if (result.values > 2) containers_.emplace(id, result);
    return result;
  }

  // With the name added to the path.
  Converted convert_part(const std::string& name, PickleId id, size_t depth) {
    size_t before = path_.size();
    if (!path_.empty()) path_ += '.';
    path_ += name;
    Converted result = convert(id, depth);
    path_.resize(before);
    return result;
  }

  Tree leaf(PickleId id, const PickleValue& value) {
    if (const auto* b = std::get_if<bool>(&value)) return *b;
    if (const auto* i = std::get_if<int64_t>(&value)) return *i;
    if (const auto* d = std::get_if<double>(&value)) return *d;
    if (const auto* text = std::get_if<std::string>(&value)) return spend(*text);
    if (const auto* made = std::get_if<PickleMade>(&value)) return made_leaf(id, *made);
    if (const auto* bytes = std::get_if<PickleBytes>(&value)) return tensor_of(spend(bytes->bytes));
    if (const auto* global = std::get_if<PickleGlobal>(&value)) {
      if (!report_)
        throw Fault::unsupported(
            path_, fmt::format("expected tensors, dicts, lists, tuples, numbers and strings, got "
                               "{} as a value.",
                               global->name));
      add(id, {path_, global->name, "a class or a function of Python, which is not run."});
    }
    return {};
  }

  Tree made_leaf(PickleId id, const PickleMade& made) {
    auto [tree, type] = made_(made.number);
    if (!report_) return tree;
    if (made.of_class)
      if (const auto* object = std::get_if<PickleObject>(&pickle_[*made.of_class]))
        type = pickle_.object(*object).type;
    if (!type.empty()) add(id, {path_, type, ""});
    if (made.attributes) add_attributes(*made.attributes);
    return tree;
  }

  // A dict, or a pair of dicts: of what stands in __dict__, and in __slots__.
  void add_attributes(PickleId id) {
    if (const auto* pair = std::get_if<PickleSequence>(&pickle_[id]);
        pair && pair->parts.size() == 2 &&
        !std::holds_alternative<PickleSequence>(pickle_[pair->parts[0]])) {
      for (PickleId part : pair->parts)
        if (!std::holds_alternative<PickleSequence>(pickle_[part])) add_attributes(part);
      return;
    }
    const auto* dict = std::get_if<PickleDict>(&pickle_[id]);
    if (!dict) return;
    for (auto [key, value] : dict->items) {
      auto name = key_text(pickle_, key).value_or("?");
      add(value, {path_.empty() ? name : path_ + "." + name, std::string(describe(pickle_[value])),
                  "an attribute of a tensor, which has none here."});
    }
  }

  // A value that several places share is named once.
  void add(PickleId id, Report::Entry entry) {
    if (!report_ || !reported_.insert(id).second) return;
    constexpr size_t kLongest = 1000;  // names may be as long as the file
    for (std::string* text : {&entry.path, &entry.type, &entry.problem})
      if (text->size() > kLongest) text->replace(kLongest, text->npos, "...");
    report_->add(std::move(entry));
  }

  static Tensor tensor_of(const std::string& bytes) {
    Tensor t = at::empty({static_cast<int64_t>(bytes.size())}, at::TensorOptions(Dtype::Byte));
    if (!bytes.empty()) std::memcpy(t.mutable_data_ptr(), bytes.data(), bytes.size());
    return t;
  }

  static void check_depth(size_t depth) {
    if (depth > kDeepest)
      throw Fault::unsupported("", fmt::format("expected at most {} levels, got more.", kDeepest));
  }
  void count(size_t values) {
    constexpr size_t kMostValues = 10'000'000;
    values_ += values;
    if (values_ > kMostValues)
      throw Fault::unsupported("",
                               fmt::format("expected at most {} values, got more.", kMostValues));
  }
  const std::string& spend(const std::string& text) {
    constexpr size_t kMostText = 1U << 28U;
    text_ += text.size();
    if (text_ > kMostText)
      throw Fault::unsupported(
          "", fmt::format("expected at most {} bytes of texts, got more.", kMostText));
    return text;
  }

  Converted convert_sequence(const std::vector<PickleId>& parts, size_t depth) {
    std::vector<Tree> elements;
    size_t levels = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      Converted below = convert_part(std::to_string(i), parts[i], depth + 1);
      levels = std::max(levels, below.levels + 1);
      elements.push_back(std::move(below.tree));
    }
    return {.tree = tuple(std::move(elements)), .levels = levels};
  }

  // The attributes, or as a tuple the elements of a list.
  Converted convert_object(PickleId id, const Pickle::Object& object, size_t depth) {
    bool has_both = !object.items.empty() && !object.parts.empty();
    add(id, {path_, object.type,
             has_both                                       ? "its elements are left out."
             : object.items.empty() && object.parts.empty() ? object.problem
                                                            : ""});
    if (!object.items.empty()) return convert_items(object.items, depth);
    if (!object.parts.empty()) return convert_sequence(object.parts, depth);
    return {};
  }

  // Each name once, in the order of its first key, with its last value.
  std::vector<std::pair<std::string, PickleId>> named_items(const Items& all) {
    std::vector<std::pair<std::string, PickleId>> items;
    std::unordered_map<std::string, size_t> known;
    std::vector<PickleId> keys;  // of the items
    for (auto [key, value] : all) {
      auto text = key_text(pickle_, key);
      if (!text) {
        refuse(key, fmt::format("expected keys that are numbers, texts or tuples of them, got {}.",
                                describe(pickle_[key])));
        continue;
      }
      auto name = spend(*text);
      auto [found, is_new] = known.emplace(name, items.size());
      if (is_new) {
        items.emplace_back(std::move(name), value);
        keys.push_back(key);
        continue;
      }
      bool is_text = std::holds_alternative<std::string>(pickle_[key]);
      PickleId first = keys[found->second];
      if (is_text == std::holds_alternative<std::string>(pickle_[first])) {
        items[found->second].second = value;
      } else {
        refuse(key,
               fmt::format("expected keys that differ as names, got \"{}\" as {} and as a str, "
                           "of which a tree could keep one alone. Rename one.",
                           name, describe(pickle_[is_text ? first : key])));
      }
    }
    count(all.size() - items.size());
    return items;
  }
  void refuse(PickleId key, const std::string& message) {
    if (!report_) throw Fault::unsupported(path_, message);
    add(key, {path_, std::string(describe(pickle_[key])), message});
  }

  Converted convert_items(const Items& all, size_t depth) {
    auto items = named_items(all);
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
      Converted below = convert_part(name, id, depth + levels);
      deepest = std::max(deepest, below.levels + levels);
      flat.emplace_back(name, std::move(below.tree));
    }
    return {.tree = nest_names(flat), .levels = deepest};
  }

  const Pickle& pickle_;
  const MadeValue& made_;
  Report* report_;
  std::string path_;
  size_t values_ = 0, text_ = 0;
  std::unordered_map<PickleId, Converted> containers_;
  std::unordered_set<PickleId> reported_;
};

}  // namespace

Tree tree_of(const Pickle& pickle, const MadeValue& made, Report* report) {
  return Converter(pickle, made, report).convert();
}

}  // namespace luxtorch::io
