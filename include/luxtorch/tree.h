// Tree: one type for parameters, states, gradients, optimizer states, batches and file contents.
//
//     Tree ps = named({{"weight", w}, {"bias", b}});
//     ps["weight"].tensor();                       // a reference
//     Tree ps2 = ps.with("bias", b2);              // a new tree that shares the rest
//     Tree half = tree::map_tensors([](const Tensor& t) { return t * 0.5; }, ps);
//
// A Tree is an immutable value: a leaf, or one pointer to an inner node. Copies are cheap and may
// be read from many threads. A leaf is nothing, a Tensor, a bool, an int64, a double, a string or
// an Rng. An inner node is named (ordered, unique keys, as Julia's NamedTuple) or positional (as
// its Tuple). Tensors are shared, not copied; the library never changes one in place, except in
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

/// Integer types that become an int64 leaf: all but bool and characters.
template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                  !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                  !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

/// The types of a leaf that is not a tensor.
template <class S>
concept Scalar = std::same_as<S, bool> || std::same_as<S, int64_t> || std::same_as<S, double> ||
                 std::same_as<S, std::string> || std::same_as<S, Rng>;

/// A leaf or an inner node: see the head of this file.
class LUXTORCH_API Tree {
 public:
  /// A child of a named tree: its key and itself.
  using Item = std::pair<std::string, Tree>;

  /// Nothing: no value, no children.
  Tree() = default;
  /// A tensor leaf. Exactly a Tensor: what only converts to one does not compile.
  template <std::same_as<Tensor> T>
  Tree(T t) : value_(std::move(t)) {}
  /// A bool leaf. Exactly a bool: a pointer does not become one.
  template <std::same_as<bool> B>
  Tree(B b) : value_(b) {}
  /// An int64 leaf.
  template <Integer I>
  Tree(I i) : value_(static_cast<int64_t>(i)) {}
  /// A double leaf.
  template <std::floating_point F>
  Tree(F f) : value_(static_cast<double>(f)) {}
  /// A string leaf, with a copy of the text.
  Tree(const char* s) : Tree(std::string_view(s)) {}
  /// A string leaf, with a copy of the text.
  Tree(const std::string& s) : Tree(std::string_view(s)) {}
  /// A string leaf, with a copy of the text.
  Tree(std::string_view s);
  /// An rng leaf.
  Tree(Rng r) : value_(r) {}
  Tree(std::nullptr_t) = delete;

  /// True for Tree(): a leaf that holds nothing.
  bool is_none() const { return value_.index() == 0; }
  /// True for a tensor leaf, even if the tensor is undefined.
  bool is_tensor() const { return value_.index() == 1; }
  /// True for an rng leaf.
  bool is_rng() const { return value_.index() == 5; }
  /// True for a string leaf.
  bool is_string() const { return value_.index() == 6; }
  /// True for a leaf that is a number: a bool, an int64 or a double.
  bool is_scalar() const { return value_.index() >= 2 && value_.index() <= 4; }
  /// True for a leaf of exactly the type S: a Tensor, bool, int64_t, double, std::string or Rng.
  template <class S>
    requires Scalar<S> || std::same_as<S, Tensor>
  bool is() const {
    if constexpr (std::same_as<S, std::string>) {
      return is_string();
    } else {
      return std::holds_alternative<S>(value_);
    }
  }
  /// True for a node whose children have keys.
  bool is_named() const;
  /// True for a node whose children have positions.
  bool is_tuple() const;
  /// True for everything but a named node or a tuple.
  bool is_leaf() const { return value_.index() != 7; }

  /// The tensor of a leaf; a TreeError for any other leaf or node.
  const Tensor& tensor() const&;
  /// The same of a temporary, by value.
  Tensor tensor() const&& { return static_cast<const Tree&>(*this).tensor(); }
  /// The value of a leaf of type S; scalar<double>() takes an int64 leaf too. A TreeError for any
  /// other leaf or node.
  template <Scalar S>
  S scalar() const;
  /// The tensors of a tuple: `auto [x, y] = batch.tensors<2>();`. A TreeError unless it is a tuple
  /// of N tensors.
  template <size_t N>
  std::array<Tensor, N> tensors() const {
    check_size(N);
    return [this]<size_t... I>(std::index_sequence<I...>) {
      return std::array<Tensor, N>{(*this)[I].tensor()...};
    }(std::make_index_sequence<N>());
  }

  /// The child of a key. TreeError: there is none (the text lists the keys), or this is no named
  /// tree.
  const Tree& operator[](std::string_view key) const&;
  /// The same of a temporary, by value, so that it cannot dangle.
  Tree operator[](std::string_view key) const&& { return static_cast<const Tree&>(*this)[key]; }
  /// The child at a position from 0. TreeError: there is none, or this is no tuple.
  template <Integer I>
  const Tree& operator[](I position) const& {
    return child(static_cast<int64_t>(position));
  }
  /// The same of a temporary, by value.
  template <Integer I>
  Tree operator[](I position) const&& {
    return child(static_cast<int64_t>(position));
  }
  /// The part at a path: at("lstm_cell.weight_ih"). A number is a position in a tuple:
  /// at("layers.0.bias"). "" is *this. A TreeError names the part of the path that is missing.
  const Tree& at(std::string_view path) const&;
  /// The same of a temporary, by value.
  Tree at(std::string_view path) const&& { return static_cast<const Tree&>(*this).at(path); }
  /// True if at(path) gives a part. No errors.
  bool contains(std::string_view path) const;

  /// The number of children: 0 for leaves.
  size_t size() const;
  /// The keys of a named tree in order; a TreeError for any other.
  std::vector<std::string> keys() const;
  /// The children of a named tree in order, a view that is valid as long as this tree; a TreeError
  /// for any other.
  std::span<const Item> items() const&;
  /// The same of a temporary, as copies.
  std::vector<Item> items() const&&;
  /// The children of a tuple in order, a view that is valid as long as this tree; a TreeError for
  /// any other.
  std::span<const Tree> elements() const&;
  /// The same of a temporary, as copies.
  std::vector<Tree> elements() const&&;

  /// A new tree with the part at `path` replaced, or added as the last child of its named parent;
  /// the rest is shared. TreeError: the parent is not there, or is a tuple without that position.
  Tree with(std::string_view path, Tree part) const;
  /// A new tree without the part at `path`; the rest is shared. TreeError: it is not there, or the
  /// path is "".
  Tree without(std::string_view path) const;

  /// True if both are the same node in memory, the same Tensor, or leaves of the same value. Use
  /// tree::equal to compare the values of nodes and tensors.
  bool same_node(const Tree& other) const;

  friend bool operator==(const Tree&, const Tree&) = delete;  // tree::equal or tree::all_close
  /// Prints keys and values line by line; tensors as dtype and shape.
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
/// The same from a list: named({{"weight", w}, {"bias", b}}).
LUXTORCH_API Tree named(std::initializer_list<Tree::Item> items);
/// A positional node. TreeError: more than 1000 levels.
LUXTORCH_API Tree tuple(std::vector<Tree> elements);
/// The same from a list; tuple({t}) is a tuple of one.
LUXTORCH_API Tree tuple(std::initializer_list<Tree> elements);
/// The children of two named trees: those of a in order, b's where both have a key, then b's other
/// ones. It does not go deeper. A TreeError for trees that are not named.
LUXTORCH_API Tree merge(const Tree& a, const Tree& b);
/// For loops over a named tree, `for (auto& [key, value] : ps)`: as items(), and so a TreeError for
/// a tuple, whose children are elements().
inline auto begin(const Tree& t) { return t.items().begin(); }
/// The end of such a loop.
inline auto end(const Tree& t) { return t.items().end(); }

namespace tree {

/// f of every leaf, in the same structure.
LUXTORCH_API Tree map(const std::function<Tree(const Tree& leaf)>& f, const Tree& t);
/// The same with an f that gets the leaf's path first: "lstm_cell.bias_ih".
LUXTORCH_API Tree map(const std::function<Tree(const std::string& path, const Tree& leaf)>& f,
                      const Tree& t);
/// f of every tensor, in the same structure. f is called once for a Tensor that stands at several
/// places. Other leaves and undefined tensors stay as they are.
LUXTORCH_API Tree map_tensors(const std::function<Tensor(const Tensor&)>& f, const Tree& t);
/// f of the leaves at the same place in two trees of one structure. A TreeError says where the keys
/// or sizes differ; the leaves may be of different kinds.
LUXTORCH_API Tree zip(const std::function<Tree(const Tree& a, const Tree& b)>& f, const Tree& a,
                      const Tree& b);
/// Calls f with the path of every leaf and the leaf, in order.
LUXTORCH_API void for_each(const std::function<void(const std::string& path, const Tree& leaf)>& f,
                           const Tree& t);

/// All leaves in order.
LUXTORCH_API std::vector<Tree> leaves(const Tree& t);
/// The paths of all leaves in order.
LUXTORCH_API std::vector<std::string> paths(const Tree& t);
/// A tree like `structure` with other leaves, in the order of leaves(). A TreeError if their number
/// differs.
LUXTORCH_API Tree unflatten(const Tree& structure, const std::vector<Tree>& leaves);
/// The tensors in order, undefined ones too; other leaves are left out.
LUXTORCH_API std::vector<Tensor> tensors(const Tree& t);
/// A tree from flat names: {"0.weight", w} nests at the dots. All nodes are named. TreeError: a
/// name twice, or as a leaf and as a group; an empty part of a name.
LUXTORCH_API Tree nest(const std::vector<Tree::Item>& flat);

/// The first difference in structure in words, or "" if there is none: keys and their order, sizes,
/// kinds of leaves, shapes and dtypes of tensors.
LUXTORCH_API std::string difference(const Tree& a, const Tree& b);
/// True if difference() is "" and all values are equal bit by bit (NaN equals NaN), tensors on the
/// same device.
LUXTORCH_API bool equal(const Tree& a, const Tree& b);
/// As equal, but floating-point tensors and doubles may differ by |a - b| <= atol + rtol * |b|.
LUXTORCH_API bool all_close(const Tree& a, const Tree& b, double rtol = 1e-5, double atol = 1e-8);

/// The number of elements of all tensors. A tensor at several places counts at each.
LUXTORCH_API int64_t numel(const Tree& t);
/// The bytes of the elements of all tensors. A tensor at several places counts at each.
LUXTORCH_API int64_t bytes(const Tree& t);

/// The same tensors, detached from the graph that autograd records; they share the memory.
LUXTORCH_API Tree detach(const Tree& t);
/// All tensors on a device. Those that are there already are shared, not copied.
LUXTORCH_API Tree to(const Tree& t, Device device);
/// The same with device(name), and its errors: "cpu", "gpu" (the CPU if there is no accelerator),
/// "cuda", "cuda:1".
inline Tree to(const Tree& t, std::string_view name) { return to(t, device(name)); }
/// Floating-point tensors in another dtype; integer and bool tensors stay as they are.
LUXTORCH_API Tree to(const Tree& t, Dtype dtype);

}  // namespace tree

/// tree::to(t, kFloat16), by Lux's name.
inline Tree f16(const Tree& t) { return tree::to(t, kFloat16); }
/// tree::to(t, kBFloat16), by Lux's name.
inline Tree bf16(const Tree& t) { return tree::to(t, kBFloat16); }
/// tree::to(t, kFloat32), by Lux's name.
inline Tree f32(const Tree& t) { return tree::to(t, kFloat32); }
/// tree::to(t, kFloat64), by Lux's name.
inline Tree f64(const Tree& t) { return tree::to(t, kFloat64); }

}  // namespace luxtorch
