#include "interop/module_parts.h"

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include <algorithm>
#include <optional>
#include <sstream>

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

template <class... Impl>
bool is_any_of(const nn::Module& m) {
  return (dynamic_cast<const Impl*>(&m) || ...);
}

template <class... Impl>
bool has_dropout(const nn::Module& m) {
  auto drops = [](const auto* rnn) { return rnn && rnn->options_base.dropout() > 0; };
  return (drops(dynamic_cast<const Impl*>(&m)) || ...);
}

template <class... Impl>
std::function<void()> reset_of(nn::Module& m) {
  std::function<void()> reset;
  auto try_type = [&](auto* part) {
    if (part) reset = [part] { part->reset_parameters(); };
  };
  (try_type(dynamic_cast<Impl*>(&m)), ...);
  return reset;
}
std::function<void()> known_reset(nn::Module& m) {
  return reset_of<nn::LinearImpl, nn::BilinearImpl, nn::BatchNorm1dImpl, nn::BatchNorm2dImpl,
                  nn::BatchNorm3dImpl, nn::RNNImpl, nn::LSTMImpl, nn::GRUImpl, nn::RNNCellImpl,
                  nn::LSTMCellImpl, nn::GRUCellImpl>(m);
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
    for (const auto& name : part_names(*child.value()))
      names.push_back(name.empty() ? child.key() : child.key() + "." + name);
  }
  return names;
}

namespace {

void parts(nn::Module& module, std::vector<nn::Module*>& found) {
  found.push_back(&module);
  for (const auto& child : module.children()) parts(*child, found);
}
std::vector<nn::Module*> parts(const nn::Module& module) {
  std::vector<nn::Module*> found;
  parts(const_cast<nn::Module&>(module), found);
  return found;
}

}  // namespace

std::string module_label(const nn::Module& module) {
  std::ostringstream text;
  module.pretty_print(text);
  auto line = text.str();
  return line.substr(0, line.find('\n'));
}

bool same_type(const nn::Module& a, const nn::Module& b) { return typeid(a) == typeid(b); }

bool draws_random_numbers(const nn::Module& module) {
  auto all = parts(module);
  return std::any_of(all.begin(), all.end(), [](const nn::Module* m) {
    return is_any_of<nn::DropoutImpl, nn::Dropout2dImpl, nn::Dropout3dImpl, nn::AlphaDropoutImpl,
                     nn::FeatureAlphaDropoutImpl>(*m) ||
           has_dropout<nn::RNNImpl, nn::LSTMImpl, nn::GRUImpl>(*m);
  });
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

void reset_parts(const ModuleHandle& module, const std::vector<std::string>& names, Rng rng) {
  auto all = parts(*module.module);
  auto tensors = own_parameters(*module.module);
  auto device =
      tensors.empty() ? Device(c10::DeviceType::CPU) : tensors[0].second.tensor().device();
  for (size_t i = all.size(); i-- > 0;) {
    auto reset = i == 0 && module.reset ? module.reset : known_reset(*all[i]);
    if (!reset) continue;
    SeededGenerator generator(fold_in_path(rng, names[i]).key(), device);
    reset();
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
