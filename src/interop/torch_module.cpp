#include "luxtorch/interop/torch_module.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <optional>

#include "interop/forward_changes.h"
#include "interop/module_parts.h"
#include "interop/module_pool.h"
#include "interop/module_turns.h"
#include "interop/seeded_generator.h"
#include "luxtorch/core/error.h"
#include "structure_only.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

using detail::Draws;
using detail::ModuleCopy;
using detail::ModuleHandle;
using detail::ModulePool;
using detail::ModuleTurns;
using detail::SeededGenerator;

namespace detail {
/// What a module looked like when it was handed over.
struct Blueprint {
  std::vector<Tree::Item> parameters, buffers;  // by full name, with the values of that time
  std::vector<std::string> parts;               // the names of the module and of all in it
};
}  // namespace detail
using detail::Blueprint;

namespace {

constexpr auto kTraining = "training", kRng = "rng";

Device cpu() { return Device(c10::DeviceType::CPU); }

std::vector<Tree::Item> values(std::vector<Tree::Item> own) {
  for (auto& [name, t] : own) {
    if (transforms::is_wrapped(t.tensor())) {
      throw UnsupportedError("functional",
                             "expected a module that was made outside of function transforms, got "
                             "one whose tensors belong to one (vmap, jvp or a gradient). Make it "
                             "before.");
    }
    t = Tree(detail::plain_copy(t.tensor()));
  }
  return own;
}

std::vector<Tensor> clones(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> copies;
  for (const auto& t : tensors) copies.push_back(detail::plain_copy(t));
  return copies;
}

std::vector<Tensor> joined(const Tree& parameters, const Tree& buffers) {
  auto all = tree::tensors(parameters);
  for (auto& t : tree::tensors(buffers)) all.push_back(t);
  return all;
}

/// The module's own tensors in the order of ps and st; none where they are not the blueprint's. Those of a copy have no
/// names to go by: a Sequential's clone forgets them.
std::optional<std::vector<Tensor>> own_tensors(const Blueprint& blueprint,
                                               const torch::nn::Module& module) {
  if (detail::part_names(module).size() != blueprint.parts.size()) return {};
  auto in_order = [&](const std::vector<Tree::Item>& expected,
                      std::vector<Tree::Item> own) -> std::optional<Tree> {
    if (own.size() != expected.size()) return {};
    for (size_t i = 0; i < own.size(); ++i) {
      if (own[i].second.tensor().sizes() != expected[i].second.tensor().sizes()) return {};
      own[i].first = expected[i].first;
    }
    return tree::nest(own);
  };
  auto parameters = in_order(blueprint.parameters, detail::own_parameters(module));
  auto buffers = in_order(blueprint.buffers, detail::own_buffers(module));
  if (!parameters || !buffers) return {};
  return joined(*parameters, *buffers);
}

/// A deep copy; nullptr for a module that has no clone(), or one that forgets something. Outside of transforms.
std::unique_ptr<ModuleCopy> copy_of(const ModuleHandle& original, const Blueprint& blueprint) {
  SeededGenerator untouched(0, cpu());  // a copy starts with drawn values, which nobody sees
  ModuleHandle copy;
  try {
    copy = original.clone();
  } catch (const c10::Error&) {
    return nullptr;
  } catch (const ArgumentError&) {  // the copy is of another type
    return nullptr;
  }
  if (!detail::same_type(*original.module, *copy.module)) return nullptr;
  auto tensors = own_tensors(blueprint, *copy.module);
  return tensors ? std::make_unique<ModuleCopy>(std::move(copy), std::move(*tensors)) : nullptr;
}

/// Appends got's tensors in the order of `expected`. False where their structures or shapes differ; `got` may have `more`
/// keys at the root.
bool gather(const Tree& expected, const Tree& got, size_t more, std::vector<Tensor>& tensors) {
  if (expected.is_tensor()) {
    if (!got.is_tensor() || got.tensor().sizes() != expected.tensor().sizes()) return false;
    tensors.push_back(got.tensor());
    return true;
  }
  if (!got.is_named() || got.size() != expected.size() + more) return false;
  auto items = got.items();
  size_t i = 0;
  for (const auto& [key, part] : expected.items()) {
    const auto& candidate = items[i++];
    bool same = candidate.first == key;
    if (!same && !got.contains(key)) return false;
    if (!gather(part, same ? candidate.second : got[key], 0, tensors)) return false;
  }
  return true;
}

}  // namespace

struct FunctionalModule::Impl {
  using Call = ModuleTurns::Call;
  using Result = ModuleTurns::Result;

  FunctionalOptions options;
  std::string label;
  Blueprint blueprint;
  Tree parameters, buffers;  // the blueprint's, nested
  std::vector<std::string> buffer_paths;
  Draws draws = Draws::Never;
  std::shared_ptr<ModulePool> pool;  // one of these two
  std::shared_ptr<ModuleTurns> turns;
  mutable detail::ForwardChanges changes;  // the pool's

  /// Parameters and buffers as setup gives them.
  std::pair<Tree, Tree> initial(Rng rng) const {
    auto start = clones(joined(parameters, buffers));
    if (!options.keep_values && !start.empty() && !detail::StructureOnly::wanted()) {
      auto draw = [&](Rng r) { return reset(start, r); };
      start = transforms::active() ? transforms::drawn(rng, draw) : draw(rng);
    }
    auto middle = start.begin() + static_cast<std::ptrdiff_t>(tree::tensors(parameters).size());
    return {tree::unflatten(parameters, {start.begin(), middle}),
            tree::unflatten(buffers, {middle, start.end()})};
  }

  std::vector<Tensor> reset(const std::vector<Tensor>& start, Rng rng) const {
    if (turns) return turns->reset(clones(start), blueprint.parts, rng);
    ModulePool::Loan copy(*pool);
    copy.bind({clones(start), {}}, Tree(), false);
    detail::reset_parts(copy->handle, blueprint.parts, rng);
    std::vector<Tensor> values;
    for (const auto& own : copy->own) values.push_back(own.tensor_data());
    return values;
  }

  Result run(const FunctionalModule& layer, const Call& call) const {
    try {
      return turns ? turns->run(call) : run_copy(call);
    } catch (const c10::OutOfMemoryError&) {
      throw;
    } catch (const c10::Error& error) {
      const std::string text = error.what_without_backtrace();
      // Torch's words for a buffer that would depend on what a transform works on.
      const bool of_a_buffer =
          text.find("mutate a captured") != text.npos || text.find("updated in place") != text.npos;
      if (!transforms::active() || buffer_paths.empty() || !of_a_buffer)
        fail<TorchError>(layer, label + ": " + text);
      fail<UnsupportedError>(
          layer,
          "expected a module that changes no buffer under a function transform (vmap, jvp, or a "
          "gradient within one), got " +
              label +
              ", which changes one in training. Use testmode(st), or luxtorch's BatchNorm.");
    }
  }

  Result run_copy(const Call& call) const {
    const bool copies_x = changes.copies_x(call.training),
               copies_parameters = changes.copies_parameters(call.training);
    const auto middle = call.tensors.begin() + static_cast<std::ptrdiff_t>(call.parameters);
    ModulePool::Bindings bindings{call.tensors, {call.tensors.begin(), middle}};
    for (size_t i = copies_parameters ? 0 : call.parameters; i < bindings.data.size(); ++i)
      bindings.data[i] = detail::plain_copy(bindings.data[i]);
    ModulePool::Loan copy(*pool);
    const auto x = copy.bind(bindings, call.x, copies_x);
    const detail::ForwardChanges::Watch seen_x(tree::tensors(x), copies_x),
        seen_parameters({copy->own.begin(), copy->own.begin() + (middle - call.tensors.begin())},
                        copies_parameters);
    detail::set_training(*copy->handle.module, call.training);
    Result result;
    {
      std::optional<SeededGenerator> generator;
      if (call.seed) generator.emplace(*call.seed, call.device());
      result.y = copy->handle.forward(x);
    }
    changes.learn(*copy->handle.module, call.training, seen_x, seen_parameters);
    for (size_t i = call.parameters; i < copy->own.size(); ++i)
      result.buffers.push_back(copy->own[i].tensor_data());
    result.y = copy.release(result.y, bindings.parameters, result.buffers);
    return result;
  }

  /// The states of setup, their values aside.
  Tree expected_states() const { return with_flags(buffers, Rng(0)); }
  Tree with_flags(const Tree& st, Rng rng) const {
    auto all = draws == Draws::Never ? st : st.with(kRng, rng.fold_in(kRng));
    return all.with(kTraining, true);
  }
};

FunctionalModule::FunctionalModule(ModuleHandle module, FunctionalOptions options) {
  const transforms::Outside outside;
  const c10::InferenceMode normal_tensors(false);
  auto impl = std::make_shared<Impl>();
  impl->options = options;
  impl->label = detail::module_label(*module.module);
  impl->draws = options.random ? Draws::Always : detail::draws_random_numbers(*module.module);
  auto& blueprint = impl->blueprint;
  blueprint = {values(detail::own_parameters(*module.module)),
               values(detail::own_buffers(*module.module)), detail::part_names(*module.module)};
  impl->parameters = tree::nest(blueprint.parameters);
  impl->buffers = tree::nest(blueprint.buffers);
  impl->buffer_paths = tree::paths(impl->buffers);
  for (const auto* key : {kTraining, kRng}) {
    if (impl->buffers.contains(key)) {
      throw ArgumentError("functional",
                          std::string("expected a module without a buffer or part named ") + key +
                              ", since the states have a leaf of that name.");
    }
  }

  auto kept = joined(impl->parameters, impl->buffers);
  auto own = *own_tensors(blueprint,
                          *module.module);  // held as the copy's are, whose holders are compared
  auto first = copy_of(module, blueprint);
  const bool lost = first && detail::lost_assignments(*module.module, *first->handle.module);
  if (first && !lost) {
    // Further copies come from this one, so that what happens to the module does not matter any more.
    for (size_t i = 0; i < kept.size(); ++i) detail::bind_data(first->own[i], kept[i]);
    impl->pool = std::make_shared<ModulePool>(
        [prototype = std::move(first->handle), blueprint] { return copy_of(prototype, blueprint); },
        kept);
  } else {
    impl->turns =
        lost ? std::make_shared<ModuleTurns>(
                   module, std::move(own),
                   "whose members were assigned other tensors or modules than it registers",
                   "Use one tensor or module twice in forward in place of that.")
             : std::make_shared<ModuleTurns>(module, std::move(own), "without clone()",
                                             "Derive the module from torch::nn::Cloneable.");
  }
  impl_ = std::move(impl);
}

Tree FunctionalModule::initial_parameters(Rng rng) const { return impl_->initial(rng).first; }

Tree FunctionalModule::initial_states(Rng rng) const {
  return impl_->with_flags(impl_->initial(rng).second, rng);
}

Out<Tree> FunctionalModule::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  ModuleTurns::Call call{.tensors = {}, .parameters = 0, .x = x, .training = true, .seed = {}};
  bool fits = gather(impl_->parameters, ps, 0, call.tensors);
  call.parameters = call.tensors.size();
  if (!fits) {
    fail<TreeError>(*this, "expected the parameters of " + impl_->label + ", got " +
                               mismatches(impl_->parameters, ps) + ".");
  }
  bool has_rng = impl_->draws != Draws::Never;
  if (!gather(impl_->buffers, st, has_rng ? 2 : 1, call.tensors) || !st.contains(kTraining) ||
      !st[kTraining].is<bool>() || (has_rng && !(st.contains(kRng) && st[kRng].is_rng()))) {
    auto expected = impl_->expected_states();
    fail<TreeError>(*this, "expected the states of " + impl_->label + ", got " +
                               mismatches(expected, st) + ".");
  }
  if (std::any_of(call.tensors.begin(), call.tensors.end(), transforms::is_wrapped)) {
    fail<UnsupportedError>(
        *this,
        "expected plain tensors as parameters and states, got some that a function transform "
        "(vmap, "
        "jvp, or a gradient within one) works on, which a torch::nn module cannot hold. Transform "
        "by x "
        "alone, call value_and_grad outside of transforms, or use luxtorch's layers (Dense and the "
        "like).");
  }
  auto inputs = tree::tensors(x);
  if (impl_->turns && std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) {
        return t.defined() && transforms::is_wrapped(t);
      })) {
    fail<UnsupportedError>(*this, "expected a plain tensor for a module " + impl_->turns->why() +
                                      ", got one that a function transform works on. " +
                                      impl_->turns->advice());
  }
  auto is_meta = [](const Tensor& t) { return t.defined() && t.is_meta(); };
  if (std::any_of(inputs.begin(), inputs.end(), is_meta) ||
      std::any_of(call.tensors.begin(), call.tensors.end(), is_meta)) {
    fail<UnsupportedError>(*this,
                           "expected tensors with numbers, which a torch::nn module needs, got "
                           "some on the meta device. "
                           "Use summary(model, ps, st, x), or call it in a layer with a member "
                           "Shape output_size(Shape "
                           "x) const.");
  }
  call.training = st[kTraining].scalar<bool>();
  auto next = st;
  if (impl_->draws == Draws::Always || (has_rng && call.training)) {
    auto rng = st[kRng].scalar<Rng>();
    call.seed = rng.key();
    if (call.training) next = next.with(kRng, rng.fold_in("next"));
  }
  auto [y, buffers] = impl_->run(*this, call);
  for (size_t i = 0; i < buffers.size(); ++i) next = next.with(impl_->buffer_paths[i], buffers[i]);
  return {std::move(y), std::move(next)};
}

std::string FunctionalModule::label() const { return "functional(" + impl_->label + ")"; }

namespace {

Out<Step> step_of(const FunctionalCell& cell, Out<Tree> out) {
  auto& [y, st] = out;
  if (y.is_tensor()) return {Step{y.tensor(), tuple({y})}, std::move(st)};
  if (y.is_tuple() && y.size() == 2 && y[0].is_tensor() && y[1].is_tuple())
    return {Step{y[0].tensor(), y[1]}, std::move(st)};
  if (y.is_tuple() && y.size() > 0 && y[0].is_tensor())
    return {Step{y[0].tensor(), y}, std::move(st)};
  fail<TreeError>(cell,
                  "expected a module that returns its carry, a tensor or a tuple of tensors, got " +
                      describe_kind(y) + ".");
}

}  // namespace

Out<Step> FunctionalCell::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  return step_of(*this, module_(Tree(x), ps, st));
}
Out<Step> FunctionalCell::operator()(const Tensor& x, const Tree& carry, const Tree& ps,
                                     const Tree& st) const {
  bool alone = carry.is_tuple() && carry.size() == 1;
  return step_of(*this, module_(tuple({Tree(x), alone ? carry[0] : carry}), ps, st));
}

}  // namespace luxtorch
