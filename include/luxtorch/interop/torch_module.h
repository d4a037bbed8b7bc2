// Any torch::nn module as a layer: its parameters and buffers become ps and st.
//
//     #include <torch/nn/modules/linear.h>
//     Layer model = Chain(functional(torch::nn::Linear(2, 8)), lux::tanh, Dense(8, 1));
//     auto [ps, st] = setup(Rng(0), model);
//     auto [y, st2] = apply<Tensor>(model, x, ps, st);
//
// A program that uses modules includes their torch::nn headers itself; this header does not.
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

/// How functional() takes a module.
struct FunctionalOptions {
  /// setup gives the values that the module had when functional() was called, in place of new
  /// draws.
  bool keep_values = false;
  /// Set this for a module whose forward itself calls torch::dropout, torch::randn or the like.
  /// torch's own modules that draw random numbers are recognized without it, at any depth.
  bool random = false;
};

/// What functional() makes: a layer that runs a torch::nn module with the parameters and states
/// that it is given. Gradients flow to ps and x, at every order unless "Threads" below says
/// otherwise.
///
/// **Inputs.** x is what forward takes: a tensor, or a tuple for several tensors, with Tree() for
/// one that is left undefined; (x, (h, c)) for a torch::nn::LSTM with its state. Arguments that
/// have defaults in forward may be left out. y is what forward returns: a tensor, or for a
/// std::tuple a tuple, nested in the same way: (output, (h, c)) of an LSTM.
///
/// No input is changed. A module that changes x or its parameters in place (ReLU with inplace,
/// Embedding with max_norm) works on copies. The first call of every module works on copies too,
/// and shows whether the module is one of these.
///
/// **States.** The parameters are the module's, nested by their names: {"0": {weight, bias}, "2":
/// ...} for a Sequential. A shared parameter is there once, by its first name. The states are the
/// buffers, nested in the same way; `training`, which stands for train() and eval(); and `rng`
/// where the module draws random numbers (dropout). Changed buffers come back in the new states.
///
/// **Randomness.** setup draws as the module itself does. A module of torch's, or a user's own with
/// reset() (torch::nn::Cloneable), is made anew, from a key derived from its name. The parts of a
/// container are drawn one by one, and so are those of a module without reset(), whose own values
/// stay. With keep_values all values stay. The draws are torch's, on the CPU generator.
///
/// A module that draws random numbers in forward draws them from `rng`: torch's default generator
/// is seeded from it for the call, and restored after it, also after an exception. In training rng
/// changes from call to call; in test mode, where few modules draw, it stays the same.
///
/// **Threads.** Calls from several threads run at the same time, each on a copy of the module. Two
/// kinds of module are not copied: those without clone(), and those whose members were assigned
/// other tensors or modules than they register (decoder->weight = encoder->weight, which clone()
/// does not repeat). Such a module is used itself, one call at a time, and has its own values again
/// after each call. Its forward runs once more for the gradients, which are of first order only.
///
/// Calls of modules that draw random numbers take turns in the whole process, since torch has one
/// generator per device.
///
/// **Errors.** TreeError, which lists them: missing, unexpected and misshaped names. ArgumentError:
/// a module that changes its inputs in place, but did not in its first call. TorchError: an error
/// in forward.
///
/// UnsupportedError, in function transforms (vmap, jvp, gradients within them): ps or st that the
/// transform works on, since a torch module holds plain tensors only; a buffer that would change,
/// as of a BatchNorm in training; a module made within the transform; and, for a module that is not
/// copied, an x that the transform works on. Any other x is allowed, and so are setup and
/// functional() of a module made outside. Under vmap setup counts as a draw
/// (VmapOptions::randomness).
class LUXTORCH_API FunctionalModule {
 public:
  /// functional() calls this. ArgumentError: a buffer or part named training or rng.
  FunctionalModule(detail::ModuleHandle module, FunctionalOptions options);

  /// The parameters for setup, drawn from rng, or the module's own ones with keep_values.
  Tree initial_parameters(Rng rng) const;
  /// The states for setup: the buffers, training = true, and an rng where the module draws.
  Tree initial_states(Rng rng) const;
  /// (y, new states), with x, y and errors as above.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// functional(...) around the module's name, for show.
  std::string label() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// A module that is a recurrent cell, for Recurrence and the like:
/// functional(torch::nn::LSTMCell(2, 8)), or functional_cell(module) for a module of a user's own.
///
/// The module's forward takes x (batch, in) to start a sequence, and then x and the carry: a
/// tensor, or a std::tuple of two. It returns the new carry in the same form, with y as its first
/// tensor; or y and the carry: (y, (h, c)). Here a carry is always a tuple: (h), (h, c).
class LUXTORCH_API FunctionalCell {
 public:
  /// A cell from a layer that functional() made.
  explicit FunctionalCell(FunctionalModule module) : module_(std::move(module)) {}

  LUXTORCH_WRAPS(module_)
  /// The first step of a sequence, x (batch, in). TreeError: a forward that does not return a
  /// carry; other errors as of FunctionalModule.
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// A further step, from the carry of the step before.
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const;
  /// The module's label, for show.
  std::string label() const { return module_.label(); }

 private:
  FunctionalModule module_;
};

namespace detail {

[[noreturn]] LUXTORCH_API void wrong_module_input(const torch::nn::Module& module, const Tree& x);
[[noreturn]] LUXTORCH_API void empty_module();
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

/// A layer from a torch::nn module: a holder (torch::nn::Linear), a std::shared_ptr to a module, or
/// an AnyModule. The module itself is not changed, and later changes to it do not change the layer.
/// It is a FunctionalModule, or a FunctionalCell from torch's RNNCell, LSTMCell and GRUCell.
/// ArgumentError: an empty holder, or a buffer or part named training or rng.
template <class M>
auto functional(const M& module, FunctionalOptions options = {}) {
  if constexpr (detail::is_torch_cell<M>()) {
    return FunctionalCell(detail::functional_module(module, options));
  } else {
    return detail::functional_module(module, options);
  }
}

/// A FunctionalCell from any module whose forward is that of a cell (see FunctionalCell).
template <class M>
FunctionalCell functional_cell(const M& module, FunctionalOptions options = {}) {
  return FunctionalCell(detail::functional_module(module, options));
}

}  // namespace luxtorch
