#include "luxtorch/tree.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch {

struct Tree::Node {
  std::variant<std::vector<Item>, std::vector<Tree>> children;
};

namespace {

// How many keys an error lists.
constexpr size_t kListedKeys = 20;

std::string list(const std::vector<std::string>& keys) {
  std::string s;
  for (size_t i = 0; i < keys.size() && i < kListedKeys; ++i) s += (i ? ", " : "") + keys[i];
  if (keys.size() > kListedKeys) s += ", ... (" + std::to_string(keys.size()) + " in all)";
  return s;
}

std::optional<int64_t> as_position(std::string_view s) {
  int64_t i = 0;
  auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), i);
  if (s.empty() || error != std::errc() || end != s.data() + s.size() || i < 0) return {};
  return i;
}

// "lstm_cell.weight_ih" -> "lstm_cell", "weight_ih".
std::pair<std::string_view, std::string_view> split_path(std::string_view path) {
  auto dot = path.find('.');
  if (dot == path.npos) return {path, {}};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

}  // namespace

Tree::Tree(std::string_view s) : value_(std::make_shared<const std::string>(s)) {}

bool Tree::is_named() const {
  auto node = std::get_if<7>(&value_);
  return node && (*node)->children.index() == 0;
}
bool Tree::is_tuple() const {
  auto node = std::get_if<7>(&value_);
  return node && (*node)->children.index() == 1;
}

const Tensor& Tree::tensor() const& {
  if (auto t = std::get_if<1>(&value_)) [[likely]] return *t;
  throw TreeError("Tree", "expected a tensor, got " + describe_kind(*this) + ".");
}

template <class S>
S Tree::scalar() const {
  if constexpr (std::same_as<S, std::string>) {
    if (auto s = std::get_if<6>(&value_)) return **s;
    throw TreeError("Tree", "expected a string, got " + describe_kind(*this) + ".");
  } else {
    if (auto s = std::get_if<S>(&value_)) return *s;
    if constexpr (std::same_as<S, double>) {
      if (auto i = std::get_if<int64_t>(&value_)) return static_cast<double>(*i);
    }
    constexpr const char* wanted = std::same_as<S, bool>      ? "a bool"
                                   : std::same_as<S, int64_t> ? "an int64"
                                   : std::same_as<S, double>  ? "a double"
                                                              : "an rng";
    throw TreeError("Tree", std::string("expected ") + wanted + ", got " + describe_kind(*this) + ".");
  }
}
template bool Tree::scalar<bool>() const;
template int64_t Tree::scalar<int64_t>() const;
template double Tree::scalar<double>() const;
template Rng Tree::scalar<Rng>() const;
template std::string Tree::scalar<std::string>() const;

const Tree& Tree::operator[](std::string_view key) const& {
  if (is_named()) [[likely]] {
    for (const auto& [name, part] : std::get<0>(std::get<7>(value_)->children)) {
      if (name == key) return part;
    }
    if (size() == 0) {
      throw TreeError("Tree", "expected a key \"" + std::string(key) +
                                  "\", got an empty tree: does the layer define `Tree initial_parameters(Rng) const`"
                                  " (or `initial_states`) for it?");
    }
    throw TreeError("Tree", "expected a key \"" + std::string(key) + "\", got the keys " + list(keys()) + ".");
  }
  throw TreeError("Tree", "expected a named tree with a key \"" + std::string(key) + "\", got " +
                              describe_kind(*this) + ".");
}

const Tree& Tree::child(int64_t i) const {
  if (!is_tuple()) {
    throw TreeError("Tree", "expected a tuple with a position " + std::to_string(i) + ", got " +
                                describe_kind(*this) + ".");
  }
  const auto& parts = std::get<1>(std::get<7>(value_)->children);
  if (i < 0 || i >= static_cast<int64_t>(parts.size())) {
    throw TreeError("Tree", "expected a position below " + std::to_string(parts.size()) + ", got " +
                                std::to_string(i) + ".");
  }
  return parts[static_cast<size_t>(i)];
}

void Tree::check_size(size_t n) const {
  if (is_tuple() && size() == n) return;
  throw TreeError("Tree", "expected a tuple of " + std::to_string(n) + ", got " + describe_kind(*this) + ".");
}

const Tree& Tree::at(std::string_view path) const& {
  const Tree* t = this;
  for (auto rest = path; !rest.empty();) {
    auto [key, tail] = split_path(rest);
    auto position = t->is_tuple() ? as_position(key) : std::nullopt;
    try {
      t = position ? &t->child(*position) : &(*t)[key];
    } catch (TreeError& e) {
      e.prepend_path_(path.substr(0, path.size() - rest.size() ? path.size() - rest.size() - 1 : 0));
      throw;
    }
    rest = tail;
  }
  return *t;
}

bool Tree::contains(std::string_view path) const {
  const Tree* t = this;
  for (auto rest = path; !rest.empty();) {
    auto [key, tail] = split_path(rest);
    if (t->is_named()) {
      auto parts = t->items();
      auto found = std::find_if(parts.begin(), parts.end(), [&](const Item& i) { return i.first == key; });
      if (found == parts.end()) return false;
      t = &found->second;
    } else {
      auto position = as_position(key);
      if (!t->is_tuple() || !position || *position >= static_cast<int64_t>(t->size())) return false;
      t = &t->child(*position);
    }
    rest = tail;
  }
  return true;
}

size_t Tree::size() const {
  auto node = std::get_if<7>(&value_);
  return node ? std::visit([](const auto& parts) { return parts.size(); }, (*node)->children) : 0;
}

std::vector<std::string> Tree::keys() const {
  std::vector<std::string> k;
  for (const auto& item : items()) k.push_back(item.first);
  return k;
}

std::span<const Tree::Item> Tree::items() const& {
  if (!is_named()) throw TreeError("Tree", "expected a named tree, got " + describe_kind(*this) + ".");
  return std::get<0>(std::get<7>(value_)->children);
}
std::vector<Tree::Item> Tree::items() const&& {
  auto view = static_cast<const Tree&>(*this).items();
  return {view.begin(), view.end()};
}
std::span<const Tree> Tree::elements() const& {
  if (!is_tuple()) throw TreeError("Tree", "expected a tuple, got " + describe_kind(*this) + ".");
  return std::get<1>(std::get<7>(value_)->children);
}
std::vector<Tree> Tree::elements() const&& {
  auto view = static_cast<const Tree&>(*this).elements();
  return {view.begin(), view.end()};
}

Tree Tree::with(std::string_view path, Tree part) const {
  if (path.empty()) return part;
  auto [key, tail] = split_path(path);
  if (is_tuple()) {
    auto position = as_position(key);
    auto parts = static_cast<const Tree&>(*this).elements();
    std::vector<Tree> changed(parts.begin(), parts.end());
    if (!position || *position >= static_cast<int64_t>(changed.size())) {
      throw TreeError("Tree::with", "expected a position below " + std::to_string(changed.size()) + ", got \"" +
                                        std::string(key) + "\".");
    }
    auto& slot = changed[static_cast<size_t>(*position)];
    slot = slot.with(tail, std::move(part));
    return tuple(std::move(changed));
  }
  auto parts = static_cast<const Tree&>(*this).items();
  std::vector<Item> changed(parts.begin(), parts.end());
  auto found = std::find_if(changed.begin(), changed.end(), [&](const Item& i) { return i.first == key; });
  if (found != changed.end()) {
    found->second = found->second.with(tail, std::move(part));
  } else if (tail.empty()) {
    changed.emplace_back(key, std::move(part));
  } else {
    (*this)[key];  // throws, naming the missing parent
  }
  return named(std::move(changed));
}

Tree Tree::without(std::string_view path) const {
  auto [key, tail] = split_path(path);
  (void)at(key);
  if (!tail.empty()) return with(key, at(key).without(tail));
  if (is_tuple()) {
    std::vector<Tree> kept;
    for (size_t i = 0; i < size(); ++i) {
      if (static_cast<int64_t>(i) != *as_position(key)) kept.push_back((*this)[i]);
    }
    return tuple(std::move(kept));
  }
  std::vector<Item> kept;
  for (const auto& item : items()) {
    if (item.first != key) kept.push_back(item);
  }
  return named(std::move(kept));
}

bool Tree::same_node(const Tree& other) const {
  if (value_.index() != other.value_.index()) return false;
  if (auto node = std::get_if<7>(&value_)) return *node == std::get<7>(other.value_);
  if (auto t = std::get_if<1>(&value_)) return t->is_same(std::get<1>(other.value_));
  if (auto s = std::get_if<6>(&value_)) return **s == *std::get<6>(other.value_);
  return value_.index() == 0 || (is<bool>() && scalar<bool>() == other.scalar<bool>()) ||
         (is<int64_t>() && scalar<int64_t>() == other.scalar<int64_t>()) ||
         (is<double>() && scalar<double>() == other.scalar<double>()) ||
         (is<Rng>() && scalar<Rng>() == other.scalar<Rng>());
}

Tree named(std::vector<Tree::Item> items) {
  std::unordered_set<std::string_view> known;  // files have nodes of many thousand keys
  bool many = items.size() > 16;
  for (size_t i = 0; i < items.size(); ++i) {
    const auto& key = items[i].first;
    if (key.empty() || key.find('.') != key.npos) {
      throw TreeError("named", "expected keys without '.' and not empty, got \"" + key + "\".");
    }
    auto begin = items.begin();
    auto here = begin + static_cast<std::ptrdiff_t>(i);
    auto same = [&](const auto& item) { return item.first == key; };
    if (many ? !known.insert(key).second : std::any_of(begin, here, same)) {
      throw TreeError("named", "expected unique keys, got \"" + key + "\" twice.");
    }
  }
  Tree t;
  t.value_ = std::make_shared<const Tree::Node>(Tree::Node{std::move(items)});
  return t;
}
Tree named(std::initializer_list<Tree::Item> items) { return named(std::vector<Tree::Item>(items)); }

Tree tuple(std::vector<Tree> elements) {
  Tree t;
  t.value_ = std::make_shared<const Tree::Node>(Tree::Node{std::move(elements)});
  return t;
}
Tree tuple(std::initializer_list<Tree> elements) { return tuple(std::vector<Tree>(elements)); }

Tree merge(const Tree& a, const Tree& b) {
  auto first = a.items();
  std::vector<Tree::Item> both(first.begin(), first.end());
  for (const auto& item : b.items()) {
    auto found = std::find_if(both.begin(), both.end(), [&](const auto& i) { return i.first == item.first; });
    if (found != both.end()) {
      found->second = item.second;
    } else {
      both.push_back(item);
    }
  }
  return named(std::move(both));
}

}  // namespace luxtorch
