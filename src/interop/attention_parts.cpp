#include "interop/attention_parts.h"

#include <algorithm>

namespace luxtorch::detail {

void pack_projections(std::span<ModelPart> parts, const Description& attention,
                      const ModelPart& where) {
  const auto three = std::span(attention.fields).first(3);  // q_proj, k_proj, v_proj
  auto is_dense = [](const auto& field) { return *field.layer.type == typeid(Dense); };
  if (!std::ranges::all_of(three, is_dense)) return;
  auto features = [](const auto& field) {
    return static_cast<const Dense*>(field.layer.address)->in_dims();
  };
  // The rows of in_proj_bias are those of all three.
  const auto biases = std::ranges::count_if(three, [&](const auto& field) {
    const auto bias = join_path(where.parameters, field.name + ".bias");
    return std::ranges::any_of(parts, [&](const auto& p) { return p.parameters == bias; });
  });
  if (biases != 0 && biases != 3) return;
  const bool one_input = std::ranges::all_of(
      three, [&](const auto& field) { return features(field) == features(three[0]); });
  for (const auto& field : three) {
    for (auto& part : parts) {
      auto is = [&](const char* parameter) {
        return part.parameters == join_path(where.parameters, field.name + "." + parameter);
      };
      if (is("weight")) {
        part.torch = join_path(where.torch, one_input ? "in_proj_weight" : field.name + "_weight");
      } else if (is("bias")) {
        part.torch = join_path(where.torch, "in_proj_bias");
      } else {
        continue;
      }
      part.torch_layout.dims = TensorLayout::Dims::Rows;
    }
  }
}

}  // namespace luxtorch::detail
