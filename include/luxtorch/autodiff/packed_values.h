// What functions under transforms take and return, as trees: tensors, trees, scalars, and pairs, tuples, arrays and
// vectors of these.
//
// Level 4. For grad.h, derivatives.h and vmap.h.
#pragma once

#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::detail {

template <class T>
struct Packed;

template <class T>
Tree pack(const T& value) {
  return Packed<T>::tree(value);
}
template <class T>
T unpack(const Tree& t) {
  return Packed<T>::value(t);
}

template <>
struct Packed<Tree> {
  static const Tree& tree(const Tree& t) { return t; }
  static const Tree& value(const Tree& t) { return t; }
};
template <>
struct Packed<Tensor> {
  static Tree tree(const Tensor& t) { return t; }
  static const Tensor& value(const Tree& t) { return t.tensor(); }
};
template <class T>
  requires(Integer<T> || std::same_as<T, bool> || std::same_as<T, double>)
struct Packed<T> {
  static Tree tree(T x) { return x; }
  static T value(const Tree& t) {
    if constexpr (Integer<T>) {
      return static_cast<T>(t.scalar<int64_t>());
    } else {
      return t.scalar<T>();
    }
  }
};

template <class T, class... Parts>
struct PackedParts {
  static Tree tree(const T& value) {
    return std::apply([](const auto&... part) { return tuple(std::vector<Tree>{pack(part)...}); },
                      value);
  }
  static T value(const Tree& t) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return T{unpack<Parts>(t[I])...};
    }(std::index_sequence_for<Parts...>());
  }
};
template <class A, class B>
struct Packed<std::pair<A, B>> : PackedParts<std::pair<A, B>, A, B> {};
template <class... Parts>
struct Packed<std::tuple<Parts...>> : PackedParts<std::tuple<Parts...>, Parts...> {};

template <class T>
struct PackedElements {
  static Tree tree(const T& values) {
    std::vector<Tree> elements;
    for (const auto& v : values) elements.push_back(pack(v));
    return tuple(std::move(elements));
  }
};
template <class E>
struct Packed<std::vector<E>> : PackedElements<std::vector<E>> {
  static std::vector<E> value(const Tree& t) {
    std::vector<E> values;
    for (const auto& e : t.elements()) values.push_back(unpack<E>(e));
    return values;
  }
};
template <class E, size_t N>
struct Packed<std::array<E, N>> : PackedElements<std::array<E, N>> {
  static std::array<E, N> value(const Tree& t) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return std::array<E, N>{unpack<E>(t[I])...};
    }(std::make_index_sequence<N>());
  }
};

template <class T>
concept Packable = requires(const T& value) { Packed<T>::tree(value); };

}  // namespace luxtorch::detail
