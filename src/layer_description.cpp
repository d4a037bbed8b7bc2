// How models are printed in Lux's layout; where a layer is in them.
#include "luxtorch/layer_description.h"

#include <ostream>
#include <utility>

#include "text.h"

namespace luxtorch {

int64_t parameter_length(const Tree& ps) { return tree::numel(ps); }
int64_t state_length(const Tree& st) {
  int64_t n = 0;
  for (const auto& leaf : tree::leaves(st)) n += leaf.is_tensor() ? leaf.tensor().numel() : 1;
  return n;
}

namespace {

const Tree& part(const Tree& t, const std::string& path) {
  static const Tree none;
  return t.contains(path) ? t.at(path) : none;
}

// Lux writes a comment at column 49, or 29 for a line that stands alone.
std::string comment(size_t written, size_t column, const std::string& text) {
  return std::string(column > written + 2 ? column - written : 2, ' ') + "# " + text;
}

std::string counts(const Tree& ps, const Tree& st, int64_t times = 1) {
  auto n = parameter_length(ps), m = state_length(st);
  std::string text;
  if (n > 0) {
    text = grouped(n * times) +
           (times > 1 ? " (" + grouped(n) + " x " + std::to_string(times) + ")" : "") +
           " parameters";
  }
  if (m > 0) text += (text.empty() ? "" : ", plus ") + grouped(m * times) + " non-trainable";
  return text;
}

bool alike(const Description& a, const Description& b) {
  return a.fields.empty() && b.fields.empty() && a.text == b.text;
}

// Do both names end in digits, and are they the same before them? Then one line can name both.
bool numbered_alike(std::string_view a, std::string_view b) {
  auto stem = [](std::string_view name) { return name.find_last_not_of("0123456789") + 1; };
  return stem(a) < a.size() && stem(b) < b.size() && a.substr(0, stem(a)) == b.substr(0, stem(b));
}

std::string positions(const std::string& first, const std::string& last) {
  size_t common = 0;
  while (common < first.size() && common < last.size() && first[common] == last[common]) ++common;
  return first.substr(0, common) + "(" + first.substr(common) + "-" + last.substr(common) + ")";
}

void show_fields(std::string& out, const Description& d, const std::string& path, const Tree& ps,
                 const Tree& st, size_t indent) {
  for (size_t i = 0; i < d.fields.size();) {
    const auto& [name, field] = d.fields[i];
    size_t same = i + 1;
    while (same < d.fields.size() && numbered_alike(name, d.fields[same].name) &&
           alike(field, d.fields[same].layer)) {
      ++same;
    }
    auto below = d.wrapper ? path : path_below(path, name);
    auto label = same > i + 1 ? positions(name, d.fields[same - 1].name) : name;
    auto line = std::string(indent, ' ') + label + " = " + field.text;
    if (field.fields.empty()) {
      out += line + ",";
      auto c = counts(part(ps, below), part(st, below), static_cast<int64_t>(same - i));
      if (!c.empty()) out += comment(line.size(), 49, c);
      out += "\n";
    } else {
      out += line + "(\n";
      show_fields(out, field, below, ps, st, indent + 4);
      out += std::string(indent, ' ') + "),\n";
    }
    i = same;
  }
}

}  // namespace

namespace detail {

bool find_path(const Description& d, const void* address, const std::type_info& type,
               std::string& path) {
  if (d.address == address && d.type && *d.type == type) {
    path.clear();
    return true;
  }
  for (const auto& [name, field] : d.fields) {
    if (!find_path(field, address, type, path)) continue;
    if (!d.wrapper) path = path.empty() ? name : name + "." + path;
    return true;
  }
  return false;
}

std::ostream& print(std::ostream& out, const std::string& text) { return out << text; }

std::string show(const Description& d, const Structure& structure) {
  const auto& [ps, st] = structure;
  if (d.fields.empty()) {
    auto c = counts(ps, st);
    return c.empty() ? d.text : d.text + comment(d.text.size(), 29, c);
  }
  auto out = d.text + "(\n";
  show_fields(out, d, "", ps, st, 4);
  return out + ")         # Total: " + grouped(parameter_length(ps)) + " parameters,\n" +
         "          #        plus " + grouped(state_length(st)) + " states.";
}

}  // namespace detail

}  // namespace luxtorch
