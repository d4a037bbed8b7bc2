// Values of functions and layers as trees, and back.
//
//     Tree t = to_tree(std::pair{x, std::vector{a, b}});    // (x, (a, b))
//     auto p = from_tree<std::pair<Tensor, Tree>>(t);
//
// Tensors and numbers become leaves, trees stay as they are; pairs, tuples, arrays, vectors: tuples.
#pragma once

#include <array>
#include <concepts>
#include <tuple>
#include <utility>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch {

/// Converts a value to a tree. For a type of your own, define a `to_tree` in its namespace.
inline Tree to_tree(Tree t) { return t; }
/// A tensor, or what is derived from one, as a leaf.
template <std::derived_from<Tensor> T>
Tree to_tree(const T& t) {
  return Tree(Tensor(t));
}
// All are declared before the first body, since they call each other.
template <class A, class B>
Tree to_tree(const std::pair<A, B>& p);
template <class... A>
Tree to_tree(const std::tuple<A...>& t);
template <class A>
Tree to_tree(const std::vector<A>& v);
template <class A, size_t N>
Tree to_tree(const std::array<A, N>& v);

namespace detail {
template <class Range>
Tree range_to_tree(const Range& range) {
  std::vector<Tree> parts;
  for (const auto& e : range) parts.push_back(to_tree(e));
  return tuple(std::move(parts));
}
}  // namespace detail

/// A pair as a tuple of two.
template <class A, class B>
Tree to_tree(const std::pair<A, B>& p) {
  return tuple({to_tree(p.first), to_tree(p.second)});
}
/// A tuple, part by part.
template <class... A>
Tree to_tree(const std::tuple<A...>& t) {
  return std::apply([](const auto&... a) { return tuple(std::vector<Tree>{Tree(to_tree(a))...}); },
                    t);
}
/// A vector as a tuple of its elements.
template <class A>
Tree to_tree(const std::vector<A>& v) {
  return detail::range_to_tree(v);
}
/// An array as a tuple of its elements.
template <class A, size_t N>
Tree to_tree(const std::array<A, N>& v) {
  return detail::range_to_tree(v);
}

/// Makes a T from a tree: `static T value(const Tree&)`. Specialize it for a type of your own.
template <class T>
struct FromTree;

/// A tree as a T: a Tensor, Tree, integer, bool or double, or pairs, tuples, arrays and vectors of
/// these. Throws TreeError where the tree is something else.
template <class T>
T from_tree(const Tree& t) {
  return FromTree<T>::value(t);
}

/// A T can be converted to a tree and back.
template <class T>
concept TreeConvertible = requires(const T& value, const Tree& t) {
  { to_tree(value) } -> std::convertible_to<Tree>;
  FromTree<T>::value(t);
};

/// A tree itself.
template <>
struct FromTree<Tree> {
  /// The same tree.
  static const Tree& value(const Tree& t) { return t; }
};
/// A leaf that is a tensor.
template <>
struct FromTree<Tensor> {
  /// The tensor; TreeError if the tree is none.
  static const Tensor& value(const Tree& t) { return t.tensor(); }
};
/// A leaf that is a number.
template <class T>
  requires(Integer<T> || std::same_as<T, bool> || std::same_as<T, double>)
struct FromTree<T> {
  /// The number; TreeError if the tree is none.
  static T value(const Tree& t) {
    if constexpr (Integer<T>) {
      return static_cast<T>(t.scalar<int64_t>());
    } else {
      return t.scalar<T>();
    }
  }
};

namespace detail {
template <class... T>
concept HaveFromTree = (requires(const Tree& t) { FromTree<T>::value(t); } && ...);

template <class T, class... Parts>
struct PartsFromTree {
  static T value(const Tree& t) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return T{from_tree<Parts>(t[I])...};
    }(std::index_sequence_for<Parts...>());
  }
};
}  // namespace detail

/// A tuple of two.
template <class A, class B>
  requires detail::HaveFromTree<A, B>
struct FromTree<std::pair<A, B>> : detail::PartsFromTree<std::pair<A, B>, A, B> {};
/// A tuple of as many parts.
template <class... Parts>
  requires detail::HaveFromTree<Parts...>
struct FromTree<std::tuple<Parts...>> : detail::PartsFromTree<std::tuple<Parts...>, Parts...> {};
/// A tuple of any length.
template <detail::HaveFromTree E>
struct FromTree<std::vector<E>> {
  /// The elements in order.
  static std::vector<E> value(const Tree& t) {
    std::vector<E> values;
    for (const auto& e : t.elements()) values.push_back(from_tree<E>(e));
    return values;
  }
};
/// A tuple of N.
template <detail::HaveFromTree E, size_t N>
struct FromTree<std::array<E, N>> {
  /// The elements in order.
  static std::array<E, N> value(const Tree& t) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return std::array<E, N>{from_tree<E>(t[I])...};
    }(std::make_index_sequence<N>());
  }
};

}  // namespace luxtorch
