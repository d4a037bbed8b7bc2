// Tree: one type for parameters, states, gradients, optimiser states, batches and file contents.
//
//     Tree ps = named({{"weight", w}, {"bias", b}});
//     ps["weight"].tensor();                       // a reference
//     Tree ps2 = ps.with("bias", b2);              // a new tree that shares the rest
//     Tree half = tree::map_tensors([](const Tensor& t) { return t * 0.5; }, ps);
//
// Level 1. A Tree is an immutable value: a leaf inline, or one pointer to a node. Copies are cheap
// and may be read from many threads. A leaf is nothing, a Tensor, a bool, an int64, a double, a
// string or an Rng; an inner node is named (ordered, unique keys: Julia's NamedTuple) or positional
// (a Tuple). Tensors are shared, not copied; the library never changes one in place, save in
// functions whose name ends in `_`.
#pragma once

#include <array>
#include <concepts>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/device.h"
#include "luxtorch/core/operators.h"
#include "luxtorch/core/types.h"
#include "luxtorch/rng.h"

namespace luxtorch {

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                  !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                  !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

/// What a leaf without a tensor may hold.
template <class S>
concept Scalar = std::same_as<S, bool> || std::same_as<S, int64_t> || std::same_as<S, double> ||
                 std::same_as<S, std::string> || std::same_as<S, Rng>;

class LUXTORCH_API Tree {
 public:
  using Item = std::pair<std::string, Tree>;

  /// Nothing: no value, no children.
  Tree() = default;
  // Exactly Tensor and exactly bool: nothing that merely converts becomes a leaf by accident.
  template <std::same_as<Tensor> T>
  Tree(T t) : value_(std::move(t)) {}
  template <std::same_as<bool> B>
  Tree(B b) : value_(b) {}
  template <Integer I>
  Tree(I i) : value_(static_cast<int64_t>(i)) {}
  template <std::floating_point F>
  Tree(F f) : value_(static_cast<double>(f)) {}
  Tree(const char* s) : Tree(std::string_view(s)) {}
  Tree(const std::string& s) : Tree(std::string_view(s)) {}
  Tree(std::string_view s);
  Tree(Rng r) : value_(r) {}
  Tree(std::nullptr_t) = delete;

  bool is_none() const { return value_.index() == 0; }
  bool is_tensor() const { return value_.index() == 1; }
  bool is_rng() const { return value_.index() == 5; }
  bool is_string() const { return value_.index() == 6; }
  bool is_scalar() const { return value_.index() >= 2 && value_.index() <= 4; }
  /// Is it a leaf of exactly this kind?
  template <class S>
    requires Scalar<S> || std::same_as<S, Tensor>
  bool is() const {
    if constexpr (std::same_as<S, std::string>) {
      return is_string();
    } else {
      return std::holds_alternative<S>(value_);
    }
  }
  bool is_named() const;
  bool is_tuple() const;
  bool is_leaf() const { return value_.index() != 7; }

  /// The tensor; a TreeError for any other leaf or node.
  const Tensor& tensor() const&;
  Tensor tensor() const&& { return static_cast<const Tree&>(*this).tensor(); }
  /// The leaf's value; an integer leaf is a double too. A TreeError for any other leaf or node.
  template <Scalar S>
  S scalar() const;
  /// A tuple's N tensors: `auto [x, y] = batch.tensors<2>();`
  template <size_t N>
  std::array<Tensor, N> tensors() const {
    check_size(N);
    return [this]<size_t... I>(std::index_sequence<I...>) {
      return std::array<Tensor, N>{(*this)[I].tensor()...};
    }(std::make_index_sequence<N>());
  }

  // Children. A missing key is a TreeError that lists the keys there are. A reference from a named
  // tree, a value from a temporary, so that a temporary's part never dangles.
  const Tree& operator[](std::string_view key) const&;
  Tree operator[](std::string_view key) const&& { return static_cast<const Tree&>(*this)[key]; }
  template <Integer I>
  const Tree& operator[](I position) const& {
    return child(static_cast<int64_t>(position));
  }
  template <Integer I>
  Tree operator[](I position) const&& {
    return child(static_cast<int64_t>(position));
  }
  /// By path: at("lstm_cell.weight_ih"); a number indexes a tuple: at("layers.0.bias"); "" is *this.
  const Tree& at(std::string_view path) const&;
  Tree at(std::string_view path) const&& { return static_cast<const Tree&>(*this).at(path); }
  bool contains(std::string_view path) const;

  /// How many children: 0 for leaves.
  size_t size() const;
  std::vector<std::string> keys() const;
  /// A named tree's children in order.
  std::span<const Item> items() const&;
  std::vector<Item> items() const&&;
  /// A tuple's children in order.
  std::span<const Tree> elements() const&;
  std::vector<Tree> elements() const&&;

  /// A new tree with the part at `path` replaced, or added at the end of its named parent, which must
  /// be there; the rest is shared.
  Tree with(std::string_view path, Tree part) const;
  /// A new tree without the part at `path`.
  Tree without(std::string_view path) const;

  /// Do both share the same node or leaf? (Not equality: see tree::equal.)
  bool same_node(const Tree& other) const;

  friend bool operator==(const Tree&, const Tree&) = delete;  // tree::equal or tree::all_close
  friend LUXTORCH_API std::ostream& operator<<(std::ostream& out, const Tree& t);

  friend LUXTORCH_API Tree named(std::vector<Item> items);
  friend LUXTORCH_API Tree tuple(std::vector<Tree> elements);

 private:
  struct Node;
  const Tree& child(int64_t position) const;
  void check_size(size_t n) const;

  std::variant<std::monostate, Tensor, bool, int64_t, double, Rng,
               std::shared_ptr<const std::string>, std::shared_ptr<const Node>>
      value_;
};

/// A named node. TreeError: a key twice, empty or with a '.'; more than 1000 levels.
LUXTORCH_API Tree named(std::vector<Tree::Item> items);
LUXTORCH_API Tree named(std::initializer_list<Tree::Item> items);
/// A positional node; tuple({t}) wraps one.
LUXTORCH_API Tree tuple(std::vector<Tree> elements);
LUXTORCH_API Tree tuple(std::initializer_list<Tree> elements);
/// b's keys win, a's order stays, new keys follow.
LUXTORCH_API Tree merge(const Tree& a, const Tree& b);
/// A named tree's children in order, for (auto& [key, value] : ps), as items() gives them: a TreeError for a tuple, whose
/// children are elements().
inline auto begin(const Tree& t) { return t.items().begin(); }
inline auto end(const Tree& t) { return t.items().end(); }

namespace tree {

/// f of every leaf, the structure kept; the two-argument form gets the leaf's path first
/// ("lstm_cell.bias_ih").
LUXTORCH_API Tree map(const std::function<Tree(const Tree& leaf)>& f, const Tree& t);
LUXTORCH_API Tree map(const std::function<Tree(const std::string& path, const Tree& leaf)>& f,
                      const Tree& t);
/// f of every tensor, once where one stands twice; other leaves and undefined tensors stay.
LUXTORCH_API Tree map_tensors(const std::function<Tensor(const Tensor&)>& f, const Tree& t);
/// f of the leaves of two trees of one structure (a TreeError says where they differ).
LUXTORCH_API Tree zip(const std::function<Tree(const Tree& a, const Tree& b)>& f, const Tree& a,
                      const Tree& b);
LUXTORCH_API void for_each(const std::function<void(const std::string& path, const Tree& leaf)>& f,
                           const Tree& t);

/// The leaves in order, their paths, and a tree of `structure` with other leaves.
LUXTORCH_API std::vector<Tree> leaves(const Tree& t);
LUXTORCH_API std::vector<std::string> paths(const Tree& t);
LUXTORCH_API Tree unflatten(const Tree& structure, const std::vector<Tree>& leaves);
/// Only the tensors, in order.
LUXTORCH_API std::vector<Tensor> tensors(const Tree& t);
/// From flat names: {"0.weight", w} nests on the dots. All nodes are named.
LUXTORCH_API Tree nest(const std::vector<Tree::Item>& flat);

/// The first structural difference in words, or "": kinds, keys, sizes; shapes and dtypes of
/// tensors.
LUXTORCH_API std::string difference(const Tree& a, const Tree& b);
/// Same structure and bitwise equal values (NaN equals NaN).
LUXTORCH_API bool equal(const Tree& a, const Tree& b);
/// Same structure, tensors and doubles within |a - b| <= atol + rtol * |b|.
LUXTORCH_API bool all_close(const Tree& a, const Tree& b, double rtol = 1e-5, double atol = 1e-8);

/// Elements and bytes of all tensors.
LUXTORCH_API int64_t numel(const Tree& t);
LUXTORCH_API int64_t bytes(const Tree& t);

/// The same values outside any graph.
LUXTORCH_API Tree detach(const Tree& t);
LUXTORCH_API Tree to(const Tree& t, Device device);
/// To device(name): "cpu", "gpu" (falls back to the CPU), "cuda", "cuda:1".
inline Tree to(const Tree& t, std::string_view name) { return to(t, device(name)); }
/// Floating-point tensors only; integers and booleans stay.
LUXTORCH_API Tree to(const Tree& t, Dtype dtype);

}  // namespace tree
}  // namespace luxtorch
