// luxtorch inspect FILE: what a file holds.

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "listing.h"
#include "numbers.h"
#include "progress.h"
#include "text.h"

using luxtorch::Tree;
using Json = nlohmann::ordered_json;

namespace {

struct Totals {
  int64_t tensors = 0, elements = 0, bytes = 0, others = 0;
};

int64_t bytes_of(const luxtorch::Tensor& t) { return static_cast<int64_t>(t.nbytes()); }

bool holds_numbers(const Tree& entry) { return entry.is_tensor() && entry.tensor().defined(); }

void count(const Tree& entry, Totals& totals) {
  if (!holds_numbers(entry)) {
    ++totals.others;
    return;
  }
  ++totals.tensors;
  totals.elements += count_of_numbers(entry.tensor());
  totals.bytes += bytes_of(entry.tensor());
}

std::string rounded(double x) { return std::isnan(x) ? "-" : fmt::format("{:.4g}", x); }

std::string not_finite(const Summary& s) {
  std::string text;
  if (s.nan > 0) text += luxtorch::grouped(s.nan) + " NaN";
  if (s.infinite > 0)
    text += (text.empty() ? "" : ", ") + luxtorch::grouped(s.infinite) + " infinite";
  return text;
}

void print_text(const Tree& tree, const luxtorch::io::Report& report) {
  std::vector<std::vector<std::string>> rows = {{"path", "type", "shape", "bytes", "mean", "sd"}};
  Totals totals;
  auto bar = tensors_bar(tree);
  for_each_entry(
      [&](const std::string& path, const Tree& entry) {
        count(entry, totals);
        if (holds_numbers(entry)) {
          const auto& t = entry.tensor();
          auto s = summary(t);
          bar.advance();
          rows.push_back({shown(path), kind_of(entry), luxtorch::shape_text(t.sizes()),
                          luxtorch::grouped(bytes_of(t)), rounded(s.mean), rounded(s.deviation),
                          not_finite(s)});
        } else {
          rows.push_back({shown(path), kind_of(entry), value_of(entry)});
        }
      },
      tree);
  bar.clear();
  print_table(rows, {3, 4, 5});
  for (const auto& e : report.entries)
    fmt::print("unknown: {} of type {}{}\n", shown(e.path),
               e.type.empty() ? "(not said)" : printable(e.type),
               e.problem.empty() ? ", shown as its fields" : ": " + printable(e.problem));
  if (report.left_out > 0) fmt::print("unknown: {} more\n", report.left_out);
  fmt::print("total: {} tensor{}, {} numbers, {} bytes; {} other{}\n", totals.tensors,
             totals.tensors == 1 ? "" : "s", luxtorch::grouped(totals.elements),
             luxtorch::grouped(totals.bytes), totals.others, totals.others == 1 ? "" : "s");
}

// JSON has no NaN.
Json number(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

Json scalar(const Tree& entry) {
  if (entry.is<bool>()) return entry.scalar<bool>();
  if (entry.is<int64_t>()) return entry.scalar<int64_t>();
  if (entry.is<double>()) {
    double x = entry.scalar<double>();
    return std::isfinite(x) ? Json(x) : Json(luxtorch::number_text(x));
  }
  if (entry.is_string()) return entry.scalar<std::string>();
  if (entry.is_rng()) return entry.scalar<luxtorch::Rng>().key();
  return nullptr;
}

void print_json(const std::string& file, const Tree& tree, const luxtorch::io::Report& report) {
  Json entries = Json::array(), unknown = Json::array();
  Totals totals;
  auto bar = tensors_bar(tree);
  for_each_entry(
      [&](const std::string& path, const Tree& entry) {
        count(entry, totals);
        Json e = {{"path", path}, {"type", kind_of(entry)}};
        if (holds_numbers(entry)) {
          const auto& t = entry.tensor();
          auto s = summary(t);
          bar.advance();
          e["shape"] = t.sizes().vec();
          e["bytes"] = bytes_of(t);
          e["mean"] = number(s.mean);
          e["sd"] = number(s.deviation);
          e["min"] = number(s.least);
          e["max"] = number(s.most);
          e["nan"] = s.nan;
          e["infinite"] = s.infinite;
        } else {
          e["value"] = scalar(entry);
        }
        entries.push_back(std::move(e));
      },
      tree);
  bar.clear();
  for (const auto& e : report.entries)
    unknown.push_back({{"path", e.path}, {"type", e.type}, {"problem", e.problem}});
  Json all = {{"file", file},
              {"entries", std::move(entries)},
              {"unknown", std::move(unknown)},
              {"unknown_left_out", report.left_out},
              {"total",
               {{"tensors", totals.tensors},
                {"numbers", totals.elements},
                {"bytes", totals.bytes},
                {"others", totals.others}}}};
  fmt::print("{}\n", all.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

int commands::inspect(const Inspect& options) {
  luxtorch::io::Report report;
  Tree tree = load(options.file, {.report = &report});
  if (options.json) {
    print_json(options.file, tree, report);
  } else {
    print_text(tree, report);
  }
  return 0;
}
