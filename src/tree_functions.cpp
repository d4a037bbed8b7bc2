// tree:: map and its kin, and printing.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <ostream>
#include <string_view>
#include <unordered_map>

#include "luxtorch/core/error.h"
#include "luxtorch/tree.h"
#include "text.h"
#include "tie_numbers.h"
#include "transforms.h"

namespace luxtorch {

namespace {

Tree map_at(const std::string& path, const std::function<Tree(const std::string&, const Tree&)>& f,
            const Tree& t) {
  if (t.is_named()) {
    std::vector<Tree::Item> parts;
    parts.reserve(t.size());
    for (const auto& [key, part] : t.items())
      parts.emplace_back(key, map_at(path_below(path, key), f, part));
    return named(std::move(parts));
  }
  if (t.is_tuple()) {
    std::vector<Tree> parts;
    parts.reserve(t.size());
    for (size_t i = 0; i < t.size(); ++i)
      parts.push_back(map_at(path_below(path, std::to_string(i)), f, t[i]));
    return tuple(std::move(parts));
  }
  return f(path, t);
}

Tree zip_unchecked(const std::function<Tree(const Tree&, const Tree&)>& f, const Tree& a,
                   const Tree& b) {
  if (a.is_named()) {
    std::vector<Tree::Item> parts;
    parts.reserve(a.size());
    auto as = a.items(), bs = b.items();
    for (size_t i = 0; i < as.size(); ++i) {
      parts.emplace_back(as[i].first, zip_unchecked(f, as[i].second, bs[i].second));
    }
    return named(std::move(parts));
  }
  if (a.is_tuple()) {
    std::vector<Tree> parts;
    parts.reserve(a.size());
    for (size_t i = 0; i < a.size(); ++i) parts.push_back(zip_unchecked(f, a[i], b[i]));
    return tuple(std::move(parts));
  }
  return f(a, b);
}

std::string difference_at(const std::string& path, const Tree& a, const Tree& b, bool leaf_kinds) {
  std::string where = path.empty() ? "" : "at " + path + ": ";
  if (a.is_named() && b.is_named()) {
    for (const auto& [key, part] : a.items()) {
      if (!b.contains(key)) return where + "\"" + key + "\" is missing on the right";
    }
    for (const auto& [key, part] : b.items()) {
      if (!a.contains(key)) return where + "\"" + key + "\" is missing on the left";
    }
    auto as = a.items(), bs = b.items();
    for (size_t i = 0; i < as.size(); ++i) {
      if (as[i].first != bs[i].first) {
        return where + "the keys are in another order: \"" + as[i].first + "\" and \"" +
               bs[i].first + "\" at position " + std::to_string(i);
      }
      auto d = difference_at(path_below(path, as[i].first), as[i].second, bs[i].second, leaf_kinds);
      if (!d.empty()) return d;
    }
    return "";
  }
  if (a.is_tuple() && b.is_tuple() && a.size() == b.size()) {
    for (size_t i = 0; i < a.size(); ++i) {
      auto d = difference_at(path_below(path, std::to_string(i)), a[i], b[i], leaf_kinds);
      if (!d.empty()) return d;
    }
    return "";
  }
  if (a.is_leaf() && b.is_leaf()) {
    if (!leaf_kinds) return "";
    bool same =
        a.is_tensor() && b.is_tensor()
            ? a.tensor().defined() == b.tensor().defined() &&
                  (!a.tensor().defined() || (a.tensor().sizes() == b.tensor().sizes() &&
                                             a.tensor().scalar_type() == b.tensor().scalar_type()))
            : a.is_tensor() == b.is_tensor() && a.is_none() == b.is_none() &&
                  a.is_rng() == b.is_rng() && a.is_string() == b.is_string() &&
                  a.is<bool>() == b.is<bool>() && a.is<int64_t>() == b.is<int64_t>();
    if (same) return "";
  }
  return where + describe_kind(a) + " on the left, " + describe_kind(b) + " on the right";
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.device() != b.device()) return false;
  auto cpu = [](const Tensor& t) {
    return t.detach().to(Device(c10::DeviceType::CPU)).resolve_conj().resolve_neg().contiguous();
  };
  auto x = cpu(a);
  auto y = cpu(b);
  return x.nbytes() == 0 || std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

bool leaf_equal(const Tree& a, const Tree& b) {
  if (a.is_tensor() && a.tensor().defined()) return same_bits(a.tensor(), b.tensor());
  if (a.is<double>())
    return std::bit_cast<uint64_t>(a.scalar<double>()) ==
           std::bit_cast<uint64_t>(b.scalar<double>());
  return a.is_tensor() || a.same_node(b);
}

bool leaf_close(const Tree& a, const Tree& b, double rtol, double atol) {
  if (a.is_tensor() && a.tensor().defined() && a.tensor().is_floating_point()) {
    return a.tensor().device() == b.tensor().device() &&
           a.tensor().allclose(b.tensor(), rtol, atol, /*equal_nan=*/true);
  }
  if (a.is<double>()) {
    double x = a.scalar<double>(), y = b.scalar<double>();
    return x == y || std::abs(x - y) <= atol + rtol * std::abs(y) ||
           (std::isnan(x) && std::isnan(y));
  }
  return leaf_equal(a, b);
}

bool compare(const Tree& a, const Tree& b,
             const std::function<bool(const Tree&, const Tree&)>& same) {
  if (!tree::difference(a, b).empty()) return false;
  auto x = tree::leaves(a), y = tree::leaves(b);
  for (size_t i = 0; i < x.size(); ++i) {
    if (!same(x[i], y[i])) return false;
  }
  return true;
}

std::string value_text(const Tree& t) {
  if (t.is_tensor() && t.tensor().defined()) {
    const auto& x = t.tensor();
    return dtype_text(x.scalar_type()) + shape_text(x.sizes()) +
           (x.device().is_cpu() ? "" : " on " + x.device().str());
  }
  if (t.is<bool>()) return t.scalar<bool>() ? "true" : "false";
  if (t.is<int64_t>()) return std::to_string(t.scalar<int64_t>());
  if (t.is<double>()) return number_text(t.scalar<double>());
  if (t.is_string()) return fmt::format("\"{}\"", t.scalar<std::string>());
  if (t.is_rng()) return fmt::format("Rng({})", t.scalar<Rng>().key());
  if (t.is_named()) return "()";
  if (t.is_tuple()) return "() (a tuple)";
  return describe_kind(t);
}

void print(std::ostream& out, const Tree& t, const std::string& indent) {
  auto child = [&](const std::string& label, const char* equals, const Tree& part) {
    out << "\n" << indent << label;
    if (part.size() == 0) {
      out << equals << value_text(part);
    } else {
      print(out, part, indent + "  ");
    }
  };
  if (t.is_named()) {
    for (const auto& [key, part] : t.items()) child(key, " = ", part);
  } else {
    for (size_t i = 0; i < t.size(); ++i) child(fmt::format("[{}]", i), " ", t[i]);
  }
}

// A name that is still to be nested, and its value.
using NamePart = std::pair<std::string_view, const Tree*>;

// Views of the names: texts at every level would take many times the memory of the names.
Tree nested(const std::vector<NamePart>& flat) {
  // Grouped by the first part of the name, in order of first appearance.
  struct Group {
    std::string_view head;
    std::vector<const Tree*> leaves;
    std::vector<NamePart> parts;
  };
  std::vector<Group> groups;
  std::unordered_map<std::string_view, size_t> known;
  for (const auto& [name, part] : flat) {
    auto dot = name.find('.');
    auto head = name.substr(0, dot);
    auto [found, is_new] = known.emplace(head, groups.size());
    if (is_new) groups.push_back({head, {}, {}});
    auto& group = groups[found->second];
    if (dot == name.npos) {
      group.leaves.push_back(part);
    } else {
      group.parts.emplace_back(name.substr(dot + 1), part);
    }
  }
  std::vector<Tree::Item> items;
  for (auto& [head, leaves, parts] : groups) {
    std::string name(head);
    if (leaves.size() > 1)
      throw TreeError("tree::nest", "expected unique names, got \"" + name + "\" twice.");
    if (leaves.size() == 1 && !parts.empty())
      throw TreeError("tree::nest",
                      "expected names that nest, got \"" + name + "\" as a leaf and as a group.");
    items.emplace_back(std::move(name), leaves.empty() ? nested(parts) : *leaves[0]);
  }
  return named(std::move(items));
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tree& t) {
  if (t.size() == 0) return out << value_text(t);
  out << (t.is_named() ? "named tree of " : "tuple of ") << t.size();
  print(out, t, "  ");
  return out;
}

namespace tree {

Tree map(const std::function<Tree(const Tree&)>& f, const Tree& t) {
  return map_at("", [&](const std::string&, const Tree& leaf) { return f(leaf); }, t);
}
Tree map(const std::function<Tree(const std::string&, const Tree&)>& f, const Tree& t) {
  return map_at("", f, t);
}
Tree map_tensors(const std::function<Tensor(const Tensor&)>& f, const Tree& t) {
  std::unordered_map<const void*, Tree> made;
  return map(
      [&](const Tree& leaf) {
        if (!leaf.is_tensor() || !leaf.tensor().defined()) return leaf;
        auto [known, is_new] = made.try_emplace(leaf.tensor().unsafeGetTensorImpl());
        if (is_new) known->second = Tree(f(leaf.tensor()));
        return known->second;
      },
      t);
}
Tree zip(const std::function<Tree(const Tree&, const Tree&)>& f, const Tree& a, const Tree& b) {
  if (auto d = difference_at("", a, b, /*leaf_kinds=*/false); !d.empty()) {
    throw TreeError("tree::zip", "expected two trees of one structure, got " + d + ".");
  }
  return zip_unchecked(f, a, b);
}
void for_each(const std::function<void(const std::string&, const Tree&)>& f, const Tree& t) {
  map_at("", [&](const std::string& path, const Tree& leaf) { return f(path, leaf), Tree(); }, t);
}

std::vector<Tree> leaves(const Tree& t) {
  std::vector<Tree> all;
  for_each([&](const std::string&, const Tree& leaf) { all.push_back(leaf); }, t);
  return all;
}
std::vector<std::string> paths(const Tree& t) {
  std::vector<std::string> all;
  for_each([&](const std::string& path, const Tree&) { all.push_back(path); }, t);
  return all;
}
std::vector<Tensor> tensors(const Tree& t) {
  std::vector<Tensor> all;
  for_each(
      [&](const std::string&, const Tree& leaf) {
        if (leaf.is_tensor()) all.push_back(leaf.tensor());
      },
      t);
  return all;
}
Tree unflatten(const Tree& structure, const std::vector<Tree>& leaves) {
  size_t next = 0;
  auto t =
      map([&](const Tree&) { return next < leaves.size() ? leaves[next++] : (++next, Tree()); },
          structure);
  if (next != leaves.size()) {
    throw TreeError("tree::unflatten", "expected " + std::to_string(next) + " leaves, got " +
                                           std::to_string(leaves.size()) + ".");
  }
  return t;
}

Tree nest(const std::vector<Tree::Item>& flat) {
  std::vector<NamePart> parts;
  parts.reserve(flat.size());
  for (const auto& [name, part] : flat) parts.emplace_back(name, &part);
  return nested(parts);
}

std::string difference(const Tree& a, const Tree& b) {
  return difference_at("", a, b, /*leaf_kinds=*/true);
}
bool equal(const Tree& a, const Tree& b) { return compare(a, b, leaf_equal); }
bool all_close(const Tree& a, const Tree& b, double rtol, double atol) {
  return compare(a, b, [&](const Tree& x, const Tree& y) { return leaf_close(x, y, rtol, atol); });
}

int64_t numel(const Tree& t) {
  int64_t n = 0;
  for (const auto& x : tensors(t)) n += x.numel();
  return n;
}
int64_t bytes(const Tree& t) {
  int64_t n = 0;
  for (const auto& x : tensors(t)) n += x.defined() ? static_cast<int64_t>(x.nbytes()) : 0;
  return n;
}

namespace {

// As map_tensors, for f that copies: what reads the same memory stays one, too.
Tree copied(const std::function<Tensor(const Tensor&)>& f, const Tree& t) {
  detail::TieNumbers numbers;
  std::vector<Tree> made;
  return map(
      [&](const Tree& leaf) {
        if (!leaf.is_tensor() || !leaf.tensor().defined()) return leaf;
        const size_t n = numbers.of(leaf.tensor());
        if (n == made.size()) made.emplace_back(f(leaf.tensor()));
        return made[n];
      },
      t);
}

}  // namespace

Tree detach(const Tree& t) { return map_tensors(transforms::detached, t); }
Tree to(const Tree& t, Device device) {
  return copied([&](const Tensor& x) { return x.to(device); }, t);
}
Tree to(const Tree& t, Dtype dtype) {
  return copied([&](const Tensor& x) { return x.is_floating_point() ? x.to(dtype) : x; }, t);
}

}  // namespace tree
}  // namespace luxtorch
