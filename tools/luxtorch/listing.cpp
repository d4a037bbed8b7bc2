#include "listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "fit/terminal_text.h"
#include "io/base/flat_names.h"
#include "text.h"

using luxtorch::Tree;

void for_each_entry(const std::function<void(const std::string& path, const Tree& entry)>& f,
                    const Tree& tree) {
  auto visit = [&f](auto&& self, const std::string& path, const Tree& t) -> void {
    if (t.is_leaf() || t.size() == 0) {
      f(luxtorch::io::name_of_path(path), t);
    } else if (t.is_named()) {
      for (const auto& [key, part] : t.items())
        self(self, path.empty() ? key : path + "." + key, part);
    } else {
      for (size_t i = 0; i < t.size(); ++i)
        self(self, (path.empty() ? "" : path + ".") + std::to_string(i), t[i]);
    }
  };
  visit(visit, "", tree);
}

std::string kind_of(const Tree& entry) {
  if (entry.is_tensor())
    return entry.tensor().defined() ? luxtorch::dtype_text(entry.tensor().scalar_type())
                                    : "undefined tensor";
  if (entry.is<bool>()) return "bool";
  if (entry.is<int64_t>()) return "int64";
  if (entry.is<double>()) return "float64";
  if (entry.is_string()) return "string";
  if (entry.is_rng()) return "rng";
  if (entry.is_named()) return entry.size() == 0 ? "empty" : "named";
  if (entry.is_tuple()) return entry.size() == 0 ? "empty tuple" : "tuple";
  return "nothing";
}

std::string value_of(const Tree& entry) {
  if (entry.is<bool>()) return entry.scalar<bool>() ? "true" : "false";
  if (entry.is<int64_t>()) return std::to_string(entry.scalar<int64_t>());
  if (entry.is<double>()) return luxtorch::number_text(entry.scalar<double>());
  if (entry.is_string()) return '"' + printable(entry.scalar<std::string>()) + '"';
  if (entry.is_rng()) return fmt::format("key {}", entry.scalar<luxtorch::Rng>().key());
  return "";
}

std::string shown(const std::string& path) { return path.empty() ? "(root)" : printable(path); }

std::string printable(std::string_view text) {
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return luxtorch::detail::shown_text(out);
}

void print_table(const std::vector<std::vector<std::string>>& rows,
                 const std::vector<size_t>& right) {
  // Bytes that continue a character of UTF-8 take no place of their own.
  auto width = [](const std::string& s) {
    return static_cast<size_t>(std::ranges::count_if(
        s, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
  };
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      std::string space(widths[i] - width(row[i]), ' ');
      bool to_the_right = std::ranges::find(right, i) != right.end();
      line += (i == 0 ? "" : "  ") + (to_the_right ? space + row[i] : row[i] + space);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}
