// Tensors that are not dense, or have no values.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "io/torch/calls.h"
#include "io/torch/dtypes.h"
#include "text.h"

namespace luxtorch::torch_archive {
namespace {

using io::Fault;
using io::Pickle;
using io::PickleGlobal;
using io::PickleId;
using io::PickleMade;
using io::PickleObject;
using io::PickleSequence;
using Arguments = std::vector<PickleId>;

std::string name_of(const Pickle& pickle, PickleId id) {
  if (const auto* global = std::get_if<PickleGlobal>(&pickle[id])) return global->name;
  if (const auto* object = std::get_if<PickleObject>(&pickle[id]))
    return pickle.object(*object).type;
  return "torch.Tensor";
}

Tree shape_of(const Pickle& pickle, PickleId id) {
  std::vector<Tree> sizes;
  for (int64_t size : sizes_of(pickle, id, "a tensor's sizes")) sizes.emplace_back(size);
  return tuple(std::move(sizes));
}

std::optional<Dtype> dtype_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return {};
  name.remove_prefix(kPrefix.size());
  auto found = std::ranges::find_if(
      kDtypes, [&](const DtypeName& known) { return dtype_text(known.dtype) == name; });
  return found != kDtypes.end() ? std::optional(found->dtype) : std::nullopt;
}

// A number, or what stands for several: a tensor or a list.
Tree numbers(Tensors& tensors, const Pickle& pickle, PickleId id, const char* expected) {
  if (const auto* number = std::get_if<double>(&pickle[id])) return *number;
  if (const auto* number = std::get_if<int64_t>(&pickle[id])) return *number;
  const auto* list = std::get_if<PickleSequence>(&pickle[id]);
  if (!list) return tensors.tensor(pickle, id, expected);
  std::vector<Tree> parts;
  for (PickleId part : list->parts) {
    if (std::holds_alternative<PickleSequence>(pickle[part]))
      throw Fault("", expected, "a list of lists");
    parts.push_back(numbers(tensors, pickle, part, expected));
  }
  return tuple(std::move(parts));
}

// The layout, and indices, values, sizes and perhaps whether the indices are in order.
PickleMade sparse(Tensors& tensors, const Pickle& pickle, const Arguments& arguments) {
  const auto& layout = as<std::string>(pickle, arguments[0], "a layout");
  const auto& parts = as<PickleSequence>(pickle, arguments[1], "a sparse tensor's parts").parts;
  bool is_coo = layout == "torch.sparse_coo";
  bool by_rows = layout == "torch.sparse_csr" || layout == "torch.sparse_bsr";
  bool by_columns = layout == "torch.sparse_csc" || layout == "torch.sparse_bsc";
  if (!is_coo && !by_rows && !by_columns)
    throw Fault::unsupported("", "expected a layout of torch, got " + layout + ".", layout);
  if (parts.size() != 4 && !(is_coo && parts.size() == 3))
    throw Fault("", "a sparse tensor's parts", std::to_string(parts.size()));
  auto part = [&](size_t i) { return tensors.tensor(pickle, parts[i], "a sparse tensor's part"); };
  std::vector<Tree::Item> items;
  if (is_coo) {
    items = {{"indices", part(0)}, {"values", part(1)}, {"size", shape_of(pickle, parts[2])}};
  } else {
    items = {{by_rows ? "crow_indices" : "ccol_indices", part(0)},
             {by_rows ? "col_indices" : "row_indices", part(1)},
             {"values", part(2)},
             {"size", shape_of(pickle, parts[3])}};
  }
  return tensors.hold(named(std::move(items)), layout);
}

// A storage's part, and the scheme with its numbers.
PickleMade quantised(Tensors& tensors, const Pickle& pickle, const Arguments& arguments) {
  const auto& scheme = as<PickleSequence>(pickle, arguments[4], "a quantiser's parts").parts;
  if (scheme.size() != 3 && scheme.size() != 4)
    throw Fault("", "a quantiser's three or four parts", std::to_string(scheme.size()));
  const auto& name = as<std::string>(pickle, scheme[0], "a quantiser's name");
  bool by_channel = scheme.size() == 4;
  std::vector<Tree::Item> items;
  items.emplace_back("int_repr", tensors.part(pickle, arguments));
  items.emplace_back(by_channel ? "scales" : "scale",
                     numbers(tensors, pickle, scheme[1], "a quantiser's scale"));
  items.emplace_back(by_channel ? "zero_points" : "zero_point",
                     numbers(tensors, pickle, scheme[2], "a quantiser's zero"));
  if (by_channel) items.emplace_back("axis", as<int64_t>(pickle, scheme[3], "a quantiser's axis"));
  return tensors.hold(named(std::move(items)), "quantized, " + name);
}

PickleMade nested(Tensors& tensors, const Pickle& pickle, const Arguments& arguments) {
  std::vector<Tree::Item> items;
  constexpr std::array<const char*, 4> kParts = {"values", "sizes", "strides", "offsets"};
  for (size_t i = 0; i < kParts.size(); ++i)
    items.emplace_back(kParts[i], tensors.tensor(pickle, arguments[i], "a nested tensor's part"));
  return tensors.hold(named(std::move(items)), "torch.nested_tensor");
}

PickleMade without_values(Tensors& /*tensors*/, const Pickle& pickle, const Arguments& arguments) {
  throw Fault::unsupported(
      "",
      fmt::format("expected tensors that have values, got one on the meta device of {} and sizes "
                  "({}).",
                  as<std::string>(pickle, arguments[0], "a dtype"),
                  fmt::join(sizes_of(pickle, arguments[1], "a tensor's sizes"), ", ")),
      "torch.Tensor");
}

PickleMade wrapper(Tensors& /*tensors*/, const Pickle& pickle, const Arguments& arguments) {
  throw Fault::unsupported("",
                           "expected tensors that have values, got one of a class that makes them "
                           "when they are asked for.",
                           name_of(pickle, arguments[0]));
}

PickleMade moved(Tensors& tensors, const Pickle& pickle, const Arguments& arguments) {
  Tensor t = tensors.tensor(pickle, arguments[0], "a tensor");
  const auto& name = as<std::string>(pickle, arguments[1], "a dtype");
  auto dtype = dtype_of(name);
  if (!dtype)
    throw Fault::unsupported("", "expected a dtype that torch has, got " + name + ".", name);
  return tensors.hold(converted(t, *dtype));
}

struct Kind {
  std::string_view function;
  size_t arguments;
  PickleMade (*rebuild)(Tensors&, const Pickle&, const Arguments&);
};
constexpr std::array kKinds = {
    Kind{"torch._utils._rebuild_sparse_tensor", 2, sparse},
    Kind{"torch._utils._rebuild_qtensor", 7, quantised},
    Kind{"torch._utils._rebuild_nested_tensor", 4, nested},
    Kind{"torch._utils._rebuild_meta_tensor_no_storage", 4, without_values},
    Kind{"torch._utils._rebuild_wrapper_subclass", 8, wrapper},
    Kind{"torch._utils._rebuild_device_tensor_from_cpu_tensor", 4, moved}};

}  // namespace

bool is_other_kind(std::string_view function) {
  return std::ranges::find(kKinds, function, &Kind::function) != kKinds.end();
}

PickleMade rebuild_other_kind(Tensors& tensors, const Pickle& pickle, std::string_view function,
                              const Arguments& arguments) {
  const Kind& kind = *std::ranges::find(kKinds, function, &Kind::function);
  if (arguments.size() != kind.arguments)
    throw Fault("", fmt::format("{} arguments of {}", kind.arguments, function),
                std::to_string(arguments.size()));
  return kind.rebuild(tensors, pickle, arguments);
}

}  // namespace luxtorch::torch_archive
