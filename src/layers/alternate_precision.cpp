#include "luxtorch/layers/alternate_precision.h"

#include <optional>

#include "layers/check.h"

namespace luxtorch {

namespace {

// The paths of a model's parameters that half precision is not for.
void add_float32_paths(std::vector<std::string>& paths, const Description& d,
                       const std::string& path) {
  if (d.hooks && d.hooks->parameters) {
    for (const auto& spec : d.hooks->parameters(d.address)) {
      if (spec.keeps_float32) paths.push_back(path_below(path, spec.name));
    }
  }
  for (const auto& [name, field] : d.fields)
    add_float32_paths(paths, field, d.wrapper ? path : path_below(path, name));
}
std::vector<std::string> float32_paths(const Description& d) {
  std::vector<std::string> paths;
  add_float32_paths(paths, d, "");
  return paths;
}

// What is missing in ps, the layer that needs it reports.
Tree converted(const Tree& ps, Dtype dtype, const std::vector<std::string>& keep_float32) {
  Tree all = tree::to(ps, dtype);
  for (const auto& path : keep_float32) {
    if (ps.contains(path)) all = all.with(path, f32(ps.at(path)));
  }
  return all;
}

bool is_floating(const Tree& leaf) {
  return leaf.is_tensor() && leaf.tensor().defined() && leaf.tensor().is_floating_point();
}

std::optional<Dtype> floating_dtype(const Tree& t) {
  for (const auto& leaf : tree::leaves(t)) {
    if (is_floating(leaf)) return leaf.tensor().scalar_type();
  }
  return std::nullopt;
}

Tree with_dtypes_of(const Tree& before, const Tree& st) {
  return tree::map(
      [&](const std::string& path, const Tree& leaf) -> Tree {
        if (!is_floating(leaf) || !before.contains(path) || !is_floating(before.at(path)))
          return leaf;
        return leaf.tensor().to(before.at(path).tensor().scalar_type());
      },
      st);
}

void check_half(const char* who, Dtype dtype) {
  if (is_half(dtype)) return;
  throw ArgumentError(
      who, fmt::format("expected kFloat16 or kBFloat16, got {}.{}", dtype_text(dtype),
                       dtype == kFloat32 || dtype == kFloat64
                           ? " AlternatePrecision and tree::to take other floating dtypes."
                           : ""));
}

}  // namespace

AlternatePrecision::AlternatePrecision(Layer layer, Dtype dtype)
    : layer_(std::move(layer)), dtype_(dtype) {
  if (is_half(dtype)) {
    keep_float32_ = float32_paths(layer_.describe());
  } else if (dtype != kFloat32 && dtype != kFloat64) {
    throw ArgumentError("AlternatePrecision",
                        fmt::format("expected a floating dtype, kFloat16, kBFloat16, kFloat32 or "
                                    "kFloat64, got {}.",
                                    dtype_text(dtype)));
  }
}

Out<Tree> AlternatePrecision::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  const bool half = is_half(dtype_);
  auto out = layer_(tree::to(x, dtype_), converted(ps, dtype_, keep_float32_),
                    half ? st : tree::to(st, dtype_));
  auto of_y = floating_dtype(x);
  if (!of_y) of_y = floating_dtype(ps);
  if (of_y) out.first = tree::to(out.first, *of_y);
  if (!half) out.second = with_dtypes_of(st, out.second);
  detail::report(*this, out.first);
  return out;
}

std::string AlternatePrecision::label() const {
  const char* name = dtype_ == kFloat16    ? "Float16"
                     : dtype_ == kBFloat16 ? "BFloat16"
                     : dtype_ == kFloat32  ? "Float32"
                                           : "Float64";
  return fmt::format("AlternatePrecision{{{}}}", name);
}

AlternatePrecision mixed(Layer model, Dtype dtype) {
  check_half("mixed", dtype);
  return {std::move(model), dtype};
}

Tree detail::to_half(const Description& d, const Tree& ps, Dtype dtype) {
  check_half("to_half", dtype);
  check_fits(structure(d, Initial::parameters), ps, "to_half", "parameters");
  return converted(ps, dtype, float32_paths(d));
}

}  // namespace luxtorch
