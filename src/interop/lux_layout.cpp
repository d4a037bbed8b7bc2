#include "luxtorch/interop/lux_layout.h"

#include "interop/flat_tree.h"
#include "interop/lux_parts.h"
#include "luxtorch/core/error.h"

namespace luxtorch::detail {

namespace {

std::vector<ModelPart> parts_in_lux(const Anatomy& model, const LuxOptions& options) {
  auto parts = parts_of(model);
  if (!options.cross_correlation) return parts;
  for (auto& part : parts)
    if (part.lux_cross_correlation) part.lux_layout = *part.lux_cross_correlation;
  return parts;
}

// A shape without the sizes of 1 at its end.
ShapeView without_ones(ShapeView shape) {
  while (!shape.empty() && shape.back() == 1) shape = shape.slice(0, shape.size() - 1);
  return shape;
}

// ps with the expected shapes where sizes of 1 behind are all that differs: a LayerNorm of Lux for sequences
// has (F, 1, 1). Of arrays that meet data element by element alone: a 1 behind a kernel's sizes is one of them.
Tree with_expected_ones(const std::vector<ModelPart>& parts, const Tree& expected, Tree ps) {
  for (const auto& part : parts) {
    const auto dims = part.lux_layout.dims;
    const bool by_element =
        part.in_parameters && !part.lux_layout.from_ours &&
        (dims == TensorLayout::Dims::Reversed || dims == TensorLayout::Dims::ReversedColumn);
    if (!by_element || !ps.contains(part.lux) || !expected.contains(part.lux)) continue;
    const Tree &got = ps.at(part.lux), &wanted = expected.at(part.lux);
    if (!got.is_tensor() || !got.tensor().defined() || !wanted.is_tensor()) continue;
    const auto is = got.tensor().sizes(), to = wanted.tensor().sizes();
    if (is != to && without_ones(is) == without_ones(to))
      ps = ps.with(part.lux, got.tensor().reshape(to));
  }
  return ps;
}

bool is_tuple_of_tensors(const Tree& t) {
  if (!t.is_tuple() || t.size() == 0) return false;
  for (const auto& e : t.elements())
    if (!e.is_tensor()) return false;
  return true;
}

// What the file has in the places of `expected`: all tensors, and other leaves that are of its kind. A
// carry is nothing in a new model.
Tree taken(const Tree& expected, const Flat& leaves, const Tree& file) {
  return tree::map(
      [&](const std::string& path, const Tree& leaf) -> Tree {
        if (auto found = leaves.find(path); found != leaves.end()) {
          const auto& got = found->second;
          bool same = (leaf.is_tensor() && got.is_tensor()) || (leaf.is_rng() && got.is_rng()) ||
                      (leaf.is_string() && got.is_string()) ||
                      (leaf.is<bool>() && got.is<bool>()) ||
                      (leaf.is<int64_t>() && got.is<int64_t>()) ||
                      (leaf.is<double>() && (got.is<double>() || got.is<int64_t>()));
          return same ? got : leaf;
        }
        if (leaf.is_none() && file.contains(path) && is_tuple_of_tensors(file.at(path)))
          return file.at(path);
        return leaf;
      },
      expected);
}

std::pair<Tree, Tree> from_lux(const Anatomy& model, const Tree& given, const Tree& st,
                               const RootNames& roots, LuxOptions options) {
  auto parts = parts_in_lux(model, options);
  std::vector<LuxVersion> versions;
  for (const auto& part : parts) versions.push_back(version_of(part, given));
  auto expected = in_lux_layout(parts, versions, {model.ps, model.st});
  const Tree ps = with_expected_ones(parts, expected.ps, given);
  bool has_states = !st.is_none();
  auto both = [&](const Tree& p, const Tree& s) {
    return has_states ? named({{roots.ps, p}, {roots.st, s}}) : named({{roots.ps, p}});
  };
  if (auto found = tensor_mismatches(both(expected.ps, expected.st), flat(both(ps, st)));
      !found.empty()) {
    throw TreeError("from_lux", "expected the model's parameters and states in Lux's layout, got " +
                                    found.listed(kListed) + ".");
  }
  const Tree lux_ps = taken(expected.ps, flat(ps), ps);
  auto got = in_our_layout(parts, versions, {lux_ps, expected.st});
  Tree fresh = settled(model.description, got.ps, model.st);
  if (!has_states) return {std::move(got.ps), std::move(fresh)};
  if (!fresh.same_node(model.st))
    expected.st = in_lux_layout(parts, versions, {model.ps, std::move(fresh)}).st;
  got = in_our_layout(parts, versions, {lux_ps, taken(expected.st, flat(st), st)});
  return {std::move(got.ps), std::move(got.st)};
}

}  // namespace

std::pair<Tree, Tree> to_lux(const Anatomy& model, const Tree& ps, const Tree& st,
                             LuxOptions options) {
  check_fits(model.ps, ps, "to_lux", "parameters");
  check_fits(model.st, st, "to_lux", "states");
  auto parts = parts_in_lux(model, options);
  auto lux = in_lux_layout(parts, std::vector<LuxVersion>(parts.size(), options.version), {ps, st});
  return {std::move(lux.ps), std::move(lux.st)};
}

std::pair<Tree, Tree> from_lux(const Anatomy& model, const Tree& ps, const Tree& st,
                               LuxOptions options) {
  return from_lux(model, ps, st, {"ps", "st"}, options);
}

std::pair<Tree, Tree> from_lux(const Anatomy& model, const Tree& file, LuxOptions options) {
  auto roots = root_names(file);
  if (roots.ps.empty()) {
    std::string names;
    for (const auto& key : file.keys()) names += (names.empty() ? "" : ", ") + key;
    throw TreeError(
        "from_lux",
        "expected a file's tree with ps and st, ps_trained and st_trained, or parameters "
        "and states, got one with " +
            (names.empty() ? "nothing" : names) +
            ". Hand over both parts: from_lux(model, file[\"...\"], file[\"...\"]).");
  }
  return from_lux(model, file[roots.ps], file.contains(roots.st) ? file[roots.st] : Tree(), roots,
                  options);
}

}  // namespace luxtorch::detail
