// Any torch::nn module as a layer: its parameters and buffers become ps and st.
//
//     #include <torch/nn/modules/linear.h>
//     Layer model = Chain(functional(torch::nn::Linear(2, 8)), lux::tanh, Dense(8, 1));
//     auto [ps, st] = setup(Rng(0), model);
//     auto [y, st2] = apply<Tensor>(model, x, ps, st);
//
// Level 3. A program that hands modules over includes torch::nn itself; this header does not.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "luxtorch/layer.h"

namespace torch::nn {
class Module;
class AnyModule;
class SequentialImpl;
}  // namespace torch::nn

namespace luxtorch {

namespace detail {

/// A module with what can be done to it, its type forgotten.
struct ModuleHandle {
  std::shared_ptr<torch::nn::Module> module;
  std::function<Tree(const Tree& x)> forward;
  std::function<void()> reset;  // reset_parameters(), if the type has one
  /// A deep copy. A c10::Error from a module that cannot be copied.
  std::function<ModuleHandle()> clone;
};

}  // namespace detail

struct FunctionalOptions {
  bool keep_values =
      false;  // setup gives the values that the module had when functional() was called
};

/// What functional() makes: a layer that runs a torch::nn module with the parameters and states that it is given.
///
/// x: what forward takes: a tensor, a tuple of tensors for several, (x, (h, c)) for a torch::nn::LSTM with its state.
/// y: what forward returns: a tensor, or a tuple for a std::tuple, nested alike: (output, (h, c)) of an LSTM.
///
/// Parameters: the module's, nested by their names: {"0": {weight, bias}, "2": ...} for a Sequential. States: the buffers,
/// likewise, and `training`, which stands for train() and eval(); and `rng` where the module draws random numbers
/// (dropout). New buffers come back in the new states, and nothing that goes in is changed.
///
/// setup draws each part's values as the module's own reset_parameters() does, from a key made from the part's name; a part
/// whose type has none keeps its values, as all do with keep_values.
///
/// Gradients flow to ps and x, at every order. Calls from several threads run side by side, each on a copy of the module.
/// A module without clone() (see torch::nn::Cloneable) is used itself, one call at a time, and holds its own values again
/// after each; its forward runs once more for the gradients, which are of first order only.
///
/// Errors: a TreeError that lists missing, unexpected and misshaped names; a TorchError for what forward complains about.
class FunctionalModule {
 public:
  FunctionalModule(detail::ModuleHandle module, FunctionalOptions options);

  Tree initial_parameters(Rng rng) const;
  Tree initial_states(Rng rng) const;
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  std::string label() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

namespace detail {

[[noreturn]] void wrong_module_input(const torch::nn::Module& module, const Tree& x);
[[noreturn]] void empty_module();
/// For the two whose forward has no type of its own.
ModuleHandle module_handle(const torch::nn::AnyModule& module);
Tree forward_sequential(torch::nn::SequentialImpl& module, const Tree& x);

template <class Impl, size_t... I>
constexpr bool forwards(std::index_sequence<I...>) {
  return requires(Impl& m, const Tensor& t) { to_tree(m.forward(((void)I, t)...)); };
}
template <class Impl, size_t... I>
Tree forward_tensors(Impl& m, const Tree& x, std::index_sequence<I...>) {
  return to_tree(m.forward(x[I].tensor()...));
}

/// Runs forward with the tensors of x, if it takes so many.
template <class Impl, size_t N = 6>
Tree forward_tuple(Impl& m, const Tree& x) {
  if constexpr (N == 0) {
    wrong_module_input(m, x);
  } else {
    if constexpr (forwards<Impl>(std::make_index_sequence<N>())) {
      if (x.size() == N) return forward_tensors(m, x, std::make_index_sequence<N>());
    }
    return forward_tuple<Impl, N - 1>(m, x);
  }
}

template <class Impl>
Tree forward_typed(Impl& m, const Tree& x) {
  using Pair = std::tuple<Tensor, Tensor>;
  if (x.is_tensor()) {
    if constexpr (forwards<Impl>(std::index_sequence<0>())) return to_tree(m.forward(x.tensor()));
  } else if (x.is_tuple()) {
    if constexpr (requires(const Tensor& t, Pair p) { to_tree(m.forward(t, p)); }) {
      if (x.size() == 2 && x[1].is_tuple()) {
        return to_tree(m.forward(x[0].tensor(), Pair(x[1][0].tensor(), x[1][1].tensor())));
      }
    }
    return forward_tuple(m, x);
  }
  wrong_module_input(m, x);
}

template <class Impl>
ModuleHandle module_handle(std::shared_ptr<Impl> m) {
  if (!m) empty_module();
  ModuleHandle handle;
  handle.module = m;
  handle.forward = [m](const Tree& x) {
    if constexpr (std::same_as<Impl, torch::nn::SequentialImpl>) {
      return forward_sequential(*m, x);
    } else {
      return forward_typed(*m, x);
    }
  };
  if constexpr (requires { m->reset_parameters(); }) handle.reset = [m] { m->reset_parameters(); };
  handle.clone = [m] { return module_handle(std::dynamic_pointer_cast<Impl>(m->clone())); };
  return handle;
}

template <class M>
concept ModuleHolderLike = requires(const M& m) {
  typename M::ContainedType;
  m.ptr();
  m.is_empty();
};

}  // namespace detail

/// A layer from a torch::nn module: a holder (torch::nn::Linear), a std::shared_ptr to a module, or an AnyModule. The module
/// itself is not changed, and later changes to it do not change the layer. ArgumentError: an empty holder, or a part named
/// training or rng.
template <class M>
FunctionalModule functional(const M& module, FunctionalOptions options = {}) {
  if constexpr (std::same_as<M, torch::nn::AnyModule>) {
    return FunctionalModule(detail::module_handle(module), options);
  } else if constexpr (detail::ModuleHolderLike<M>) {
    if (module.is_empty()) detail::empty_module();
    return FunctionalModule(detail::module_handle(module.ptr()), options);
  } else {
    static_assert(
        requires { std::shared_ptr<torch::nn::Module>(module); },
        "functional takes a torch::nn module's holder, as torch::nn::Linear(2, 3), a "
        "std::shared_ptr to a module, "
        "or a torch::nn::AnyModule");
    return FunctionalModule(detail::module_handle(module), options);
  }
}

}  // namespace luxtorch
