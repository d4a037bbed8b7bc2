// A summary as a printed table, as HTML and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <string_view>
#include <vector>

#include "io/base/json.h"
#include "luxtorch/layer_summary.h"
#include "text.h"
#include "utf8.h"

namespace luxtorch {

namespace {

struct Column {
  std::string title;
  bool is_number;
  std::vector<std::string> cells;  // of the rows, then of the totals
};

std::string milliseconds(double seconds) { return fmt::format("{:.3f}", seconds * 1e3); }
std::string text(int64_t n) { return grouped(n); }
std::string text(const std::optional<int64_t>& n) { return n ? grouped(*n) : ""; }
std::string text(const std::optional<double>& seconds) {
  return seconds ? milliseconds(*seconds) : "";
}

template <class OfRow, class OfAll>
Column numbers(const char* title, const Summary& s, OfRow of_row, OfAll of_all) {
  Column column{title, true, {}};
  for (const auto& row : s.rows) column.cells.push_back(text(row.*of_row));
  column.cells.push_back(text(s.*of_all));
  return column;
}
template <class Cell>
Column texts(const char* title, const Summary& s, const char* total, const Cell& cell) {
  Column column{title, false, {}};
  for (const auto& row : s.rows) column.cells.push_back(cell(row));
  column.cells.emplace_back(total);
  return column;
}

std::string dtype_cell(const SummaryRow& row) {
  if (row.dtype.empty() || row.dtype == row.output_dtype) return row.output_dtype;
  return row.output_dtype.empty() ? row.dtype : row.dtype + " -> " + row.output_dtype;
}

std::vector<Column> columns_of(const Summary& s) {
  using Row = SummaryRow;
  std::vector<Column> all;
  all.push_back(
      texts("path", s, "total", [](const Row& r) { return r.path.empty() ? "(model)" : r.path; }));
  all.push_back(texts("layer", s, "", [](const Row& r) { return r.layer; }));
  all.push_back(texts("output", s, "", [](const Row& r) { return r.output; }));
  const bool all_float32 = std::ranges::all_of(s.rows, [](const Row& r) {
    const auto cell = dtype_cell(r);
    return cell.empty() || cell == "float32";
  });
  if (!all_float32) all.push_back(texts("dtype", s, "", dtype_cell));
  all.push_back(numbers("parameters", s, &Row::parameters, &Summary::parameters));
  if (s.trainable != s.parameters)
    all.push_back(numbers("trainable", s, &Row::trainable, &Summary::trainable));
  all.push_back(numbers("states", s, &Row::states, &Summary::states));
  all.push_back(numbers("bytes", s, &Row::bytes, &Summary::bytes));
  all.push_back(numbers("flops", s, &Row::flops, &Summary::flops));
  if (s.step_flops) all.push_back(numbers("step flops", s, &Row::step_flops, &Summary::step_flops));
  if (s.kept_bytes) all.push_back(numbers("kept bytes", s, &Row::kept_bytes, &Summary::kept_bytes));
  if (s.seconds) all.push_back(numbers("ms", s, &Row::seconds, &Summary::seconds));
  if (s.step_seconds)
    all.push_back(numbers("step ms", s, &Row::step_seconds, &Summary::step_seconds));
  return all;
}

// As HTML has it, in texts and in attributes.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// A text of a user's layer may be anything.
std::string in_utf8(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const uint32_t code = detail::next_code_point(text, at);
    if (code == detail::kInvalid) {
      out += "\uFFFD";
      at = start + 1;
    } else {
      out += text.substr(start, at - start);
    }
  }
  return out;
}

void append(std::string& out, const std::string& value) { io::append_json(out, in_utf8(value)); }
void append(std::string& out, int64_t value) { out += std::to_string(value); }
void append(std::string& out, double value) { io::append_json(out, value); }
template <class T>
void append(std::string& out, const std::optional<T>& value) {
  if (value) {
    append(out, *value);
  } else {
    out += "null";
  }
}

template <class T>
void add_member(std::string& out, const char* name, const T& value) {
  if (out.back() != '{') out += ", ";
  io::append_json(out, std::string_view(name));
  out += ": ";
  append(out, value);
}

// What rows and totals both have.
template <class S>
void add_numbers(std::string& out, const S& s) {
  add_member(out, "parameters", s.parameters);
  add_member(out, "trainable", s.trainable);
  add_member(out, "states", s.states);
  add_member(out, "bytes", s.bytes);
  add_member(out, "flops", s.flops);
  add_member(out, "step_flops", s.step_flops);
  add_member(out, "kept_bytes", s.kept_bytes);
  add_member(out, "seconds", s.seconds);
  add_member(out, "step_seconds", s.step_seconds);
}

void add_html_row(std::string& out, const std::vector<Column>& columns, size_t i) {
  out += "<tr>";
  for (const auto& c : columns) {
    out += c.is_number ? "<td style=\"text-align:right\">" : "<td>";
    out += escaped(in_utf8(c.cells[i])) + "</td>";
  }
  out += "</tr>\n";
}

}  // namespace

std::string Summary::to_html() const {
  const auto columns = columns_of(*this);
  std::string out = "<table class=\"luxtorch-summary\">\n<thead>\n<tr>";
  for (const auto& c : columns) {
    out += c.is_number ? "<th style=\"text-align:right\">" : "<th style=\"text-align:left\">";
    out += escaped(c.title) + "</th>";
  }
  out += "</tr>\n</thead>\n<tbody>\n";
  for (size_t i = 0; i < rows.size(); ++i) add_html_row(out, columns, i);
  out += "</tbody>\n<tfoot>\n";
  add_html_row(out, columns, rows.size());
  return out + "</tfoot>\n</table>\n";
}

std::string Summary::to_json() const {
  std::string out = "{\"rows\": [";
  for (const auto& row : rows) {
    out += &row == rows.data() ? "\n  {" : ",\n  {";
    add_member(out, "path", row.path);
    add_member(out, "layer", row.layer);
    add_member(out, "output", row.output);
    add_member(out, "dtype", row.dtype);
    add_member(out, "output_dtype", row.output_dtype);
    add_numbers(out, row);
    out += "}";
  }
  out += "],\n\"totals\": {";
  add_numbers(out, *this);
  return out + "}}\n";
}

std::ostream& operator<<(std::ostream& out, const Summary& s) {
  const auto columns = columns_of(s);
  size_t length = 2 * (columns.size() - 1);
  std::vector<size_t> widths;
  for (const auto& c : columns) {
    size_t width = c.title.size();
    for (const auto& cell : c.cells) width = std::max(width, cell.size());
    widths.push_back(width);
    length += width;
  }
  auto write = [&](auto cell) {
    std::string line;
    for (size_t c = 0; c < columns.size(); ++c) {
      const std::string& text = cell(columns[c]);
      const std::string pad(widths[c] - text.size(), ' ');
      line += columns[c].is_number ? pad + text : text + pad;
      if (c + 1 < columns.size()) line += "  ";
    }
    out << line << "\n";
  };
  const std::string rule(length, '-');
  write([](const Column& c) -> const std::string& { return c.title; });
  out << rule << "\n";
  for (size_t i = 0; i < s.rows.size(); ++i)
    write([i](const Column& c) -> const std::string& { return c.cells[i]; });
  out << rule << "\n";
  write([](const Column& c) -> const std::string& { return c.cells.back(); });
  return out;
}

}  // namespace luxtorch
