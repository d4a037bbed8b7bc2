// Julia's types as JLD2 files name them: "Core.NamedTuple" and its parameters.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::jld2 {

struct JuliaType;
using JuliaTypePtr = std::shared_ptr<const JuliaType>;

/// A parameter is a type or a value: Array{Float32, 2} has one of each. Symbols are string leaves.
using JuliaParameter = std::variant<JuliaTypePtr, Tree>;

struct JuliaType {
  std::string name;  // with its modules, "Base.Val"
  std::vector<JuliaParameter> parameters;

  /// Is it `short_name` of Core or Base?
  bool is(std::string_view short_name) const;
};

/// The names and types of the fields of a NamedTuple or Tuple; a Tuple's names are "1", "2", ...
/// A type is null where the parameter is not a type.
struct JuliaFields {
  std::vector<std::string> names;
  std::vector<JuliaTypePtr> types;
};

bool is_named_tuple(const JuliaType& type);
bool is_tuple(const JuliaType& type);
/// Requires one of the two. Throws io::Fault where the parameters do not make such a type.
JuliaFields fields_of(const JuliaType& type);

/// The type as Julia prints it, cut after some hundred characters.
std::string text(const JuliaType& type);

}  // namespace luxtorch::jld2
