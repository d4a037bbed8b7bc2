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
  int depth = 1;  // of what is below, and itself
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

// "cell.gates.0" -> "cell.gates", "0".
std::pair<std::string_view, std::string_view> split_last(std::string_view path) {
  auto dot = path.rfind('.');
  if (dot == path.npos) return {{}, path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

auto is_item(std::string_view key) {
  return [key](const Tree::Item& item) { return item.first == key; };
}

// All that walks a tree, and its end too, calls itself: a deeper one could overflow the stack.
int deeper(const char* who, int below) {
  constexpr int kDeepest = 1000;
  if (below < kDeepest) return below + 1;
  throw TreeError(who, "expected at most " + std::to_string(kDeepest) +
                           " levels, got more. Put the parts into a flat tuple.");
}

void check_keys(const std::vector<Tree::Item>& items) {
  constexpr size_t kFew = 32;  // a set pays only for the flat trees of big files
  std::unordered_set<std::string_view> seen;
  for (auto item = items.begin(); item != items.end(); ++item) {
    const auto& key = item->first;
    if (key.empty() || key.find('.') != key.npos) {
      throw TreeError("named", "expected keys without '.' and not empty, got \"" + key + "\".");
    }
    bool twice = items.size() > kFew ? !seen.insert(key).second
                                     : std::find_if(items.begin(), item, is_item(key)) != item;
    if (twice) throw TreeError("named", "expected unique keys, got \"" + key + "\" twice.");
  }
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
  if (auto t = std::get_if<1>(&value_)) [[likely]]
    return *t;
  throw TreeError("Tree", "expected a tensor, got " + describe_kind(*this) + ".");
}

template <Scalar S>
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
    throw TreeError("Tree",
                    std::string("expected ") + wanted + ", got " + describe_kind(*this) + ".");
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
    throw TreeError("Tree", "expected a key \"" + std::string(key) + "\", got " +
                                (size() ? "the keys " + list(keys()) : "an empty tree") + ".");
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
  throw TreeError(
      "Tree", "expected a tuple of " + std::to_string(n) + ", got " + describe_kind(*this) + ".");
}

const Tree& Tree::at(std::string_view path) const& {
  const Tree* t = this;
  for (auto rest = path; !rest.empty();) {
    auto [key, tail] = split_path(rest);
    auto position = t->is_tuple() ? as_position(key) : std::nullopt;
    try {
      t = position ? &t->child(*position) : &(*t)[key];
    } catch (TreeError& e) {
      if (rest.size() < path.size()) e.prepend_path_(path.substr(0, path.size() - rest.size() - 1));
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
      auto found = std::find_if(parts.begin(), parts.end(), is_item(key));
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
  if (!is_named())
    throw TreeError("Tree", "expected a named tree, got " + describe_kind(*this) + ".");
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
  auto [head, key] = split_last(path);
  const Tree& parent = at(head);
  if (!parent.is_named()) (void)at(path);  // throws unless it is there: only named trees grow
  if (parent.is_tuple()) {
    auto parts = parent.elements();
    std::vector<Tree> changed(parts.begin(), parts.end());
    changed[static_cast<size_t>(*as_position(key))] = std::move(part);
    return with(head, tuple(std::move(changed)));
  }
  auto parts = parent.items();
  std::vector<Item> changed(parts.begin(), parts.end());
  auto found = std::find_if(changed.begin(), changed.end(), is_item(key));
  if (found != changed.end()) {
    found->second = std::move(part);
  } else {
    changed.emplace_back(key, std::move(part));
  }
  return with(head, named(std::move(changed)));
}

Tree Tree::without(std::string_view path) const {
  if (path.empty()) throw TreeError("Tree", "expected the path of a part to leave out, got \"\".");
  (void)at(path);  // throws unless it is there
  auto [head, key] = split_last(path);
  const Tree& parent = at(head);
  if (parent.is_tuple()) {
    auto parts = parent.elements();
    std::vector<Tree> kept(parts.begin(), parts.end());
    kept.erase(kept.begin() + *as_position(key));
    return with(head, tuple(std::move(kept)));
  }
  auto parts = parent.items();
  std::vector<Item> kept(parts.begin(), parts.end());
  std::erase_if(kept, is_item(key));
  return with(head, named(std::move(kept)));
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
  check_keys(items);
  int below = 0;
  for (const auto& item : items)
    if (auto node = std::get_if<7>(&item.second.value_)) below = std::max(below, (*node)->depth);
  Tree t;
  t.value_ =
      std::make_shared<const Tree::Node>(Tree::Node{std::move(items), deeper("named", below)});
  return t;
}
Tree named(std::initializer_list<Tree::Item> items) {
  return named(std::vector<Tree::Item>(items));
}

Tree tuple(std::vector<Tree> elements) {
  int below = 0;
  for (const auto& element : elements)
    if (auto node = std::get_if<7>(&element.value_)) below = std::max(below, (*node)->depth);
  Tree t;
  t.value_ =
      std::make_shared<const Tree::Node>(Tree::Node{std::move(elements), deeper("tuple", below)});
  return t;
}
Tree tuple(std::initializer_list<Tree> elements) { return tuple(std::vector<Tree>(elements)); }

Tree merge(const Tree& a, const Tree& b) {
  auto first = a.items();
  std::vector<Tree::Item> both(first.begin(), first.end());
  for (const auto& item : b.items()) {
    auto found = std::find_if(both.begin(), both.end(), is_item(item.first));
    if (found != both.end()) {
      found->second = item.second;
    } else {
      both.push_back(item);
    }
  }
  return named(std::move(both));
}

}  // namespace luxtorch
