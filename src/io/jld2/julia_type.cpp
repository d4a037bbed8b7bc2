#include "io/jld2/julia_type.h"

#include "io/base/fault.h"

namespace luxtorch::jld2 {
namespace {

// Types share parts, so that a small file can name one whose full text is astronomic.
constexpr size_t kLongestText = 300;

void print(const JuliaType& type, std::string& out);

void print(const Tree& value, std::string& out) {
  if (out.size() > kLongestText) return;
  if (value.is<bool>()) {
    out += value.scalar<bool>() ? "true" : "false";
  } else if (value.is<int64_t>()) {
    out += std::to_string(value.scalar<int64_t>());
  } else if (value.is_string()) {
    out.append(":").append(value.scalar<std::string>());
  } else if (value.is_tuple()) {
    out += "(";
    for (size_t i = 0; i < value.size() && out.size() <= kLongestText; ++i) {
      if (i > 0) out += ", ";
      print(value[i], out);
    }
    out += value.size() == 1 ? ",)" : ")";
  } else {
    out += "...";
  }
}

void print(const JuliaType& type, std::string& out) {
  if (out.size() > kLongestText) return;
  std::string_view name = type.name;
  for (std::string_view module : {"Core.", "Base.", "Main."})
    if (name.starts_with(module)) name.remove_prefix(module.size());
  out += name;
  if (type.parameters.empty() && name != "Tuple") return;
  out += "{";
  for (size_t i = 0; i < type.parameters.size() && out.size() <= kLongestText; ++i) {
    if (i > 0) out += ", ";
    if (auto* inner = std::get_if<JuliaTypePtr>(&type.parameters[i]))
      print(**inner, out);
    else
      print(std::get<Tree>(type.parameters[i]), out);
  }
  out += "}";
}

[[noreturn]] void not_a_named_tuple(const JuliaType& type) {
  io::damaged("a NamedTuple's names and as many types", text(type));
}

}  // namespace

bool JuliaType::is(std::string_view short_name) const {
  std::string_view full = name;
  return full.size() == short_name.size() + 5 && full.ends_with(short_name) &&
         (full.starts_with("Core.") || full.starts_with("Base."));
}

bool is_named_tuple(const JuliaType& type) { return type.is("NamedTuple"); }
bool is_tuple(const JuliaType& type) { return type.is("Tuple"); }

JuliaFields fields_of(const JuliaType& type) {
  JuliaFields fields;
  const JuliaType* types = &type;
  if (is_named_tuple(type)) {
    if (type.parameters.size() != 2) not_a_named_tuple(type);
    auto* names = std::get_if<Tree>(&type.parameters[0]);
    auto* inner = std::get_if<JuliaTypePtr>(&type.parameters[1]);
    if (names == nullptr || !names->is_tuple() || inner == nullptr || !is_tuple(**inner))
      not_a_named_tuple(type);
    for (const Tree& name : names->elements()) {
      if (!name.is_string()) not_a_named_tuple(type);
      fields.names.push_back(name.scalar<std::string>());
    }
    types = inner->get();
  }
  for (const JuliaParameter& parameter : types->parameters) {
    auto* inner = std::get_if<JuliaTypePtr>(&parameter);
    fields.types.push_back(inner == nullptr ? nullptr : *inner);
  }
  if (!is_named_tuple(type))
    for (size_t i = 0; i < fields.types.size(); ++i) fields.names.push_back(std::to_string(i + 1));
  if (fields.names.size() != fields.types.size()) not_a_named_tuple(type);
  return fields;
}

std::string text(const JuliaType& type) {
  std::string out;
  print(type, out);
  if (out.size() > kLongestText) {
    out.resize(kLongestText);
    out += "...";
  }
  return out;
}

}  // namespace luxtorch::jld2
