// Parameters and states from layers' descriptions: drawn, or their structure alone.
#include "layer_setup.h"

#include <ATen/EmptyTensor.h>
#include <fmt/format.h>

#include <optional>
#include <set>

#include "structure_only.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

StateSpec::StateSpec(Kind k, std::string n) : name(std::move(n)), kind(k) {}
StateSpec::StateSpec(std::string n, Tree v) : StateSpec(Kind::Value, std::move(n)) {
  value = std::move(v);
}
StateSpec::StateSpec(std::string n, Shape s, Initializer i, Dtype d, TensorLayout in_torch,
                     TensorLayout in_lux)
    : StateSpec(Kind::Tensor, std::move(n)) {
  shape = std::move(s), init = std::move(i), dtype = d;
  torch = std::move(in_torch), lux = std::move(in_lux);
}
StateSpec StateSpec::rng(std::string name) { return {Kind::Rng, std::move(name)}; }
StateSpec StateSpec::only_in_torch(std::string name, luxtorch::Tensor value) {
  StateSpec spec(Kind::OnlyInTorch, std::move(name));
  spec.value = std::move(value);
  return spec;
}

Tensor initialized(const char* layer, const char* name, const Initializer& init, Rng rng,
                   ShapeView shape) {
  auto t = init(rng, shape);
  if (t.defined() && t.sizes() == shape) return t;
  throw ShapeError(layer,
                   fmt::format("expected the initialiser of {} to give {}, got {}.", name,
                               shape_text(shape), t.defined() ? shape_text(t.sizes()) : "nothing"));
}

namespace detail {

namespace {

Tensor without_numbers(ShapeView shape, Dtype dtype) {
  return Tensor(at::detail::empty_meta(shape, dtype));
}
Tree without_numbers(const Tree& t) {
  return tree::map_tensors(
      [](const Tensor& x) { return without_numbers(x.sizes(), x.scalar_type()); }, t);
}

// Is it a state that a state dict leaves out?
void check_computed(const std::string& who, const std::string& name, const TensorLayout& torch,
                    const TensorLayout& lux, bool can_be) {
  const auto mark = TensorLayout::Dims::Computed;
  if (lux.dims != mark && (torch.dims != mark || can_be)) return;
  throw ArgumentError(
      who,
      fmt::format("expected .dims = Computed of a state that is a tensor, in PyTorch alone, got "
                  "it of {}{}.",
                  name, lux.dims == mark ? " in Lux" : ""));
}

void check_layout(const std::string& who, const std::string& name, const TensorLayout& layout) {
  if (!layout.from_ours == !layout.to_ours) return;
  throw ArgumentError(
      who, fmt::format("expected .from_ours and .to_ours of {} together, got one of them.", name));
}

// Trees of one layer, from its specs.
class SpecReader {
 public:
  SpecReader(std::string who, bool draws, Rng rng)
      : who_(std::move(who)), draws_(draws), rng_(rng) {}

  Tree parameters(const std::vector<ParameterSpec>& specs) {
    std::vector<Tree::Item> items;
    for (const auto& spec : specs) {
      check_name("parameter", spec.name);
      for (const auto* layout : {&spec.torch, &spec.lux}) check_layout(who_, spec.name, *layout);
      check_computed(who_, spec.name, spec.torch, spec.lux, false);
      for (const auto* layout : {&spec.lux_0_5, &spec.lux_cross_correlation})
        if (*layout) {
          check_layout(who_, spec.name, **layout);
          check_computed(who_, spec.name, spec.torch, **layout, false);
        }
      items.emplace_back(spec.name, tensor(spec));
    }
    return named(std::move(items));
  }

  Tree states(const std::vector<StateSpec>& specs) {
    std::vector<Tree::Item> items;
    for (const auto& spec : specs) {
      using enum StateSpec::Kind;
      if (spec.kind == OnlyInTorch) continue;
      check_name("state", spec.name);
      for (const auto* layout : {&spec.torch, &spec.lux}) check_layout(who_, spec.name, *layout);
      check_computed(who_, spec.name, spec.torch, spec.lux, spec.kind == StateSpec::Kind::Tensor);
      auto value = spec.kind == StateSpec::Kind::Tensor ? Tree(tensor(spec))
                   : spec.kind == StateSpec::Kind::Rng  ? Tree(rng_.fold_in(spec.name))
                   : draws_                             ? spec.value
                                                        : without_numbers(spec.value);
      items.emplace_back(spec.name, std::move(value));
    }
    return named(std::move(items));
  }

 private:
  void check_name(const char* what, const std::string& name) {
    if (names_.insert(name).second) return;
    throw TreeError(who_,
                    fmt::format("expected a name for each {}, got \"{}\" twice.", what, name));
  }

  template <class Spec>
  Tensor tensor(const Spec& spec) const {
    for (int64_t size : spec.shape) {
      if (size >= 0) continue;
      throw ShapeError(who_, fmt::format("expected sizes of at least 0 for {}, got {}.", spec.name,
                                         shape_text(spec.shape)));
    }
    if (!spec.init) {
      throw ArgumentError(who_, fmt::format("expected an initialiser of {}, got none.", spec.name));
    }
    if (!draws_) return without_numbers(spec.shape, spec.dtype);
    auto t = initialized(who_.c_str(), spec.name.c_str(), spec.init, rng_.fold_in(spec.name),
                         spec.shape);
    if (t.scalar_type() == spec.dtype) return t;
    throw ShapeError(
        who_, fmt::format("expected the initialiser of {} to give {}, got {}. tree::to(ps, ...) "
                          "converts all parameters.",
                          spec.name, dtype_text(spec.dtype), dtype_text(t.scalar_type())));
  }

  std::string who_;
  bool draws_;
  Rng rng_;
  std::set<std::string> names_;
};

class SetupWalk {
 public:
  SetupWalk(Initial which, bool draws) : which_(which), draws_(draws) {}

  Tree visit(const Description& d, Rng rng) const {
    if (d.range) return range(d, rng);
    auto own = own_part(d, rng);
    if (d.wrapper && !own) return d.fields.empty() ? Tree() : visit(d.fields[0].layer, rng);
    if (d.wrapper || d.fields.empty()) return own ? *std::move(own) : named({});
    std::vector<Tree::Item> parts;
    for (const auto& [name, field] : d.fields)
      parts.emplace_back(name, visit_field(name, field, rng.fold_in(name)));
    if (own) {
      for (const auto& item : own->items()) parts.push_back(item);
    }
    return named(std::move(parts));
  }

 private:
  Tree range(const Description& d, Rng rng) const {
    std::vector<Tree> parts;
    for (const auto& [name, field] : d.fields)
      parts.push_back(visit_field(name, field, rng.fold_in(static_cast<uint64_t>(parts.size()))));
    return tuple(std::move(parts));
  }

  Tree visit_field(const std::string& name, const Description& field, Rng rng) const {
    try {
      return visit(field, rng);
    } catch (Error& error) {
      // A layer that threw is looked for by its address.
      if (!error.thrower()) error.prepend_path_(name);
      throw;
    }
  }

  std::optional<Tree> own_part(const Description& d, Rng rng) const {
    if (!d.hooks) return std::nullopt;
    const auto& hooks = *d.hooks;
    if (which_ == Initial::parameters && hooks.parameters)
      return SpecReader(type_name(*d.type), draws_, rng).parameters(hooks.parameters(d.address));
    if (which_ == Initial::states && hooks.states)
      return SpecReader(type_name(*d.type), draws_, rng).states(hooks.states(d.address));
    auto make = which_ == Initial::parameters ? hooks.initial_parameters : hooks.initial_states;
    if (!make) return std::nullopt;
    auto made = make(d.address, rng);
    return draws_ ? std::move(made) : without_numbers(made);
  }

  Initial which_;
  bool draws_;
};

}  // namespace

Tree draw(const Description& d, Initial which, Rng rng) {
  return SetupWalk(which, true).visit(d, rng);
}

Tree settled(const Description& d, const Tree& ps, const Tree& st) {
  const auto own = d.hooks ? d.hooks->settled_states : nullptr;
  if (d.wrapper) {
    if (own) return own(d.address, ps, st);
    // Parts of its own say nothing of where those of the layer inside are.
    const auto& h = *d.hooks;
    const bool owns = h.parameters || h.states || h.initial_parameters || h.initial_states;
    return owns || d.fields.empty() ? st : settled(d.fields[0].layer, ps, st);
  }
  Tree all = st;
  for (const auto& [name, field] : d.fields) {
    const Tree& before = st.at(name);
    Tree after = settled(field, ps.at(name), before);
    if (!after.same_node(before)) all = all.with(name, std::move(after));
  }
  return own ? own(d.address, ps, all) : all;
}

Tree draw_part(const Description& d, Initial which, Rng rng) {
  return SetupWalk(which, !StructureOnly::wanted()).visit(d, rng);
}

Tree structure(const Description& d, Initial which) {
  // The model is asked for the structure of its trees alone, whatever transform it runs in.
  const transforms::Outside outside;
  const StructureOnly structure_only;
  return SetupWalk(which, false).visit(d, Rng(0));
}

Structure structure(const Description& d) {
  return {structure(d, Initial::parameters), structure(d, Initial::states)};
}

}  // namespace detail
}  // namespace luxtorch
