// The layer concept, the erased Layer, setup and apply.
//
//     struct Slope {                          // a leaf layer: a const call operator (x, ps, st)
//       int64_t dims;
//       std::vector<ParameterSpec> parameters() const {
//         return {{.name = "weight", .shape = {dims}, .init = init::ones}};
//       }
//       Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
//         return {x * ps["weight"].tensor(), st};
//       }
//     };
//     auto [ps, st] = setup(Rng(42), Slope{3});
//     auto [y, st2] = apply(Slope{3}, x, ps, st);
//
//     Shape shape = outputsize(Slope{3}, {32, 3});   // of y, without arithmetic
//
// There is no base class. A layer is any movable type whose const call operator takes (x, ps, st) and
// returns Out<Y>; functions of tensors are layers without parameters. Layers hold no tensors, so they
// are values: copy them, share them between threads.
//
// parameters() and states() describe what setup makes (layer_spec.h). A layer that no such list
// describes makes its trees itself, from a key for each name that it folds in: it has `Tree
// initial_parameters(Rng rng) const` and `Tree initial_states(Rng rng) const`. Either hook may be
// missing, and only one of the two kinds may be there. States that depend on the drawn parameters get their
// numbers in `Tree settled_states(const Tree& ps, const Tree& st) const` (layer_concepts.h).
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer_concepts.h"
#include "luxtorch/layer_description.h"
#include "luxtorch/layer_summary.h"
#include "luxtorch/tree.h"

namespace luxtorch {

namespace detail {
class LeafReplacements;
template <class L>
std::optional<L> replaced(const L& l, LeafReplacements& r);  // layer_map.h
LUXTORCH_API std::optional<Layer> replaced_erased(const Layer& l, LeafReplacements& r);
}  // namespace detail

/// A layer's parameters or states, each leaf's key made from its path. Wrappers add no level; a
/// container's own are merged after its layers'. An error says at which layer it is.
template <Initial W, class L>
Tree initial(const L& l, Rng rng) {
  return detail::draw(describe(l), W, rng);
}
/// The parameters alone: initial<Initial::parameters>.
template <class L>
Tree initial_parameters(const L& l, Rng rng) {
  return initial<Initial::parameters>(l, rng);
}
/// The states alone: initial<Initial::states>, before settled_states(ps, st).
template <class L>
Tree initial_states(const L& l, Rng rng) {
  return initial<Initial::states>(l, rng);
}

/// (ps, st) of a model. Pure: one seed always gives the same numbers. A parameter's numbers depend
/// on the seed and its path alone, so adding a layer changes no other's. Tensors are float32 on the
/// CPU: move them by tree::to.
///
/// Errors of a layer that describes itself name its path: a TreeError where two parameters or two
/// states have one name; a ShapeError for a size below 0, or an initializer that gives another shape
/// or dtype than described; an ArgumentError for a parameter without an initializer.
template <class L>
std::pair<Tree, Tree> setup(Rng rng, const L& model) {
  auto d = describe(model);
  Tree ps = detail::draw(d, Initial::parameters, rng.fold_in("parameters"));
  Tree st = detail::settled(d, ps, detail::draw(d, Initial::states, rng.fold_in("states")));
  return {std::move(ps), std::move(st)};
}

/// setup(Rng(seed), model).
template <Integer I, class L>
std::pair<Tree, Tree> setup(I seed, const L& model) {
  return setup(Rng(static_cast<uint64_t>(seed)), model);
}

/// Every part named `key`, at any depth, replaced by value: update_state(st, "carry", Tree()).
LUXTORCH_API Tree update_state(const Tree& st, std::string_view key, const Tree& value);
/// The same, except at or below the parts that `exclude` picks by their paths, "encoder.dropout": they
/// stay as they are. It is asked about inner nodes too.
LUXTORCH_API Tree update_state(const Tree& st, std::string_view key, const Tree& value,
                               const std::function<bool(const std::string& path)>& exclude);
/// The same, except at or below these paths. TreeError: st has no part there.
LUXTORCH_API Tree update_state(const Tree& st, std::string_view key, const Tree& value,
                               const std::vector<std::string>& exclude);
/// States with every "training" false: Dropout, BatchNorm and their like stop drawing and averaging.
LUXTORCH_API Tree testmode(const Tree& st);
/// States for training: the opposite of testmode.
LUXTORCH_API Tree trainmode(const Tree& st);

namespace detail {
LUXTORCH_API void check_fits(const Tree& expected, const Tree& got, const char* who,
                             const char* what);
}  // namespace detail

/// What keeps `got` from having the structure of `expected`, or "": missing, extra and misshaped
/// names, listed together.
LUXTORCH_API std::string mismatches(const Tree& expected, const Tree& got);
/// Refuses parameters or states that do not have the model's structure with a TreeError that lists
/// the mismatches. dtypes and the kinds of state leaves are free.
template <class L>
void check_parameters(const L& model, const Tree& ps) {
  detail::check_fits(detail::structure(describe(model), Initial::parameters), ps,
                     "check_parameters", "parameters");
}
/// The same for states.
template <class L>
void check_states(const L& model, const Tree& st) {
  detail::check_fits(detail::structure(describe(model), Initial::states), st, "check_states",
                     "states");
}

/// Any layer, erased: takes and gives trees. What Chain, Recurrence and TrainState hold.
///
/// A layer of one tensor gets a tensor, one of several gets them from a tuple, a cell gets (x,
/// carry) from a tuple, and a layer of a Tree gets x as it is. Copies share the layer; calls from
/// many threads are fine if the layer's are.
class Layer {
 public:
  /// Takes over a layer, by implicit conversion too.
  template <LayerLike L>
  Layer(L layer);

  /// The layer's call, as described above. Throws what the layer throws, with its place in the model;
  /// TreeError where x is not what it takes.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const {
    return impl_->call(x, ps, st);
  }
  /// One step of a recurrent cell without building tuples; carry is nullptr at a sequence's start.
  /// For layers that are not cells an UnsupportedError.
  Out<Step> step(const Tensor& x, const Tree* carry, const Tree& ps, const Tree& st) const {
    return impl_->step(x, carry, ps, st);
  }

  /// The layer's parameters, as setup makes them.
  Tree initial_parameters(Rng rng) const {
    return detail::draw(describe(), Initial::parameters, rng);
  }
  /// The layer's states, as setup draws them, before settled_states(ps, st).
  Tree initial_states(Rng rng) const { return detail::draw(describe(), Initial::states, rng); }
  /// luxtorch::describe of the layer.
  Description describe() const { return impl_->describe(); }
  /// The layer's text in one line: "Dense(2 => 3, relu)".
  std::string label() const { return describe().text; }
  /// Is it a recurrent cell, so that `step` works?
  bool is_cell() const { return impl_->is_cell(); }

  /// The layer inside if it is an L, else nullptr.
  template <class L>
  const L* as() const {
    return impl_->type() == typeid(L) ? static_cast<const L*>(impl_->address()) : nullptr;
  }

 private:
  friend std::optional<Layer> detail::replaced_erased(const Layer& l, detail::LeafReplacements& r);
  struct Interface {
    virtual ~Interface() = default;
    virtual Out<Tree> call(const Tree& x, const Tree& ps, const Tree& st) const = 0;
    virtual Out<Step> step(const Tensor& x, const Tree* carry, const Tree& ps,
                           const Tree& st) const = 0;
    virtual Description describe() const = 0;
    virtual bool is_cell() const = 0;
    virtual const std::type_info& type() const = 0;
    virtual const void* address() const = 0;
    virtual std::shared_ptr<const Interface> replaced(detail::LeafReplacements& r) const = 0;
  };
  template <class L>
  struct Model;
  std::shared_ptr<const Interface> impl_;
};

namespace detail {

/// Makes errors from inside a call say where in the model they come from: puts the thrower's path,
/// as seen from `model`, in front, and says which parameters or states do not fit where a key was
/// missing. Only runs when there is an error.
struct LUXTORCH_API ErrorPlace {
  const void* address;
  const std::type_info* type;
  Description (*describe)(const void*);
};
/// Call it in a catch block: throws what is in flight again, an Error with its place, an error of torch's as a TorchError.
[[noreturn]] LUXTORCH_API void rethrow_placed(const ErrorPlace& model, const Tree& ps,
                                              const Tree& st);

template <class L, class F>
decltype(auto) located(const L& l, const Tree& ps, const Tree& st, F&& f) {
  try {
    return f();
  } catch (const std::exception&) {
    rethrow_placed({&l, &typeid(L),
                    [](const void* p) { return luxtorch::describe(*static_cast<const L*>(p)); }},
                   ps, st);
  }
}

// x if it is a tensor on the meta device, else nullptr.
LUXTORCH_API const Tensor* on_meta(const Tree& x);
LUXTORCH_API const Tensor* on_meta(const Tensor& x);
// On the meta device, of the dtype of x if that is floating, else of the parameters'.
LUXTORCH_API Tensor of_output_size(const Shape& shape, const Tensor& x, const Tree& ps);
// Its type is a layer's output; not called.
template <class L, class X>
auto output_of(const L& l, const X& x, const Tree& t) {
  if constexpr (CallsAs<L, X>) {
    return l(x, t, t).first;
  } else {
    return l(x);
  }
}

/// A layer's or a function's call, the inputs as they are. On the meta device its output_size is
/// asked instead, if it has one.
template <class L, class... X>
auto invoke(const L& l, const Tree& ps, const Tree& st, const X&... x) {
  if constexpr (HasOutputSize<L> && sizeof...(X) == 1) {
    using Y = decltype(output_of(l, x..., ps));
    static_assert(std::constructible_from<Y, Tensor>,
                  "output_size is for layers whose output is one tensor");
    if (const Tensor* given = on_meta(x...))
      return std::pair<Y, Tree>{of_output_size(l.output_size(given->sizes()), *given, ps), st};
  }
  if constexpr (CallsAs<L, X...> || !FunctionOf<L, X...>) {
    return l(x..., ps, st);
  } else {
    return std::pair<std::decay_t<decltype(l(x...))>, Tree>{l(x...), st};
  }
}

template <class L>
constexpr const char* takes_text() {
  using P = TensorProbe;
  if constexpr (Takes<L, P>) {
    return CallsAs<L, P, Tree> ? "a tensor or a tuple (x, carry)"
           : Takes<L, P, P>    ? "a tensor or a tuple of 2 tensors"
                               : "a tensor";
  }
  if constexpr (Takes<L, P, P>) return "a tuple of 2 tensors";
  if constexpr (Takes<L, P, P, P>) return "a tuple of 3 tensors";
  if constexpr (Takes<L, P, P, P, P>) return "a tuple of 4 tensors";
  return "a tuple (x, carry)";
}

LUXTORCH_API bool are_tensors(const Tree& x, size_t n);  // a tuple of n tensors?
[[noreturn]] LUXTORCH_API void wrong_input(const void* layer, const std::type_info& type,
                                           const char* takes, const Tree& x);
[[noreturn]] LUXTORCH_API void not_a_cell(const void* layer, const std::type_info& type);

/// The call that suits x, decided by the layer's type: with a tensor, with several from a tuple,
/// with (x, carry) from a tuple, or with the tree itself.
template <class L>
Out<Tree> call_erased(const L& l, const Tree& x, const Tree& ps, const Tree& st) {
  using P = TensorProbe;
  auto call = [&](const auto&... inputs) -> Out<Tree> {
    auto out = invoke(l, ps, st, inputs...);
    return {to_tree(std::move(out.first)), std::move(out.second)};
  };
  if constexpr (Takes<L, P, P>) {
    if (are_tensors(x, 2)) return call(x[0].tensor(), x[1].tensor());
  } else if constexpr (CallsAs<L, P, Tree>) {
    if (x.is_tuple() && x.size() == 2 && x[0].is_tensor()) return call(x[0].tensor(), x[1]);
  }
  if constexpr (Takes<L, P, P, P>) {
    if (are_tensors(x, 3)) return call(x[0].tensor(), x[1].tensor(), x[2].tensor());
  }
  if constexpr (Takes<L, P, P, P, P>) {
    if (are_tensors(x, 4)) {
      return call(x[0].tensor(), x[1].tensor(), x[2].tensor(), x[3].tensor());
    }
  }
  if constexpr (Takes<L, P>) {
    if (x.is_tensor()) return call(x.tensor());
  } else if constexpr (Takes<L, Tree>) {
    return call(x);
  }
  wrong_input(&l, typeid(L), takes_text<L>(), x);
}

}  // namespace detail

namespace detail {
/// No graph is recorded while one lives.
class LUXTORCH_API NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

}  // namespace detail

template <class L>
struct Layer::Model final : Layer::Interface {
  L layer;
  explicit Model(L l) : layer(std::move(l)) {}

  Out<Tree> call(const Tree& x, const Tree& ps, const Tree& st) const override {
    return detail::located(layer, ps, st, [&] {
      auto out = detail::call_erased(layer, x, ps, st);
      detail::report(layer, out.first);
      return out;
    });
  }
  Out<Step> step(const Tensor& x, const Tree* carry, const Tree& ps,
                 const Tree& st) const override {
    if constexpr (Cell<L>) {
      return detail::located(layer, ps, st,
                             [&] { return carry ? layer(x, *carry, ps, st) : layer(x, ps, st); });
    } else {
      detail::not_a_cell(&layer, typeid(L));
    }
  }
  Description describe() const override { return luxtorch::describe(layer); }
  bool is_cell() const override { return Cell<L>; }
  const std::type_info& type() const override { return typeid(L); }
  const void* address() const override { return &layer; }
  std::shared_ptr<const Interface> replaced(detail::LeafReplacements& r) const override {
    if constexpr (HasLayers<L> || HasWrapped<L>) {
      if (auto other = detail::replaced(layer, r))
        return std::make_shared<Model>(*std::move(other));
    }
    return nullptr;
  }
};

template <LayerLike L>
Layer::Layer(L layer) : impl_(std::make_shared<Model<L>>(std::move(layer))) {
  check_layer<L>();
}

/// The output and the new states: model(x, ps, st), with errors that say where in the model they
/// come from.
///
/// With Y given the output is converted: apply<Tensor>(chain, x, ps, st). Without it a typed model
/// gives what it returns and an erased one a Tree. x: a Tensor, a Tree, or what the model takes.
template <class Y = void, class L, class X>
auto apply(const L& model, const X& x, const Tree& ps, const Tree& st) {
  if constexpr (!std::same_as<L, Layer>) check_layer<L>();
  auto run = [&] {
    if constexpr (std::same_as<L, Layer>) {
      return model(to_tree(x), ps, st);
    } else if constexpr (detail::CallsDirectly<L, X>) {
      return detail::located(model, ps, st, [&] { return detail::invoke(model, ps, st, x); });
    } else {
      return detail::located(model, ps, st,
                             [&] { return detail::call_erased(model, to_tree(x), ps, st); });
    }
  };
  if constexpr (std::is_void_v<Y> || std::same_as<decltype(run()), Out<Y>>) {
    return run();
  } else {
    auto out = run();
    return Out<Y>{from_tree<Y>(to_tree(std::move(out.first))), std::move(out.second)};
  }
}

/// y alone, in test mode and without recording a graph: for validation and use. Y as in apply.
template <class Y = void, class L, class X>
auto predict(const L& model, const X& x, const Tree& ps, const Tree& st) {
  detail::NoGrad no_grad;
  return apply<Y>(model, x, ps, testmode(st)).first;
}

namespace detail {
LUXTORCH_API Tree constant_states(const Description& d);
LUXTORCH_API void check_constant(const Tree& before, const Tree& after);
}  // namespace detail

/// y alone, of a model that needs no states: those of setup must be empty, or the same for every seed
/// and unchanged by the call, as a flag or a table is. Else an ArgumentError with the state's path:
/// such a model is called by apply. Y as in apply.
template <class Y = void, class L, class X>
auto stateless_apply(const L& model, const X& x, const Tree& ps) {
  const Tree st = detail::constant_states(describe(model));
  auto out = apply<Y>(model, x, ps, st);
  detail::check_constant(st, out.second);
  return std::move(out.first);
}

namespace detail {
// Of the shape and dtype on the meta device; `who` refuses sizes below 0.
LUXTORCH_API Tensor without_data(const char* who, const Shape& shape, Dtype dtype);
// The tree with its tensors on the meta device, and operators ready for them.
LUXTORCH_API Tree without_data(const Tree& x);
LUXTORCH_API Shape shape_of_output(const Tree& y);
}  // namespace detail

/// The structure of the model's output for an x of this structure: its tensors are on the meta device,
/// so they have shapes and dtypes and no numbers. The model runs in test mode, without a graph, and
/// without arithmetic: x, parameters and states are on the meta device, too. x: a Tensor, a Tree, or
/// what the model takes; of its tensors only shapes and dtypes are read, and they may be on the meta
/// device: zeros({32, 10}, {.dtype = kInt64, .device = Device("meta")}).
///
/// Errors are those of apply, with the layer's place. UnsupportedError: a layer's code reads numbers,
/// or an operator of torch gives no shapes without them; the layer may then have
/// `Shape output_size(Shape x) const`, which is asked instead.
template <class L, class X>
Tree output_structure(const L& model, const X& x) {
  auto [ps, st] = structure(model);
  return predict<Tree>(model, detail::without_data(to_tree(x)), ps, st);
}

/// The shape of the model's output for an x of this shape, both with the batch, without arithmetic:
///
///     outputsize(Chain(Dense(2, 8), Dense(8, 1)), {32, 2});              // [32, 1]
///     outputsize(Chain(Embedding(99, 8), GRU(8, 4)), {32, 10}, kInt64);  // [32, 4], of tokens
///
/// Errors are those of output_structure. ArgumentError: a size is below 0; the output is no tensor,
/// and output_structure gives it.
template <class L>
Shape outputsize(const L& model, const Shape& x, Dtype dtype = kFloat32) {
  return detail::shape_of_output(
      output_structure(model, detail::without_data("outputsize", x, dtype)));
}

/// A table of the model's layers, with the output shapes and the costs of one run on x (in test mode, no
/// graph), and of a training step if the options ask for it. Layers that a user's own container calls by
/// themselves are seen if they are the library's. x: a Tensor, a Tree, or what the model takes.
///
/// Errors are those of apply. ArgumentError: options.runs below 1; tensors without numbers where the
/// options ask for a step or for times. TreeError: a path in options.frozen without parameters.
template <class L, class X>
Summary summary(const L& model, const Tree& ps, const Tree& st, const X& x,
                const SummaryOptions& options = {}) {
  return detail::summarize(describe(model), ps, st, options, [&](const Tree& p, const Tree& s) {
    Tree y = apply<Tree>(model, x, p, s).first;
    detail::report(model, y);
    return y;
  });
}

/// The same table for an x of this shape, with its batch, without parameters and without arithmetic.
/// Errors are those of outputsize, but the output may be any tree.
template <class L>
Summary summary(const L& model, const Shape& x, Dtype dtype = kFloat32) {
  auto [ps, st] = structure(model);
  return summary(model, ps, st, detail::without_data(detail::without_data("summary", x, dtype)));
}

}  // namespace luxtorch

#include "luxtorch/layer_map.h"  // what an erased layer needs of it
