#include "interop/module_parts.h"

#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/sequential.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <sstream>

#include "interop/module_kinds.h"
#include "interop/seeded_generator.h"
#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch::detail {

namespace nn = torch::nn;

namespace {

std::vector<Tree::Item> distinct(const torch::OrderedDict<std::string, Tensor>& tensors) {
  std::vector<Tree::Item> items;
  for (const auto& t : tensors) {
    bool known = std::any_of(items.begin(), items.end(), [&](const Tree::Item& i) {
      return i.second.tensor().is_same(t.value());
    });
    if (!known && t.value().defined()) items.emplace_back(t.key(), t.value());
  }
  return items;
}

Rng fold_in_path(Rng rng, const std::string& path) {
  for (size_t start = 0; start < path.size();) {
    auto end = std::min(path.find('.', start), path.size());
    rng = rng.fold_in(path.substr(start, end - start));
    start = end + 1;
  }
  return rng;
}

// An input of forward, in the type that torch's modules declare. A pair is an LSTM's optional state.
nn::AnyValue argument(const nn::Module& module, const Tree& x) {
  if (x.is_tensor()) return nn::AnyValue(Tensor(x.tensor()));
  if (!x.is_tuple() || x.size() != 2) wrong_module_input(module, x);
  return nn::AnyValue(
      std::make_optional(std::make_tuple(Tensor(x[0].tensor()), Tensor(x[1].tensor()))));
}

nn::AnyValue forward_any(nn::AnyModule& m, const Tree& x) {
  auto input = [&](size_t i) { return argument(*m.ptr(), x[i]); };
  if (!x.is_tuple()) return m.any_forward(argument(*m.ptr(), x));
  switch (x.size()) {
    case 1:
      return m.any_forward(input(0));
    case 2:
      return m.any_forward(input(0), input(1));
    case 3:
      return m.any_forward(input(0), input(1), input(2));
    case 4:
      return m.any_forward(input(0), input(1), input(2), input(3));
    case 5:
      return m.any_forward(input(0), input(1), input(2), input(3), input(4));
    case 6:
      return m.any_forward(input(0), input(1), input(2), input(3), input(4), input(5));
    default:
      wrong_module_input(*m.ptr(), x);
  }
}

Tree result(nn::AnyValue y) {
  using T = Tensor;
  if (auto* t = y.try_get<T>()) return Tree(std::move(*t));
  if (auto* t = y.try_get<std::tuple<T, T>>()) return to_tree(*t);
  if (auto* t = y.try_get<std::tuple<T, std::tuple<T, T>>>()) return to_tree(*t);
  if (auto* t = y.try_get<std::tuple<T, T, T>>()) return to_tree(*t);
  if (auto* t = y.try_get<std::vector<T>>()) return to_tree(*t);
  throw UnsupportedError(
      "functional",
      "expected a module that returns tensors, got one that returns " +
          c10::demangle(y.type_info().name()) +
          ". Hand it over by its own type rather than as an AnyModule or in a Sequential.");
}

}  // namespace

std::vector<Tree::Item> own_parameters(const nn::Module& module) {
  return distinct(module.named_parameters());
}
std::vector<Tree::Item> own_buffers(const nn::Module& module) {
  return distinct(module.named_buffers());
}

std::vector<std::string> part_names(const nn::Module& module) {
  // named_modules() shares ownership of the module, which a module on the stack has none of.
  std::vector<std::string> names{""};
  for (const auto& child : module.named_children()) {
    if (!child.value()) continue;  // what a failed clone() of torch's leaves behind
    for (const auto& name : part_names(*child.value()))
      names.push_back(name.empty() ? child.key() : child.key() + "." + name);
  }
  return names;
}

namespace {

void parts(nn::Module& module, std::vector<nn::Module*>& found) {
  found.push_back(&module);
  for (const auto& child : module.children()) {
    if (child) parts(*child, found);
  }
}
std::vector<nn::Module*> parts(const nn::Module& module) {
  std::vector<nn::Module*> found;
  parts(const_cast<nn::Module&>(module), found);
  return found;
}

}  // namespace

namespace {

// Of each member that torch's own classes have, the place of its tensor among all that the module registers; -1: none.
std::vector<ptrdiff_t> places_of_members(const nn::Module& module) {
  std::vector<const c10::TensorImpl*> registered;
  for (const auto& t : module.parameters()) registered.push_back(t.unsafeGetTensorImpl());
  for (const auto& t : module.buffers()) registered.push_back(t.unsafeGetTensorImpl());
  std::vector<ptrdiff_t> places;
  for (const auto* part : parts(module)) {
    for (const auto& member : members(*part)) {
      if (!member.defined()) continue;
      auto found = std::find(registered.begin(), registered.end(), member.unsafeGetTensorImpl());
      places.push_back(found == registered.end() ? -1 : found - registered.begin());
    }
  }
  return places;
}

// How many hold each tensor and part that the module registers: the module itself, and a member of it as a rule.
std::vector<size_t> holders(const nn::Module& module) {
  std::vector<size_t> counts;
  for (const auto* part : parts(module)) {
    for (const auto& t : part->named_parameters(/*recurse=*/false))
      counts.push_back(t.value().defined() ? t.value().use_count() : 0);
    for (const auto& t : part->named_buffers(/*recurse=*/false))
      counts.push_back(t.value().defined() ? t.value().use_count() : 0);
    for (const auto& child : part->named_children())
      counts.push_back(static_cast<size_t>(child.value().use_count()));
  }
  return counts;
}

}  // namespace

bool lost_assignments(const nn::Module& module, const nn::Module& copy) {
  if (places_of_members(module) != places_of_members(copy)) return true;
  // A member of a user's own is not to be seen. Where it stands for something else, what was registered for it has a holder
  // less than in the copy.
  auto own = holders(module), copied = holders(copy);
  return own.size() != copied.size() ||
         !std::equal(own.begin(), own.end(), copied.begin(), std::greater_equal<>());
}

std::string module_label(const nn::Module& module) {
  std::ostringstream text;
  module.pretty_print(text);
  auto line = text.str();
  return line.substr(0, line.find('\n'));
}

bool same_type(const nn::Module& a, const nn::Module& b) { return typeid(a) == typeid(b); }

Draws draws_random_numbers(const nn::Module& module) {
  auto draws = Draws::Never;
  for (const auto* part : parts(module)) draws = std::max(draws, draws_itself(*part));
  return draws;
}

void set_training(nn::Module& module, bool on) {
  auto all = parts(module);
  if (std::any_of(all.begin(), all.end(),
                  [&](const nn::Module* m) { return m->is_training() != on; })) {
    module.train(on);
  }
}
std::vector<bool> training_flags(const nn::Module& module) {
  std::vector<bool> flags;
  for (const auto* m : parts(module)) flags.push_back(m->is_training());
  return flags;
}
void restore_training_flags(nn::Module& module, const std::vector<bool>& flags) {
  // Parents first, since train() goes down to all parts.
  auto all = parts(module);
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i]->is_training() != flags[i]) all[i]->train(flags[i]);
  }
}

void unregister_all(nn::Module& module) { module = nn::Module(); }

namespace {

// False, and nothing changed, where the other has not tensors of the same shapes.
bool take_values(const nn::Module& module, const nn::Module& other) {
  auto tensors = [](const nn::Module& m) {
    auto own = own_parameters(m);
    for (auto& b : own_buffers(m)) own.push_back(std::move(b));
    return own;
  };
  auto to = tensors(module), from = tensors(other);
  auto same_sizes = [](const Tree::Item& a, const Tree::Item& b) {
    return a.second.tensor().sizes() == b.second.tensor().sizes();
  };
  if (!std::equal(to.begin(), to.end(), from.begin(), from.end(), same_sizes)) return false;
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < to.size(); ++i) to[i].second.tensor().copy_(from[i].second.tensor());
  return true;
}

bool renew(const nn::Module& part, const std::function<std::shared_ptr<nn::Module>()>& fresh,
           uint64_t seed, Device device) {
  if (!fresh) return false;
  Device cpu(c10::DeviceType::CPU);
  SeededGenerator generator(seed, cpu);
  std::optional<SeededGenerator> device_generator;
  if (device != cpu) device_generator.emplace(seed, device);
  try {
    return take_values(part, *fresh());
  } catch (const c10::Error&) {  // a reset() that is not made for this, as clone() says too
    return false;
  }
}

}  // namespace

void reset_parts(const ModuleHandle& module, const std::vector<std::string>& names, Rng rng) {
  auto all = parts(*module.module);
  auto tensors = own_parameters(*module.module);
  auto device =
      tensors.empty() ? Device(c10::DeviceType::CPU) : tensors[0].second.tensor().device();
  auto seed = [&](size_t i) { return fold_in_path(rng, names[i]).key(); };
  if (!merely_holds_parts(*all[0]) && renew(*all[0], module.fresh, seed(0), device)) return;
  for (size_t i = 0; i < all.size();) {
    // A part stands before its own parts.
    bool whole = renew(*all[i], known_fresh(*all[i]), seed(i), device);
    i += whole ? parts(*all[i]).size() : 1;
  }
  if (module.reset && !module.fresh) {
    SeededGenerator generator(seed(0), device);
    module.reset();
  }
}

void wrong_module_input(const nn::Module& module, const Tree& x) {
  throw TreeError("functional", "expected what " + module_label(module) +
                                    " takes in its forward, got " + describe_kind(x) + ".");
}
void empty_module() {
  throw ArgumentError("functional", "expected a module, got an empty holder.");
}

Tree forward_sequential(nn::SequentialImpl& module, const Tree& x) {
  auto part = module.begin();
  if (part == module.end()) {
    throw ArgumentError(
        "functional",
        "expected a torch::nn::Sequential with at least one module, got an empty one.");
  }
  auto y = forward_any(*part, x);
  for (++part; part != module.end(); ++part) y = part->any_forward(std::move(y));
  return result(std::move(y));
}

ModuleHandle module_handle(const nn::AnyModule& module) {
  if (module.is_empty()) empty_module();
  auto m = std::make_shared<nn::AnyModule>(module);
  ModuleHandle handle;
  handle.module = m->ptr();
  handle.forward = [m](const Tree& x) { return result(forward_any(*m, x)); };
  handle.clone = [m] { return module_handle(m->clone()); };
  return handle;
}

}  // namespace luxtorch::detail
