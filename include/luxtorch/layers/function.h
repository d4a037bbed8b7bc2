// NoOpLayer and WrappedFunction: layers that only compute, without parameters and states.
//
//     Parallel(nullptr, Embedding(1000, 50), NoOpLayer())       // (tokens, lengths): the lengths stay
//     Chain(Dense(2, 8), WrappedFunction("norm", [](const Tensor& y) { return y.norm(2, -1); }))
//
// Level 3. A function of tensors or of a Tree is a layer by itself wherever one is expected;
// WrappedFunction gives it a name to be printed, and the call of a layer.
#pragma once

#include <concepts>
#include <string>
#include <utility>

#include "luxtorch/layer.h"

namespace luxtorch {

/// y = x, whatever x is.
struct NoOpLayer {
  Out<Tree> operator()(const Tree& x, const Tree&, const Tree& st) const {
    detail::report(*this, x);
    return {x, st};
  }
  std::string label() const { return "NoOpLayer()"; }
};

/// y = f(x) of a function of a Tree or of one tensor; f(a, b), f(a, b, c) or f(a, b, c, d) of
/// several, which come as a tuple through a container. Printed as WrappedFunction(name); without a
/// name given as the function's own, if it has a name(), or as Function.
template <class F>
class WrappedFunction {
 public:
  explicit WrappedFunction(F f) : name_(own_name(f)), f_(std::move(f)) {}
  WrappedFunction(std::string name, F f) : name_(std::move(name)), f_(std::move(f)) {}

  template <class X>
    requires((std::derived_from<X, Tensor> || std::same_as<X, Tree>) && detail::FunctionOf<F, X>)
  auto operator()(const X& x, const Tree&, const Tree& st) const {
    return call(st, x);
  }
  template <std::derived_from<Tensor> A, std::derived_from<Tensor> B>
    requires detail::FunctionOf<F, A, B>
  auto operator()(const A& a, const B& b, const Tree&, const Tree& st) const {
    return call(st, a, b);
  }
  template <std::derived_from<Tensor> A, std::derived_from<Tensor> B, std::derived_from<Tensor> C>
    requires detail::FunctionOf<F, A, B, C>
  auto operator()(const A& a, const B& b, const C& c, const Tree&, const Tree& st) const {
    return call(st, a, b, c);
  }
  template <std::derived_from<Tensor> A, std::derived_from<Tensor> B, std::derived_from<Tensor> C,
            std::derived_from<Tensor> D>
    requires detail::FunctionOf<F, A, B, C, D>
  auto operator()(const A& a, const B& b, const C& c, const D& d, const Tree&,
                  const Tree& st) const {
    return call(st, a, b, c, d);
  }
  std::string label() const { return "WrappedFunction(" + name_ + ")"; }

 private:
  static std::string own_name(const F& f) {
    if constexpr (requires { std::string(f.name()); }) {
      return f.name();
    } else {
      return type_name(typeid(F));
    }
  }
  template <class... X>
  auto call(const Tree& st, const X&... x) const {
    auto y = f_(x...);
    detail::report(*this, y);
    return Out<decltype(y)>{std::move(y), st};
  }

  std::string name_;
  F f_;
};

}  // namespace luxtorch
