#include "layers/named_parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch {

std::vector<Shape> named_shapes(const char* who, const Layer& layer,
                                const std::vector<std::string>& names) {
  if (names.empty()) throw ArgumentError(who, "expected the name of a parameter, got none.");
  const Tree all = detail::structure(layer.describe(), Initial::parameters);
  std::vector<Shape> shapes;
  std::set<std::string> seen;
  for (const auto& name : names) {
    if (!seen.insert(name).second)
      throw ArgumentError(who, fmt::format("expected different names, got {} twice.", name));
    if (all.is_named() && all.contains(name) && name.find('.') == name.npos &&
        all[name].is_tensor()) {
      shapes.push_back(all[name].tensor().sizes());
      continue;
    }
    std::vector<std::string> there;
    if (all.is_named()) {
      for (const auto& [key, part] : all.items())
        if (part.is_tensor()) there.push_back(key);
    }
    throw ArgumentError(
        who,
        fmt::format("expected the name of a parameter of {}, which has {}, got {}.", layer.label(),
                    there.empty() ? "none of its own" : fmt::format("{}", fmt::join(there, ", ")),
                    name));
  }
  return shapes;
}

int64_t dim_of(const char* who, const std::string& name, ShapeView shape, int64_t dim) {
  const auto rank = static_cast<int64_t>(shape.size());
  if (dim >= -rank && dim < rank) return dim < 0 ? dim + rank : dim;
  throw ArgumentError(who, fmt::format("expected dimensions of {}, which has the shape {}, got {}.",
                                       name, shape_text(shape), dim));
}

}  // namespace luxtorch
