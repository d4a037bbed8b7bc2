#include "luxtorch/layer.h"

#include <ATen/EmptyTensor.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "autocast.h"
#include "mismatches.h"
#include "ops/meta_kernels.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

namespace {

using Excludes = std::function<bool(const std::string& path)>;

// Without a predicate no path is made.
Tree updated(const Tree& st, std::string_view key, const Tree& value, const Excludes* exclude,
             const std::string& path) {
  if (st.is_leaf()) return st;
  bool changed = false;
  auto child = [&](const std::string& name, const Tree& part) {
    const auto below = exclude ? path_below(path, name) : std::string();
    if (exclude && (*exclude)(below)) return part;
    Tree other = st.is_named() && name == key ? value : updated(part, key, value, exclude, below);
    changed = changed || !other.same_node(part);
    return other;
  };
  if (st.is_named()) {
    std::vector<Tree::Item> parts;
    for (const auto& [name, part] : st.items()) parts.emplace_back(name, child(name, part));
    return changed ? named(std::move(parts)) : st;
  }
  std::vector<Tree> parts;
  for (const auto& part : st.elements()) {
    parts.push_back(child(exclude ? std::to_string(parts.size()) : std::string(), part));
  }
  return changed ? tuple(std::move(parts)) : st;
}

}  // namespace

Tree update_state(const Tree& st, std::string_view key, const Tree& value) {
  return updated(st, key, value, nullptr, "");
}
Tree update_state(const Tree& st, std::string_view key, const Tree& value,
                  const Excludes& exclude) {
  return updated(st, key, value, &exclude, "");
}
Tree update_state(const Tree& st, std::string_view key, const Tree& value,
                  const std::vector<std::string>& exclude) {
  for (const auto& path : exclude) {
    if (st.contains(path)) continue;
    TreeError error("update_state", "expected a part of the states to exclude, got none.");
    error.prepend_path_(path);
    throw error;
  }
  return update_state(st, key, value, [&](const std::string& path) {
    return std::ranges::find(exclude, path) != exclude.end();
  });
}
Tree testmode(const Tree& st) { return update_state(st, "training", false); }
Tree trainmode(const Tree& st) { return update_state(st, "training", true); }

namespace {

void compare(const std::string& path, const Tree& expected, const Tree& got,
             detail::Mismatches& found) {
  auto here = path.empty() ? std::string("the tree") : path;
  if (expected.is_named() && got.is_named()) {
    for (const auto& [key, part] : expected.items()) {
      if (got.contains(key)) {
        compare(path_below(path, key), part, got[key], found);
      } else {
        found.missing(path_below(path, key));
      }
    }
    for (const auto& key : got.keys()) {
      if (!expected.contains(key)) found.unexpected(path_below(path, key));
    }
  } else if (expected.is_tuple() && got.is_tuple()) {
    for (size_t i = 0; i < expected.size() || i < got.size(); ++i) {
      auto name = path_below(path, std::to_string(i));
      if (i >= got.size()) {
        found.missing(name);
      } else if (i >= expected.size()) {
        found.unexpected(name);
      } else {
        compare(name, expected[i], got[i], found);
      }
    }
  } else if (expected.is_tensor() && got.is_tensor()) {
    if (expected.tensor().sizes() != got.tensor().sizes()) {
      found.shape(here, expected.tensor().sizes(), got.tensor().sizes());
    }
  } else if (expected.is_tensor() || !expected.is_leaf()) {
    // A state's scalar leaves may change their kind: a carry is nothing before the first call, a
    // tuple after it.
    found.kind(here, describe_kind(expected), got);
  }
}

}  // namespace

std::string mismatches(const Tree& expected, const Tree& got) {
  detail::Mismatches found;
  compare("", expected, got, found);
  return found.listed(12);
}

namespace {

// Names and shapes are wrong because the trees are another model's, or because the model makes none.
void explain_(Error& error, const detail::ErrorPlace& model, const Tree& ps, const Tree& st) {
  Structure expected;
  const Description description = model.describe(model.address);
  try {
    expected = detail::structure(description);
  } catch (const Error&) {
    return;  // a model that cannot be set up has another problem than its trees
  }
  auto wrong_parameters = mismatches(expected.parameters, ps),
       wrong_states = mismatches(expected.states, st);
  if (!wrong_parameters.empty()) {
    error.append_("The parameters do not fit the layer: " + wrong_parameters + ".");
  }
  if (!wrong_states.empty()) {
    error.append_("The states do not fit the layer: " + wrong_states + ".");
  }
  // The trees are this model's, which makes no such part.
  if (wrong_parameters.empty() && wrong_states.empty() &&
      error.message().starts_with("expected a key ")) {
    bool leaf = description.fields.empty();
    bool empty = error.message().ends_with("got an empty tree.");
    auto whose = leaf ? type_name(*model.type) : "the layer that asks";
    const std::string trees = leaf && expected.parameters.size() > 0 ? "states" : "parameters";
    error.append_((empty ? "Does " + whose + " define " + trees + "() const, or Tree initial_" +
                               trees + "(Rng) const? A"
                         : std::string("Is it a layer's? A")) +
                  " member that is a layer must be named in LUXTORCH_LAYERS(...).");
  }
}

}  // namespace

namespace detail {

void check_fits(const Tree& expected, const Tree& got, const char* who, const char* what) {
  if (auto m = mismatches(expected, got); !m.empty()) {
    throw TreeError(who, std::string("expected ") + what + " with the model's structure, got " + m +
                             ". Are they of another model or version?");
  }
}

namespace {
void place_(Error& error, const ErrorPlace& model, const Tree& ps, const Tree& st) {
  if (error.thrower()) {
    std::string path;
    if (find_path(model.describe(model.address), error.thrower(), *error.thrower_type(), path)) {
      error.prepend_path_(path);
    }
  } else if (dynamic_cast<TreeError*>(&error)) {
    explain_(error, model, ps, st);
  }
  explain_autocast_(error);
  error.thrown_by_(model.address, *model.type);  // for whoever called this model
}

// What torch says that a tensor without numbers cannot do: the operator or the act; "" if that is not
// what it complains of.
std::string needs_numbers(const std::string& text) {
  auto says = [&](std::string_view part) { return text.find(part) != text.npos; };
  if (auto end = text.find(": attempted to run this operator with Meta tensors");
      end != text.npos) {
    auto op = text.substr(0, end);
    return op == "aten::_local_scalar_dense" ? "item(), which reads a number"
                                             : "torch's operator " + op + ", which does not";
  }
  if (says("Cannot copy out of meta tensor")) return "a copy to another device";
  if (says("its data is not allocated yet")) return "a read of its memory";
  if (says("Expected all tensors to be on the same device") && says("meta"))
    return "an operator with a tensor that has numbers; x.new_zeros(...) makes one that has none";
  return "";
}
}  // namespace

void rethrow_placed(const ErrorPlace& model, const Tree& ps, const Tree& st) {
  try {
    throw;
  } catch (Error& e) {
    place_(e, model, ps, st);
    throw;
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::Error& e) {
    if (auto what = needs_numbers(e.what_without_backtrace()); !what.empty()) {
      UnsupportedError refused(
          type_name(*model.type),
          "expected a call that runs on a tensor without numbers (on the meta device), got " +
              what +
              ". Give the layer a member Shape output_size(Shape x) const: it is asked instead.");
      refused.thrown_by_(model.address, *model.type);
      throw refused;
    }
    TorchError placed(type_name(*model.type), e.what_without_backtrace());
    explain_(placed, model, ps, st);
    explain_autocast_(placed);
    placed.thrown_by_(model.address, *model.type);
    throw placed;
  }
}

namespace {
constexpr const char* kStateless = "stateless_apply";
[[noreturn]] void refuse_state(const std::string& path, const char* got) {
  ArgumentError error(kStateless, std::string("expected states that are empty or constant, got ") +
                                      got + ". Call the model by apply, with the states of setup.");
  error.prepend_path_(path);
  throw error;
}
}  // namespace

Tree constant_states(const Description& d) {
  const transforms::Outside outside;
  Tree st = draw(d, Initial::states, Rng(0));
  auto leaves = tree::leaves(st);
  if (leaves.empty()) return st;
  auto others = tree::leaves(draw(d, Initial::states, Rng(1)));
  auto paths = tree::paths(st);
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (!tree::equal(leaves[i], others[i]))
      refuse_state(paths[i], "one that depends on the seed of setup");
  }
  return st;
}

void check_constant(const Tree& before, const Tree& after) {
  auto leaves = tree::leaves(before), now = tree::leaves(after);
  auto paths = tree::paths(before);
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (i >= now.size() || !leaves[i].same_node(now[i]))
      refuse_state(paths[i], "one that the call changes");
  }
}

bool are_tensors(const Tree& x, size_t n) {
  if (!x.is_tuple() || x.size() != n) return false;
  auto parts = x.elements();
  return std::all_of(parts.begin(), parts.end(), [](const Tree& t) { return t.is_tensor(); });
}

void wrong_input(const void* layer, const std::type_info& type, const char* takes, const Tree& x) {
  TreeError error(type_name(type),
                  std::string("takes ") + takes + ", got " + describe_kind(x) + ".");
  error.thrown_by_(layer, type);
  throw error;
}
void not_a_cell(const void* layer, const std::type_info& type) {
  UnsupportedError error(
      type_name(type),
      "expected a recurrent cell, whose calls (x, ps, st) and (x, carry, ps, st) "
      "return Out<Step>.");
  error.thrown_by_(layer, type);
  throw error;
}

const Tensor* on_meta(const Tensor& x) { return x.defined() && x.is_meta() ? &x : nullptr; }
const Tensor* on_meta(const Tree& x) { return x.is_tensor() ? on_meta(x.tensor()) : nullptr; }

Tensor without_data(const char* who, const Shape& shape, Dtype dtype) {
  if (std::any_of(shape.begin(), shape.end(), [](int64_t size) { return size < 0; })) {
    throw ArgumentError(who, "expected sizes of at least 0, got " + shape_text(shape) + ".");
  }
  return Tensor(at::detail::empty_meta(ShapeView(shape), dtype));
}

Tree without_data(const Tree& x) {
  ops::register_meta_kernels();
  return tree::map_tensors(
      [](const Tensor& t) { return Tensor(at::detail::empty_meta(t.sizes(), t.scalar_type())); },
      x);
}

Tensor of_output_size(const Shape& shape, const Tensor& x, const Tree& ps) {
  auto dtype = x.scalar_type();
  if (!x.is_floating_point()) {
    dtype = kFloat32;
    for (const auto& p : tree::tensors(ps)) {
      if (!p.is_floating_point()) continue;
      dtype = p.scalar_type();
      break;
    }
  }
  return without_data("output_size", shape, dtype);
}

Shape shape_of_output(const Tree& y) {
  if (y.is_tensor()) return y.tensor().sizes();
  throw ArgumentError("outputsize", "expected a model that gives a tensor, got " +
                                        describe_kind(y) +
                                        ". output_structure gives the structure of any output.");
}

NoGrad::NoGrad() : before_(at::GradMode::is_enabled()) { at::GradMode::set_enabled(false); }
NoGrad::~NoGrad() { at::GradMode::set_enabled(before_); }

}  // namespace detail
}  // namespace luxtorch
