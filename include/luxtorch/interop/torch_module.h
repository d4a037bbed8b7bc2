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

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace torch::nn {
class Module;
class AnyModule;
class SequentialImpl;
class RNNCellImpl;
class LSTMCellImpl;
class GRUCellImpl;
}  // namespace torch::nn

namespace luxtorch {

namespace detail {

/// A module with what can be done to it, its type forgotten.
struct ModuleHandle {
  std::shared_ptr<torch::nn::Module> module;
  std::function<Tree(const Tree& x)> forward;
  std::function<void()> reset;  // reset_parameters(), if the type has one
  /// Another module of the type, as its reset() makes it; unset for a type without.
  std::function<std::shared_ptr<torch::nn::Module>()> fresh;
  /// A deep copy. A c10::Error from a module that cannot be copied.
  std::function<ModuleHandle()> clone;
};

}  // namespace detail

struct FunctionalOptions {
  /// setup gives the values that the module had when functional() was called.
  bool keep_values = false;
  /// The module draws random numbers in a way that cannot be seen from outside: its forward calls torch::dropout,
  /// torch::randn or the like itself. Known without it are torch's own modules, at any depth.
  bool random = false;
};

/// What functional() makes: a layer that runs a torch::nn module with the parameters and states that it is given.
///
/// x: what forward takes: a tensor, a tuple of tensors for several, with Tree() for one left undefined; (x, (h, c)) for a
/// torch::nn::LSTM with its state. What forward has defaults for may be left out.
/// y: what forward returns: a tensor, or a tuple for a std::tuple, nested alike: (output, (h, c)) of an LSTM.
///
/// Parameters: the module's, nested by their names: {"0": {weight, bias}, "2": ...} for a Sequential; a shared one once, by
/// its first name. States: the buffers, likewise, and `training`, which stands for train() and eval(); and `rng` where the
/// module draws random numbers (dropout). New buffers come back in the new states, and nothing that goes in is changed: a
/// module that changes x or its parameters in place (ReLU with inplace, Embedding with max_norm) works on copies, and so
/// does the first call of every module, which shows whether it does. ArgumentError where a later call does without that.
///
/// setup draws as the module itself does: a module of torch's, or one of a user's own with reset() (torch::nn::Cloneable),
/// is made anew, from a key made from its name. A container's parts are drawn each by itself, and so are those of a module
/// without reset(), whose own values stay, as all do with keep_values. The draws are torch's, on the CPU generator.
///
/// A module that draws random numbers does so from `rng`: torch's default generator is seeded from it for the call, and
/// restored after it, also by an exception. In training rng moves on; in test mode, where few modules draw, it stays. Such
/// calls take turns in the whole process, since torch has one generator per device.
///
/// Gradients flow to ps and x, at every order. Calls from several threads run side by side, each on a copy of the module.
/// A module without clone(), or one whose members were assigned other tensors or modules than it registers
/// (decoder->weight = encoder->weight, which clone() does not repeat), is used itself, one call at a time,
/// and holds its own values again after each; its forward runs once more for the gradients, which are of first order only.
///
/// In function transforms (vmap, jvp, gradients within them) x may be what they work on; ps and st may not, since a torch
/// module holds plain tensors only, and so it cannot change a buffer there, as a BatchNorm does in training. setup, and
/// functional() of a module made outside, work in all of them; under vmap setup is a draw (VmapOptions::randomness).
///
/// Errors: a TreeError that lists missing, unexpected and misshaped names; an UnsupportedError for ps, st or, without
/// clone(), x of a function transform, for a buffer that would change there, and for a module made in one; a TorchError for
/// what forward complains about.
class LUXTORCH_API FunctionalModule {
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

/// A module that is a recurrent cell, for Recurrence and its kin: functional(torch::nn::LSTMCell(2, 8)), and
/// functional_cell(module) for a module of a user's own.
///
/// Its forward takes x (batch, in) to start a sequence, then x and the carry: a tensor, or a std::tuple of two. It returns
/// the new carry alike, the first of it being y, or y and the carry as a tuple of their own: (y, (h, c)).
/// Carries are tuples here: (h), (h, c).
class LUXTORCH_API FunctionalCell {
 public:
  explicit FunctionalCell(FunctionalModule module) : module_(std::move(module)) {}

  LUXTORCH_WRAPS(module_)
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const;
  std::string label() const { return module_.label(); }

 private:
  FunctionalModule module_;
};

namespace detail {

LUXTORCH_API [[noreturn]] void wrong_module_input(const torch::nn::Module& module, const Tree& x);
LUXTORCH_API [[noreturn]] void empty_module();
/// For the two whose forward has no type of its own.
LUXTORCH_API ModuleHandle module_handle(const torch::nn::AnyModule& module);
LUXTORCH_API Tree forward_sequential(torch::nn::SequentialImpl& module, const Tree& x);
/// Takes everything from the module that it has registered.
LUXTORCH_API void unregister_all(torch::nn::Module& module);

// An AdaptiveLogSoftmaxWithLoss returns a struct of these two.
template <class Y>
  requires requires(const Y& y) {
    y.output;
    y.loss;
  }
Tree forward_result(const Y& y) {
  return tuple({Tree(y.output), Tree(y.loss)});
}
template <class Y>
  requires requires(Y&& y) { to_tree(std::forward<Y>(y)); }
Tree forward_result(Y&& y) {
  return to_tree(std::forward<Y>(y));
}

inline Tensor forward_input(const Tree& x) { return x.is_none() ? Tensor() : x.tensor(); }

template <class Impl, size_t... I>
constexpr bool forwards(std::index_sequence<I...>) {
  return requires(Impl& m, const Tensor& t) { forward_result(m.forward(((void)I, t)...)); };
}
template <class Impl, size_t... I>
Tree forward_tensors(Impl& m, const Tree& x, std::index_sequence<I...>) {
  return forward_result(m.forward(forward_input(x[I])...));
}

/// Runs forward with the tensors of x, if it takes so many. A Transformer takes 8.
template <class Impl, size_t N = 8>
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
    if constexpr (forwards<Impl>(std::index_sequence<0>()))
      return forward_result(m.forward(x.tensor()));
  } else if (x.is_tuple()) {
    if constexpr (requires(const Tensor& t, Pair p) { forward_result(m.forward(t, p)); }) {
      if (x.size() == 2 && x[1].is_tuple()) {
        return forward_result(m.forward(x[0].tensor(), Pair(x[1][0].tensor(), x[1][1].tensor())));
      }
    }
    return forward_tuple(m, x);
  }
  wrong_module_input(m, x);
}

/// A module as the type's reset() makes it, with the options of m.
template <class Impl>
std::shared_ptr<torch::nn::Module> fresh_module(const Impl& m) {
  auto another = std::make_shared<Impl>(m);  // its tensors are still those of m
  unregister_all(*another);
  another->reset();
  return another;
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
  if constexpr (std::copy_constructible<Impl> && requires { m->reset(); })
    handle.fresh = [m] { return fresh_module(*m); };
  handle.clone = [m] { return module_handle(std::dynamic_pointer_cast<Impl>(m->clone())); };
  return handle;
}

template <class M>
concept ModuleHolderLike = requires(const M& m) {
  typename M::ContainedType;
  m.ptr();
  m.is_empty();
};

template <class Impl>
concept TorchCell = std::derived_from<Impl, torch::nn::RNNCellImpl> ||
                    std::derived_from<Impl, torch::nn::LSTMCellImpl> ||
                    std::derived_from<Impl, torch::nn::GRUCellImpl>;

/// The layer of a holder, a std::shared_ptr or an AnyModule.
template <class M>
FunctionalModule functional_module(const M& module, FunctionalOptions options) {
  if constexpr (std::same_as<M, torch::nn::AnyModule>) {
    return FunctionalModule(module_handle(module), options);
  } else if constexpr (ModuleHolderLike<M>) {
    if (module.is_empty()) empty_module();
    return FunctionalModule(module_handle(module.ptr()), options);
  } else {
    static_assert(
        requires { std::shared_ptr<torch::nn::Module>(module); },
        "functional takes a torch::nn module's holder, as torch::nn::Linear(2, 3), a "
        "std::shared_ptr to a module, "
        "or a torch::nn::AnyModule");
    return FunctionalModule(module_handle(module), options);
  }
}

template <class M>
constexpr bool is_torch_cell() {
  if constexpr (ModuleHolderLike<M>) {
    return TorchCell<typename M::ContainedType>;
  } else if constexpr (requires { typename M::element_type; }) {
    return TorchCell<typename M::element_type>;
  } else {
    return false;
  }
}

}  // namespace detail

/// A layer from a torch::nn module: a holder (torch::nn::Linear), a std::shared_ptr to a module, or an AnyModule. The module
/// itself is not changed, and later changes to it do not change the layer. From torch's RNNCell, LSTMCell and GRUCell it is
/// a FunctionalCell. ArgumentError: an empty holder, or a part named training or rng.
template <class M>
auto functional(const M& module, FunctionalOptions options = {}) {
  if constexpr (detail::is_torch_cell<M>()) {
    return FunctionalCell(detail::functional_module(module, options));
  } else {
    return detail::functional_module(module, options);
  }
}

/// The same from any module whose forward is a cell's.
template <class M>
FunctionalCell functional_cell(const M& module, FunctionalOptions options = {}) {
  return FunctionalCell(detail::functional_module(module, options));
}

}  // namespace luxtorch
