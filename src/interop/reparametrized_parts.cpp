#include "interop/reparametrized_parts.h"

#include <algorithm>

namespace luxtorch::detail {

namespace {

// What is left of a path below the prefix.
std::string rest_of(const std::string& prefix, const std::string& path) {
  return prefix.empty() ? path : path.substr(prefix.size() + 1);
}

// "a.weight" as "a.parametrizations.weight" + end.
std::string parametrized(const std::string& torch, const std::string& end) {
  const auto dot = torch.rfind('.');
  const auto owner = dot == torch.npos ? "" : torch.substr(0, dot);
  return join_path(join_path(owner, "parametrizations"), torch.substr(dot + 1) + end);
}

bool is_one_of(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

void name_ends_with(TensorLayout& layout, const char* end) {
  if (!layout.name.empty()) layout.name += end;
}

}  // namespace

std::vector<ModelPart> parts_by_key(const std::vector<ModelPart>& parts, const ModelPart& where,
                                    const std::vector<std::string>& keys) {
  std::vector<ModelPart> apart;
  for (const auto& part : parts) {
    if (!part.in_parameters || part.parameters != where.parameters) {
      apart.push_back(part);
      continue;
    }
    for (const auto& key : keys) {
      auto one = part_below(where, key, key + part.suffix, key);
      one.in_states = false;
      apart.push_back(std::move(one));
    }
  }
  return apart;
}

std::vector<ModelPart> weight_norm_parts(const WeightNorm& layer, const ModelPart& where,
                                         const std::vector<ModelPart>& inner,
                                         const Tree& model_ps) {
  std::vector<ModelPart> parts;
  for (const auto& part : inner) {
    if (!part.in_parameters) {
      parts.push_back(part);
      continue;
    }
    const auto name = rest_of(where.parameters, part.parameters),
               lux = rest_of(where.lux, part.lux);
    auto moved = [&](const char* to, const char* end) {
      auto other = part;
      other.parameters = join_path(join_path(where.parameters, to), name + end);
      other.lux = join_path(join_path(where.lux, to), lux + end);
      return other;
    };
    if (!is_one_of(layer.names(), name)) {
      parts.push_back(moved("unnormalized", ""));
      continue;
    }
    auto half = [&](const char* end, const char* original) {
      auto other = moved("normalized", end);
      other.torch = parametrized(part.torch, original);
      other.torch_older = part.torch + end;
      name_ends_with(other.lux_layout, end);
      if (other.lux_cross_correlation) name_ends_with(*other.lux_cross_correlation, end);
      other.lux_0_5 = {};
      return other;
    };
    auto g = half("_g", ".original0");
    if (layer.of_whole_arrays()) {  // a number there, here of as many dimensions as v
      const Shape ones = model_ps.at(g.parameters).tensor().sizes();
      g.torch_layout = {
          .from_ours = [](const Tensor& ours) { return ours.reshape({}); },
          .to_ours = [ones](const Tensor& theirs) { return theirs.reshape(ShapeView(ones)); }};
    }
    parts.push_back(std::move(g));
    parts.push_back(half("_v", ".original1"));
  }
  return parts;
}

std::vector<ModelPart> spectral_norm_parts(const SpectralNorm& layer, const ModelPart& where,
                                           const std::vector<ModelPart>& inner) {
  std::vector<ModelPart> parts, vectors;
  for (auto part : inner) {
    const auto name = part.in_parameters ? rest_of(where.parameters, part.parameters) : "";
    if (is_one_of(layer.names(), name)) {
      for (const char* vector : {"u", "v"}) {
        ModelPart of{PartKind::Other, "", join_path(where.states, "vectors." + name + "." + vector),
                     parametrized(part.torch, std::string(".0._") + vector)};
        of.in_parameters = false;
        of.torch_older = part.torch + "_" + vector;
        vectors.push_back(std::move(of));
      }
      part.torch_older = part.torch + "_orig";
      part.torch = parametrized(part.torch, ".original");
    }
    parts.push_back(std::move(part));
  }
  parts.insert(parts.end(), vectors.begin(), vectors.end());
  return parts;
}

}  // namespace luxtorch::detail
