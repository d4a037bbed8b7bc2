// luxtorch diff A B: where two files differ.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "commands.h"
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
    } else if (a.is_tensor() && b.is_tensor() && a.tensor().defined() && b.tensor().defined()) {
      compare_tensors(path, a, b);
    } else {
      compare_others(path, a, b);
    }
  }

  /// Prints all differences, the largest first; were there any?
  bool print() {
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
        alone("A", join(path, key), part);
      } else {
        compare(join(path, key), part, *found->second);
      }
    }
    for (const auto& [key, part] : b.items())
      if (!in_a.contains(key)) alone("B", join(path, key), part);
    if (a.size() == 0 && b.size() == 0) ++equal_;
  }

  void compare_tuples(const std::string& path, const Tree& a, const Tree& b) {
    for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
      auto at = join(path, std::to_string(i));
      if (i >= b.size()) {
        alone("A", at, a[i]);
      } else if (i >= a.size()) {
        alone("B", at, b[i]);
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
    if (x.sizes() != y.sizes()) return;
    auto d = distance(x, y);
    if (d.relative() > tolerance_) {
      values_.push_back({path, d, x.numel()});
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

  void alone(const char* where, const std::string& path, const Tree& part) {
    for_each_entry(
        [&](const std::string& below, const Tree& entry) {
          auto full = below.empty() ? path : join(path, below);
          structure_.push_back(
              fmt::format("only in {}: {}  {}", where, shown(full), text_of(entry)));
        },
        part);
  }

  void unlike(const std::string& path, const Tree& a, const Tree& b) {
    structure_.push_back(fmt::format("{}: {} in A, {} in B", shown(path), text_of(a), text_of(b)));
  }

  double tolerance_;
  std::vector<std::string> structure_;
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
