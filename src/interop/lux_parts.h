// Single parts of a model in Lux's layout and in ours.
#pragma once

#include "interop/model_parts.h"
#include "luxtorch/interop/lux_layout.h"

namespace luxtorch::detail {

struct Model {
  Tree ps, st;
};

/// What ps and st are where the parts' layouts are Lux's; versions[i] is that of parts[i].
Model in_lux_layout(const std::vector<ModelPart>& parts, const std::vector<LuxVersion>& versions,
                    Model ours);
/// The reverse. Missing parts are left alone.
Model in_our_layout(const std::vector<ModelPart>& parts, const std::vector<LuxVersion>& versions,
                    Model lux);

/// Of a part, as Lux's ps has it: cells show it by their names, tensors as their specs say.
LuxVersion version_of(const ModelPart& part, const Tree& lux_ps);

/// The names under which files have ps and st together, the first that fit; empty where none do.
struct RootNames {
  std::string ps, st;
};
RootNames root_names(const Tree& file);

}  // namespace luxtorch::detail
