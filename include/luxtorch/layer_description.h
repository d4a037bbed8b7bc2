// What printing, summaries and error places know of a layer, and the functions on them.
//
//     std::cout << show(model);                 // as Lux prints it, for every type
//     std::cout << summary(model, ps, st, x);   // a table with the outputs' shapes and the counts
//
// Level 2.
#pragma once

#include <atomic>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer_concepts.h"

namespace luxtorch {

struct Description {
  std::string text;  // in one line, as "Dense(2 => 3, relu)"; a container's is its type's name
  const void* address = nullptr;  // with type: which layer this is; nullptr for a range of layers
  const std::type_info* type = nullptr;
  bool wrapper = false;  // its one field has the same path
  struct Field;          // a type of its own: Clang wants a pair's parts to be complete here
  std::vector<Field> fields;
};
struct Description::Field {
  std::string name;
  Description layer;
};

/// Has L a text of its own, std::string label() const: "Dense(2 => 3, relu)"?
template <class L>
concept HasLabel = requires(const L& l) {
  { l.label() } -> std::convertible_to<std::string>;
};

template <class L>
Description describe(const L& l) {
  if constexpr (std::same_as<L, Layer>) {
    return l.describe();
  } else if constexpr (LayerRange<L>) {
    Description d{.text = "(" + std::to_string(l.size()) + " layers)", .fields = {}};
    size_t i = 0;
    for (const auto& e : l) d.fields.push_back({std::to_string(i++), describe(e)});
    return d;
  } else if constexpr (detail::is_optional<L>) {
    return l ? describe(*l) : Description{.text = "nothing", .fields = {}};
  } else {
    Description d{.text = "", .address = &l, .type = &typeid(L), .fields = {}};
    if constexpr (HasLabel<L>) {
      d.text = l.label();
    } else {
      d.text = type_name(typeid(L));
    }
    auto add = [&](std::string_view name, const auto& c) {
      d.fields.push_back({std::string(name), describe(c)});
    };
    if constexpr (HasWrapped<L>) {
      d.wrapper = true;
      LayerAccess::visit_wrapped(l, add);
    } else if constexpr (HasLayers<L>) {
      LayerAccess::visit(l, add);
    }
    return d;
  }
}

/// A row of a summary. Counts as Lux: parameters are elements; a state that is no tensor counts 1.
struct SummaryRow {
  std::string path, layer, output;  // output: "(32, 8)", or "" where it was not seen
  int64_t parameters = 0, states = 0, bytes = 0;
};
struct LUXTORCH_API Summary {
  std::vector<SummaryRow> rows;
  int64_t parameters = 0, states = 0, bytes = 0;
  friend LUXTORCH_API std::ostream& operator<<(std::ostream& out, const Summary& s);
};

namespace detail {

// While a summary runs the model, layers report their outputs here. One relaxed load per call
// otherwise.
LUXTORCH_API extern std::atomic<int> observers;
LUXTORCH_API void observe(const void* layer, const std::type_info& type, const Tree& y);
template <class L, class Y>
void report(const L& l, const Y& y) {
  if (observers.load(std::memory_order_relaxed) == 0) [[likely]]
    return;
  if constexpr (std::same_as<Y, Step>) {
    observe(&l, typeid(L), y.y);
  } else {
    observe(&l, typeid(L), to_tree(y));
  }
}

LUXTORCH_API std::string show(const Description& d, const Tree& ps, const Tree& st);
LUXTORCH_API std::ostream& print(std::ostream& out, const std::string& text);
LUXTORCH_API void check_fits(const Tree& expected, const Tree& got, const char* who,
                             const char* what);
LUXTORCH_API Summary summarize(const Description& d, const Tree& ps, const Tree& st,
                               const std::function<void()>& run);
/// Is the layer in the model? Then `path` is set: "layer_2.classifier", "" for the model itself.
LUXTORCH_API bool find_path(const Description& d, const void* address, const std::type_info& type,
                            std::string& path);

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
Tree initial_parameters(const L& l, Rng rng);
template <class L>
Tree initial_states(const L& l, Rng rng);

/// The model's text in Lux's layout, with the parameters and states of every part counted.
template <class L>
std::string show(const L& model) {
  return detail::show(describe(model), initial_parameters(model, Rng(0)),
                      initial_states(model, Rng(0)));
}

template <HasLabel L>
  requires(LayerLike<L> || std::same_as<L, Layer>)
std::ostream& operator<<(std::ostream& out, const L& model) {
  return detail::print(out, show(model));
}

/// A table of the model's layers, with the output shapes of one run on x (in test mode, no graph).
/// Layers that a user's own container calls by themselves are seen if they are the library's.
template <class L, class X>
Summary summary(const L& model, const Tree& ps, const Tree& st, const X& x);

/// Elements of all parameters; a state's leaf that is no tensor counts 1, as in Lux.
LUXTORCH_API int64_t parameter_length(const Tree& ps);
LUXTORCH_API int64_t state_length(const Tree& st);
template <class L>
  requires(!std::same_as<L, Tree>)
int64_t parameter_length(const L& model) {
  return parameter_length(initial_parameters(model, Rng(0)));
}
template <class L>
  requires(!std::same_as<L, Tree>)
int64_t state_length(const L& model) {
  return state_length(initial_states(model, Rng(0)));
}

/// Every part named `key`, at any depth, replaced by value: update_state(st, "carry", Tree()).
LUXTORCH_API Tree update_state(const Tree& st, std::string_view key, const Tree& value);
/// The same for "training": Dropout, BatchNorm and their like stop drawing and averaging, or start
/// again.
LUXTORCH_API Tree testmode(const Tree& st);
LUXTORCH_API Tree trainmode(const Tree& st);

/// What keeps `got` from having the structure of `expected`, or "": missing, extra and misshaped
/// names, listed together.
LUXTORCH_API std::string misfits(const Tree& expected, const Tree& got);
/// Refuses parameters or states that do not have the model's structure with a TreeError that lists
/// the misfits. dtypes and the kinds of state leaves are free.
template <class L>
void check_parameters(const L& model, const Tree& ps) {
  detail::check_fits(initial_parameters(model, Rng(0)), ps, "check_parameters", "parameters");
}
template <class L>
void check_states(const L& model, const Tree& st) {
  detail::check_fits(initial_states(model, Rng(0)), st, "check_states", "states");
}

}  // namespace luxtorch
