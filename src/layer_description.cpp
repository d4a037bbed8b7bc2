// How models are printed: in Lux's layout, and as a table; where a layer is in them.
#include "luxtorch/layer_description.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "ops/flops.h"
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

struct Observation {
  const void* layer;
  const std::type_info* type;
  std::string output;
  int64_t flops;  // since the observation before
};
// Of the summary that this thread makes.
struct Watch {
  std::vector<Observation> seen;
  ops::FlopCounter flops;
  Watch* before;
  Watch();
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
};
thread_local Watch* watch = nullptr;

Watch::Watch() : before(std::exchange(watch, this)) { ++detail::observers; }
Watch::~Watch() {
  --detail::observers;
  watch = before;
}

std::string output_text(const Tree& y) {
  if (y.is_tensor()) return y.tensor().defined() ? shape_text(y.tensor().sizes()) : "";
  if (y.is_leaf()) return describe_kind(y);
  std::string s = "(";
  bool first = true;
  auto add = [&](const std::string& text) { s += (first ? "" : ", ") + text, first = false; };
  if (y.is_tuple()) {
    for (const auto& e : y.elements()) add(output_text(e));
  } else {
    for (const auto& [name, e] : y.items()) add(name + " = " + output_text(e));
  }
  return s + ")";
}

// layers: those of the rows.
void add_rows(Summary& s, std::vector<const Description*>& layers, const Description& d,
              const std::string& path, const Tree& ps, const Tree& st) {
  SummaryRow row{.path = path, .layer = d.text, .output = ""};
  const Tree &p = part(ps, path), &t = part(st, path);
  row.parameters = parameter_length(p), row.states = state_length(t),
  row.bytes = tree::bytes(p) + tree::bytes(t);
  if (!d.wrapper) {  // a container's row counts what it has besides its layers
    for (const auto& [name, field] : d.fields) {
      const Tree &fp = part(ps, path_below(path, name)), &ft = part(st, path_below(path, name));
      row.parameters -= parameter_length(fp), row.states -= state_length(ft);
      row.bytes -= tree::bytes(fp) + tree::bytes(ft);
    }
  }
  if (d.wrapper && !d.fields.empty()) row.layer += "(" + d.fields[0].layer.text + ")";
  s.rows.push_back(std::move(row));
  layers.push_back(&d);
  if (d.wrapper) return;
  for (const auto& [name, field] : d.fields)
    add_rows(s, layers, field, path_below(path, name), ps, st);
}

// Operations of a layer without a row, such as a cell of LSTM, are those of the next layer that has
// one: a layer is observed when its call ends.
void add_observations(Summary& s, const std::vector<const Description*>& layers,
                      const std::vector<Observation>& seen) {
  int64_t flops = 0;
  for (const auto& o : seen) {
    flops += o.flops;
    for (size_t i = 0; i < layers.size(); ++i) {
      const auto& d = *layers[i];
      if (!d.type || o.layer != d.address || *o.type != *d.type) continue;
      s.rows[i].output = o.output;
      s.rows[i].flops += std::exchange(flops, 0);
    }
  }
  s.rows[0].flops += flops;
  for (const auto& row : s.rows) s.flops += row.flops;
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

std::atomic<int> observers{0};

void observe(const void* layer, const std::type_info& type, const Tree& y) {
  if (watch) watch->seen.push_back({layer, &type, output_text(y), watch->flops.taken()});
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

Summary summarize(const Description& d, const Tree& ps, const Tree& st,
                  const std::function<void()>& run) {
  const Watch watched;
  run();
  Summary s{.rows = {},
            .parameters = parameter_length(ps),
            .states = state_length(st),
            .bytes = tree::bytes(ps) + tree::bytes(st)};
  std::vector<const Description*> layers;
  add_rows(s, layers, d, "", ps, st);
  add_observations(s, layers, watched.seen);
  return s;
}

}  // namespace detail

std::ostream& operator<<(std::ostream& out, const Summary& s) {
  using Line = std::vector<std::string>;
  std::vector<Line> lines{{"path", "layer", "output", "parameters", "states", "bytes", "flops"}};
  for (const auto& r : s.rows) {
    lines.push_back({r.path.empty() ? "(model)" : r.path, r.layer, r.output, grouped(r.parameters),
                     grouped(r.states), grouped(r.bytes), grouped(r.flops)});
  }
  Line total{"total",         "", "", grouped(s.parameters), grouped(s.states), grouped(s.bytes),
             grouped(s.flops)};
  std::vector<size_t> width(total.size());
  for (size_t c = 0; c < width.size(); ++c) {
    width[c] = total[c].size();
    for (const auto& l : lines) width[c] = std::max(width[c], l[c].size());
  }
  auto write = [&](const Line& l) {
    std::string text;
    for (size_t c = 0; c < l.size(); ++c) {
      std::string pad(width[c] - l[c].size(), ' ');
      text += c < 3 ? l[c] + pad : pad + l[c];
      if (c + 1 < l.size()) text += "  ";
    }
    out << text << "\n";
  };
  auto rule = [&] {
    size_t length = 2 * (width.size() - 1);
    for (auto w : width) length += w;
    out << std::string(length, '-') << "\n";
  };
  write(lines[0]);
  rule();
  for (size_t i = 1; i < lines.size(); ++i) write(lines[i]);
  rule();
  write(total);
  return out;
}

}  // namespace luxtorch
