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

std::pair<Tree, Tree> from_lux(const Anatomy& model, const Tree& ps, const Tree& st,
                               const RootNames& roots, LuxOptions options) {
  auto parts = parts_in_lux(model, options);
  std::vector<LuxVersion> versions;
  for (const auto& part : parts) versions.push_back(version_of(part, ps));
  auto expected = in_lux_layout(parts, versions, {model.ps, model.st});
  bool has_states = !st.is_none();
  auto both = [&](const Tree& p, const Tree& s) {
    return has_states ? named({{roots.ps, p}, {roots.st, s}}) : named({{roots.ps, p}});
  };
  if (auto found = tensor_mismatches(both(expected.ps, expected.st), flat(both(ps, st)));
      !found.empty()) {
    throw TreeError("from_lux", "expected the model's parameters and states in Lux's layout, got " +
                                    found.listed(kListed) + ".");
  }
  auto got = in_our_layout(parts, versions,
                           {taken(expected.ps, flat(ps), ps), taken(expected.st, flat(st), st)});
  return {std::move(got.ps), has_states ? std::move(got.st) : model.st};
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
