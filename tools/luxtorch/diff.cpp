// luxtorch diff A B: where two files differ.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "commands.h"
#include "io/base/flat_names.h"
#include "listing.h"
#include "numbers.h"
#include "progress.h"
#include "text.h"

using luxtorch::Tree;

namespace {

std::string text_of(const Tree& t) {
  if (t.is_tensor() && t.tensor().defined())
    return kind_of(t) + " " + luxtorch::shape_text(t.tensor().sizes());
  auto value = value_of(t);
  return kind_of(t) + (value.empty() ? "" : " " + value);
}

std::string join(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

class Comparison {
 public:
  explicit Comparison(double tolerance) : tolerance_(tolerance) {}

  void compare(const std::string& path, const Tree& a, const Tree& b) {
    if (a.is_named() && b.is_named()) {
      compare_named(path, a, b);
    } else if (a.is_tuple() && b.is_tuple()) {
      compare_tuples(path, a, b);
    } else if ((a.is_named() && a.size() > 0 && b.is_leaf()) ||
               (b.is_named() && b.size() > 0 && a.is_leaf())) {
      alone(alone_a_, path, a);  // "q.weight" beside "q.weight.absmax" in one file alone
      alone(alone_b_, path, b);
    } else if (a.is_tensor() && b.is_tensor() && a.tensor().defined() && b.tensor().defined()) {
      compare_tensors(path, a, b);
    } else {
      compare_others(path, a, b);
    }
  }

  /// Prints all differences, the largest first; were there any?
  bool print() {
    compare_alone();
    for (const auto& line : structure_) fmt::print("{}\n", line);
    std::ranges::stable_sort(values_, [](const Value& a, const Value& b) {
      return a.distance.relative() > b.distance.relative();
    });
    if (!values_.empty()) {
      std::vector<std::vector<std::string>> rows = {
          {"path", "max|a-b|", "max|a-b|/max|b|", "differ"}};
      for (const auto& v : values_)
        rows.push_back({shown(v.path), fmt::format("{:.4g}", v.distance.absolute),
                        fmt::format("{:.4g}", v.distance.relative()),
                        fmt::format("{} of {}", luxtorch::grouped(v.distance.differing),
                                    luxtorch::grouped(v.count))});
      print_table(rows, {1, 2, 3});
    }
    bool differ = !structure_.empty() || !values_.empty();
    if (differ) {
      fmt::print(
          "different: {} in structure or scalars, {} tensors beyond the tolerance; {} entries "
          "equal\n",
          structure_.size(), values_.size(), equal_);
    } else {
      fmt::print("equal: {} entries, max|a-b|/max|b| {:.4g} at most\n", equal_, largest_);
    }
    return differ;
  }

 private:
  struct Value {
    std::string path;
    Distance distance;
    int64_t count;
  };

  void compare_named(const std::string& path, const Tree& a, const Tree& b) {
    std::map<std::string_view, const Tree*> of_b;
    for (const auto& [key, part] : b.items()) of_b.emplace(key, &part);
    std::set<std::string_view> in_a;
    for (const auto& [key, part] : a.items()) {
      in_a.insert(key);
      auto found = of_b.find(key);
      if (found == of_b.end()) {
        alone(alone_a_, join(path, key), part);
      } else {
        compare(join(path, key), part, *found->second);
      }
    }
    for (const auto& [key, part] : b.items())
      if (!in_a.contains(key)) alone(alone_b_, join(path, key), part);
    if (a.size() == 0 && b.size() == 0) ++equal_;
  }

  void compare_tuples(const std::string& path, const Tree& a, const Tree& b) {
    for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
      auto at = join(path, std::to_string(i));
      if (i >= b.size()) {
        alone(alone_a_, at, a[i]);
      } else if (i >= a.size()) {
        alone(alone_b_, at, b[i]);
      } else {
        compare(at, a[i], b[i]);
      }
    }
    if (a.size() == 0 && b.size() == 0) ++equal_;
  }

  void compare_tensors(const std::string& path, const Tree& a, const Tree& b) {
    const auto &x = a.tensor(), &y = b.tensor();
    bool alike = x.sizes() == y.sizes() && x.scalar_type() == y.scalar_type();
    if (!alike) unlike(path, a, b);
    if (count_of_numbers(x) != count_of_numbers(y) || x.sizes() != y.sizes()) return;
    auto d = distance(x, y);
    if (d.relative() > tolerance_) {
      values_.push_back({luxtorch::io::name_of_path(path), d, count_of_numbers(x)});
    } else if (alike) {
      ++equal_;
      largest_ = std::max(largest_, d.relative());
    }
  }

  void compare_others(const std::string& path, const Tree& a, const Tree& b) {
    if (a.is<double>() && b.is<double>()) {
      double x = a.scalar<double>(), y = b.scalar<double>();
      bool same =
          x == y || (std::isnan(x) && std::isnan(y)) || std::abs(x - y) <= tolerance_ * std::abs(y);
      if (!same) return unlike(path, a, b);
      ++equal_;
    } else if (kind_of(a) == kind_of(b) && value_of(a) == value_of(b)) {
      ++equal_;
    } else {
      unlike(path, a, b);
    }
  }

  // Entries by their flat names, which may nest otherwise in the other file.
  void alone(std::map<std::string, Tree>& entries, const std::string& path, const Tree& part) {
    for_each_entry(
        [&](const std::string& below, const Tree& entry) {
          auto name = luxtorch::io::name_of_path(path);
          auto full = below.empty() ? name : join(name, below);
          while (!entries.emplace(full, entry).second) full += "_";  // two keys of one name
        },
        part);
  }

  void compare_alone() {
    auto in_a = std::exchange(alone_a_, {}), in_b = std::exchange(alone_b_, {});
    for (const auto& [name, entry] : in_a) {
      auto found = in_b.find(name);
      if (found == in_b.end()) {
        only_in("A", name, entry);
      } else {
        compare(name, entry, found->second);
      }
    }
    for (const auto& [name, entry] : in_b)
      if (!in_a.contains(name)) only_in("B", name, entry);
  }

  void only_in(const char* where, const std::string& name, const Tree& entry) {
    structure_.push_back(fmt::format("only in {}: {}  {}", where, shown(name), text_of(entry)));
  }

  void unlike(const std::string& path, const Tree& a, const Tree& b) {
    structure_.push_back(fmt::format(
        "{}: {} in A, {} in B", shown(luxtorch::io::name_of_path(path)), text_of(a), text_of(b)));
  }

  double tolerance_;
  std::vector<std::string> structure_;
  std::map<std::string, Tree> alone_a_, alone_b_;
  std::vector<Value> values_;
  int64_t equal_ = 0;
  double largest_ = 0;
};

}  // namespace

int commands::diff(const Diff& options) {
  Comparison comparison(options.tolerance);
  auto a = load(options.a);
  auto b = load(options.b);
  comparison.compare("", a, b);
  return comparison.print() ? 1 : 0;
}
