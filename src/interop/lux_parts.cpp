#include "interop/lux_parts.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

#include <array>
#include <functional>

#include "interop/tensor_layout.h"

namespace luxtorch::detail {

namespace {

using Change = std::function<Tree(const Tree&)>;

void change(Tree& tree, const std::string& path, const Change& f) {
  if (tree.contains(path)) tree = path.empty() ? f(tree) : tree.with(path, f(tree.at(path)));
}

Tree in_layout(const TensorLayout& layout, const Tree& t) {
  return tree::map_tensors([&](const Tensor& x) { return theirs(layout, x); }, t);
}
Tree from_layout(const TensorLayout& layout, const Tree& t) {
  return tree::map_tensors([&](const Tensor& x) { return ours(layout, x); }, t);
}
const TensorLayout kReversed{.dims = TensorLayout::Dims::Reversed};

// The path of something else beside what is at `path`.
std::string beside(const std::string& path, const std::string& name) {
  auto dot = path.rfind('.');
  return dot == path.npos ? name : path.substr(0, dot + 1) + name;
}
void rename(Tree& tree, const std::string& from, const std::string& to) {
  if (from == to || !tree.contains(from)) return;
  auto dot = from.rfind('.');
  auto parent = dot == from.npos ? std::string() : from.substr(0, dot);
  auto last = [](const std::string& path) { return path.substr(path.rfind('.') + 1); };
  change(tree, parent, [&](const Tree& node) {
    std::vector<Tree::Item> items;
    for (const auto& [name, part] : node.items())
      items.emplace_back(name == last(from) ? last(to) : name, part);
    return named(std::move(items));
  });
}

// Of a part that is a tensor.
const TensorLayout& layout_of(const ModelPart& part, LuxVersion version) {
  return version == LuxVersion::V0_5 && part.lux_0_5 ? *part.lux_0_5 : part.lux_layout;
}
template <class F>
void in_each_tree(const ModelPart& part, Model& m, const F& f) {
  if (part.in_parameters) f(m.ps, part.parameters);
  if (part.in_states) f(m.st, part.states);
}
void into_layout(Model& m, const ModelPart& part, const TensorLayout& layout) {
  if (is_ours(layout)) return;
  in_each_tree(part, m, [&](Tree& tree, const std::string& path) {
    change(tree, path, [&](const Tree& t) { return in_layout(layout, t); });
    if (!layout.name.empty()) rename(tree, path, beside(path, layout.name));
  });
}
void out_of_layout(Model& m, const ModelPart& part, const TensorLayout& layout) {
  if (is_ours(layout)) return;
  in_each_tree(part, m, [&](Tree& tree, const std::string& path) {
    if (!layout.name.empty()) rename(tree, beside(path, layout.name), path);
    change(tree, path, [&](const Tree& t) { return from_layout(layout, t); });
  });
}

// {forward_rnn, backward_rnn} of cells, and with the reversing layers around the second.
Tree with_reversals(const Tree& t) {
  return t.with("backward_rnn",
                named({{"rev1", named({})}, {"rnn", t["backward_rnn"]}, {"rev2", named({})}}));
}
Tree without_reversals(const Tree& t) {
  return t.contains("backward_rnn.rnn") ? t.with("backward_rnn", t["backward_rnn"]["rnn"]) : t;
}

Tree counted(const Tree& range) {
  std::vector<Tree::Item> items;
  for (const auto& part : range.elements())
    items.emplace_back(std::to_string(items.size() + 1), part);
  return named(std::move(items));
}
Tree uncounted(const Tree& range) {
  std::vector<Tree> parts;
  for (const auto& [_, part] : range.items()) parts.push_back(part);
  return tuple(std::move(parts));
}

bool has_reversals(const Tree& t) { return t.is_named() && t.contains("backward_rnn"); }

Tensor column(const Tensor& bias) { return bias.unsqueeze(1); }
// (n) of (n, 1): files have either.
Tensor no_column(const Tensor& bias) { return bias.dim() == 2 ? bias.squeeze(1) : bias; }

// The trained initial states have the same names in both.
Tree with_rest(Tree cell, const Tree& ps) {
  for (const char* key : {"hidden_state", "memory"})
    if (ps.contains(key)) cell = cell.with(key, ps[key]);
  return cell;
}

Tree old_cell(const Tree& ps, int64_t gates) {
  bool elman = gates == 1;
  auto cell = named({{elman ? "weight_ih" : "weight_i", ps["weight_ih"]},
                     {elman ? "weight_hh" : "weight_h", ps["weight_hh"]}});
  if (ps.contains("bias_ih")) {
    const auto &ih = ps["bias_ih"].tensor(), &hh = ps["bias_hh"].tensor();
    if (gates == 3) {
      // The candidate's input bias stands outside the reset gate's product, all others can be added up.
      auto out = ih.size(0) / 3;
      auto added = at::cat({ih.slice(0, 0, 2 * out), at::zeros_like(ih.slice(0, 2 * out))});
      cell = cell.with("bias_i", column(ih.slice(0, 2 * out)).contiguous())
                 .with("bias_h", column(hh + added));
    } else {
      auto sum = ih + hh;
      cell = cell.with("bias", elman ? sum : column(sum));
    }
  }
  return with_rest(std::move(cell), ps);
}

Tree new_cell(const Tree& ps, int64_t gates) {
  auto weight = [&](const char* now, const char* then) {
    return Tree::Item(now, ps.contains(then) ? ps[then] : ps[now]);
  };
  auto cell = named({weight("weight_ih", "weight_i"), weight("weight_hh", "weight_h")});
  if (gates == 3 && ps.contains("bias_i")) {
    auto of_input = no_column(ps["bias_i"].tensor()), hidden = no_column(ps["bias_h"].tensor());
    auto rest = at::zeros_like(hidden.slice(0, of_input.size(0)));
    cell = cell.with("bias_ih", at::cat({rest, of_input})).with("bias_hh", hidden);
  } else if (ps.contains("bias")) {
    auto bias = no_column(ps["bias"].tensor());
    cell = cell.with("bias_ih", bias).with("bias_hh", at::zeros_like(bias));
  }
  return with_rest(std::move(cell), ps);
}

}  // namespace

Model in_lux_layout(const std::vector<ModelPart>& parts, const std::vector<LuxVersion>& versions,
                    Model m) {
  // Parts of parts come first, at paths of ours.
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto& part = parts[i];
    bool old = versions[i] == LuxVersion::V0_5;
    switch (part.kind) {
      case PartKind::Cell:
        if (old)
          change(m.ps, part.parameters, [&](const Tree& t) { return old_cell(t, part.gates); });
        break;
      case PartKind::Carry:
        change(m.st, part.states, [](const Tree& t) { return in_layout(kReversed, t); });
        break;
      case PartKind::Bidirectional:
        for (auto [tree, path] : {std::pair(&m.ps, &part.parameters), {&m.st, &part.states}})
          change(*tree, *path,
                 [](const Tree& t) { return has_reversals(t) ? with_reversals(t) : t; });
        break;
      case PartKind::NumberedRange:
        for (auto [tree, path] : {std::pair(&m.ps, &part.parameters), {&m.st, &part.states}})
          change(*tree, *path, [](const Tree& t) { return t.is_tuple() ? counted(t) : t; });
        break;
      case PartKind::Other:
        into_layout(m, part, layout_of(part, versions[i]));
        break;
    }
  }
  return m;
}

Model in_our_layout(const std::vector<ModelPart>& parts, const std::vector<LuxVersion>& versions,
                    Model m) {
  for (size_t i = parts.size(); i-- > 0;) {
    const auto& part = parts[i];
    bool old = versions[i] == LuxVersion::V0_5;
    switch (part.kind) {
      case PartKind::Cell:
        if (old)
          change(m.ps, part.parameters, [&](const Tree& t) { return new_cell(t, part.gates); });
        break;
      case PartKind::Carry:
        change(m.st, part.states, [](const Tree& t) { return from_layout(kReversed, t); });
        break;
      case PartKind::Bidirectional:
        for (auto [tree, path] : {std::pair(&m.ps, &part.parameters), {&m.st, &part.states}})
          change(*tree, *path, without_reversals);
        break;
      case PartKind::NumberedRange:
        for (auto [tree, path] : {std::pair(&m.ps, &part.parameters), {&m.st, &part.states}})
          change(*tree, *path, [](const Tree& t) { return t.is_named() ? uncounted(t) : t; });
        break;
      case PartKind::Other:
        out_of_layout(m, part, layout_of(part, versions[i]));
        break;
    }
  }
  return m;
}

namespace {

// Does the file's parameter show by its name, or by its shape, that Lux 0.5 wrote it?
bool is_old(const ModelPart& part, const Tree& lux_ps) {
  const auto& layout = *part.lux_0_5;
  auto name = part.parameters.substr(part.parameters.rfind('.') + 1);
  auto then = beside(part.lux, layout.name.empty() ? name : layout.name);
  if (then != part.lux) return lux_ps.contains(then) && !lux_ps.contains(part.lux);
  if (!lux_ps.contains(then) || !lux_ps.at(then).is_tensor()) return false;
  const auto none = at::empty(part.shape, at::TensorOptions().device(c10::DeviceType::Meta));
  const auto got = lux_ps.at(then).tensor().sizes();
  const auto old_shape = Shape(theirs(layout, none).sizes()),
             new_shape = Shape(theirs(part.lux_layout, none).sizes());
  if (old_shape.size() != new_shape.size()) return got.size() == old_shape.size();
  return old_shape == got && !(new_shape == got);
}

}  // namespace

LuxVersion version_of(const ModelPart& part, const Tree& lux_ps) {
  auto has = [&](const char* key) { return lux_ps.contains(join_path(part.lux, key)); };
  bool old = false;
  if (part.kind == PartKind::Cell) {
    old = has("weight_i") || has("bias") || has("bias_i");
  } else if (part.lux_0_5) {
    old = is_old(part, lux_ps);
  }
  return old ? LuxVersion::V0_5 : LuxVersion::V1;
}

RootNames root_names(const Tree& file) {
  static const std::array<RootNames, 3> kNames{
      {{"ps", "st"}, {"ps_trained", "st_trained"}, {"parameters", "states"}}};
  for (const auto& names : kNames) {
    if (file.is_named() && file.contains(names.ps)) return names;
  }
  return {};
}

}  // namespace luxtorch::detail
