// Values of types that a Tree has no kind for, and of types without data.
#include <algorithm>
#include <charconv>
#include <optional>

#include "io/base/fault.h"
#include "io/jld2/reader.h"
#include "io/jld2/rng_words.h"
#include "io/jld2/tensor_bytes.h"
#include "luxtorch/core/error.h"

namespace luxtorch::jld2 {
namespace {

using hdf5::Bytes;
using hdf5::Datatype;
using io::damaged;

// The pairs of a Dict as a named tree where all keys are names, else null.
std::optional<Tree> named_by_keys(const Tree& pairs) {
  std::vector<Tree::Item> items;
  for (const Tree& pair : pairs.elements()) {
    if (!pair.is_named() || !pair.contains("first") || !pair.contains("second")) return {};
    const Tree& key = pair["first"];
    if (!key.is_string()) return {};
    items.emplace_back(key.scalar<std::string>(), pair["second"]);
  }
  try {
    return named(std::move(items));
  } catch (const TreeError&) {
    return {};
  }
}

bool is_range(const JuliaType& type) {
  constexpr std::string_view kRanges[] = {"UnitRange", "StepRange", "StepRangeLen", "LinRange",
                                          "OneTo"};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [&](std::string_view name) { return type.is(name); });
}

// Where a part of a Dict's list of pairs is in the Dict's tree: "kvvec.0.second.x" is under the
// first key, or "pairs.0.second.x". The list and its pairs themselves are no values of the file.
std::optional<std::string> name_in_dict(std::string_view name, const std::optional<Tree>& by_name) {
  if (name.starts_with("kvvec.")) name.remove_prefix(6);
  size_t index = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error != std::errc() || end == name.data() + name.size()) return {};
  if (!by_name) return "pairs." + std::string(name);
  name.remove_prefix(static_cast<size_t>(end - name.data()) + 1);
  if (!name.starts_with("second") || index >= by_name->size()) return {};
  return by_name->keys()[index] + std::string(name.substr(6));
}

}  // namespace

// Types that JLD2 stores as another type: `written_as` says which one the bytes are.
Tree Reader::written_as(const Format& format, Bytes bytes) {
  Committed plain = *format.committed;
  plain.type = plain.written_as;
  plain.written_as = nullptr;
  Mark before = noted();
  Tree inner = element({format.datatype, plain.type, &plain}, bytes);
  if (is_tuple(*format.type) && inner.is_tensor() && inner.tensor().dim() == 1) {
    count_nodes(static_cast<uint64_t>(inner.tensor().numel()));
    auto dtype = inner.tensor().scalar_type();
    if (dtype != kInt64 && dtype != kFloat64 && dtype != kBool) changes(text(*format.type));
    return tuple_of_numbers(inner.tensor());
  }
  if (is_tuple(*format.type)) return inner;
  if (format.type->is("Dict") || format.type->is("IdDict")) {
    Tree pairs = inner.is_named() && inner.contains("kvvec") ? inner["kvvec"] : inner;
    if (pairs.is_tuple()) {
      auto by_name = named_by_keys(pairs);
      rename_noted(before, [&](const std::string& name) { return name_in_dict(name, by_name); });
      changes(text(*format.type));
      if (by_name) return *by_name;
      return foreign_tree(text(*format.type), {{"pairs", pairs}});
    }
  }
  rename_noted(before, [](const std::string& name) {
    return name.empty() ? std::optional<std::string>() : "value." + name;
  });
  return foreign_tree(text(*format.type), {{"value", inner}});
}

// {mask, t1, t2}: an element of a Vector{Union{T1, T2}}. A type without data has no member.
Tree Reader::union_element(const Format& format, Bytes bytes) {
  size_t chosen = 0;
  for (const Datatype::Member& part : format.datatype.members)
    if (part.name == "mask") chosen = bytes.get<uint8_t>(part.offset) != 0 ? 1 : 0;
  for (const Datatype::Member& part : format.datatype.members)
    if (part.name == (chosen == 0 ? "t1" : "t2")) return member(format, part, nullptr, bytes, true);
  auto* type = std::get_if<JuliaTypePtr>(&format.type->parameters[chosen]);
  if (type == nullptr) damaged("a type in a Union", "a value");
  return empty_value(*type);
}

Tree Reader::foreign(const Format& format, Bytes bytes) {
  Mark before = noted();
  std::vector<Tree::Item> items;
  for (const Datatype::Member& part : format.datatype.members)
    items.emplace_back(
        part.name, at_path(part.name, [&] { return member(format, part, nullptr, bytes, true); }));
  rename_noted(before, [](const std::string& name) { return name; });
  if (is_generator(format.type->name)) return counted(named_from_file(std::move(items)));
  if (!is_range(*format.type)) return foreign_tree(text(*format.type), std::move(items));
  changes(text(*format.type));
  items.emplace(items.begin(), kTypeKey, text(*format.type));
  return counted(named_from_file(std::move(items)));
}

Tree Reader::empty_value(const JuliaTypePtr& type) {
  if (type != nullptr &&
      (type->is("Missing") || is_generator(type->name) || (type->is("Val") && !is_training())))
    changes(text(*type));
  auto known = empty_values_.find(type.get());
  if (known != empty_values_.end()) {
    count_nodes(known->second.nodes);
    return known->second.tree;
  }
  Deeper deeper(*this);
  uint64_t before = nodes_;
  Tree tree = counted(make_empty_value(type));
  empty_values_.emplace(type.get(), Counted{tree, nodes_ - before});
  return tree;
}

Tree Reader::make_empty_value(const JuliaTypePtr& type) {
  if (type == nullptr || type->is("Nothing") || type->is("Missing")) return {};
  if (is_named_tuple(*type) || is_tuple(*type)) {
    JuliaFields parts = fields_of(*type);
    std::vector<Tree::Item> items;
    std::vector<Tree> elements;
    for (size_t i = 0; i < parts.names.size(); ++i) {
      if (parts.types[i] == nullptr) damaged("a type for field " + parts.names[i], "a value");
      std::string label = is_tuple(*type) ? std::to_string(i) : parts.names[i];
      Tree value = at_path(label, [&] { return empty_value(parts.types[i]); });
      elements.push_back(value);
      items.emplace_back(parts.names[i], std::move(value));
    }
    return is_tuple(*type) ? tuple(std::move(elements)) : named_from_file(std::move(items));
  }
  if (type->is("Val") && type->parameters.size() == 1) {
    auto* value = std::get_if<Tree>(&type->parameters[0]);
    if (value != nullptr && value->is<bool>()) return *value;
  }
  if (is_generator(type->name)) return rng_from(Tree());
  note(text(*type));
  return named_from_file({{kTypeKey, text(*type)}});
}

}  // namespace luxtorch::jld2
