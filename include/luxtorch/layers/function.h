// NoOpLayer and WrappedFunction: layers that only compute, without parameters and states.
//
//     Parallel(nullptr, Embedding(1000, 50), NoOpLayer())  // (tokens, lengths): the lengths stay
//     Chain(Dense(2, 8), WrappedFunction("norm", [](const Tensor& y) { return y.norm(2, -1); }))
//
// A function of tensors or of a Tree is a layer by itself wherever one is expected. WrappedFunction
// gives it a name in printed models, and a layer's call operator.
#pragma once

#include <concepts>
#include <string>
#include <utility>

#include "luxtorch/layer.h"

namespace luxtorch {

/// y = x, for any x: Lux's NoOpLayer, torch.nn.Identity.
struct NoOpLayer {
  /// x and st as they are.
  Out<Tree> operator()(const Tree& x, const Tree&, const Tree& st) const {
    detail::report(*this, x);
    return {x, st};
  }
  /// The text in a printed model.
  std::string label() const { return "NoOpLayer()"; }
};

/// y = f(x) for a function of a Tree or of one tensor; y = f(a, b), f(a, b, c) or f(a, b, c, d) for
/// a function of several tensors, which a container hands over as a tuple. Errors are the
/// function's.
template <class F>
class WrappedFunction {
 public:
  /// Its name is that of the function, if it has a name(), or else its type's: "Function" for
  /// lambdas.
  explicit WrappedFunction(F f) : name_(own_name(f)), f_(std::move(f)) {}
  /// With a name for printed models.
  WrappedFunction(std::string name, F f) : name_(std::move(name)), f_(std::move(f)) {}

  /// f(x) of a tensor or a Tree.
  template <class X>
    requires((std::derived_from<X, Tensor> || std::same_as<X, Tree>) && detail::FunctionOf<F, X>)
  auto operator()(const X& x, const Tree&, const Tree& st) const {
    return call(st, x);
  }
  /// f(a, b).
  template <std::derived_from<Tensor> A, std::derived_from<Tensor> B>
    requires detail::FunctionOf<F, A, B>
  auto operator()(const A& a, const B& b, const Tree&, const Tree& st) const {
    return call(st, a, b);
  }
  /// f(a, b, c).
  template <std::derived_from<Tensor> A, std::derived_from<Tensor> B, std::derived_from<Tensor> C>
    requires detail::FunctionOf<F, A, B, C>
  auto operator()(const A& a, const B& b, const C& c, const Tree&, const Tree& st) const {
    return call(st, a, b, c);
  }
  /// f(a, b, c, d).
  template <std::derived_from<Tensor> A, std::derived_from<Tensor> B, std::derived_from<Tensor> C,
            std::derived_from<Tensor> D>
    requires detail::FunctionOf<F, A, B, C, D>
  auto operator()(const A& a, const B& b, const C& c, const D& d, const Tree&,
                  const Tree& st) const {
    return call(st, a, b, c, d);
  }
  /// The text in a printed model: "WrappedFunction(name)".
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
