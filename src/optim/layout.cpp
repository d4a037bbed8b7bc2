#include "optim/layout.h"

#include <ATen/ops/full.h>
#include <c10/core/TensorImpl.h>
#include <fmt/format.h>

#include <map>

#include "luxtorch/core/error.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch::detail {

namespace {

Tree rebuild(const Tree& t, const std::function<Tree(const Tree&)>& f) {
  if (t.is_named()) {
    std::vector<Tree::Item> items;
    items.reserve(t.size());
    for (const auto& [key, part] : t.items()) items.emplace_back(key, rebuild(part, f));
    return named(std::move(items));
  }
  if (t.is_tuple()) {
    std::vector<Tree> elements;
    elements.reserve(t.size());
    for (const auto& part : t.elements()) elements.push_back(rebuild(part, f));
    return tuple(std::move(elements));
  }
  return f(t);
}

size_t count_leaves(const Tree& t) {
  if (t.is_leaf()) return 1;
  size_t n = 0;
  if (t.is_named()) {
    for (const auto& item : t.items()) n += count_leaves(item.second);
  } else {
    for (const auto& part : t.elements()) n += count_leaves(part);
  }
  return n;
}

struct LayoutWalk {
  const Layout& layout;
  const char* who;
  const char* what;
  const std::function<void(size_t, const Tree&)>& f;
  size_t leaf = 0;
  std::vector<std::string> place = {};

  [[noreturn]] void misfit(const Tree& expected, const Tree& got) const {
    TreeError error(who, fmt::format("expected {} with the parameters' structure: {}, got {}.",
                                     what, describe_kind(expected), describe_kind(got)));
    for (auto it = place.rbegin(); it != place.rend(); ++it) error.prepend_path_(*it);
    throw error;
  }

  void go(const Tree& s, const Tree& t) {
    if (t.is_none() && !s.is_leaf()) {
      leaf += count_leaves(s);
    } else if (s.is_named()) {
      if (!t.is_named() || t.size() != s.size()) misfit(s, t);
      auto a = s.items(), b = t.items();
      for (size_t i = 0; i < a.size(); ++i) {
        bool here = a[i].first == b[i].first;
        if (!here && !t.contains(a[i].first)) misfit(s, t);
        place.push_back(a[i].first);
        go(a[i].second, here ? b[i].second : t[a[i].first]);
        place.pop_back();
      }
    } else if (s.is_tuple()) {
      if (!t.is_tuple() || t.size() != s.size()) misfit(s, t);
      for (size_t i = 0; i < s.size(); ++i) {
        place.push_back(std::to_string(i));
        go(s.elements()[i], t.elements()[i]);
        place.pop_back();
      }
    } else {
      if (!t.is_leaf()) misfit(s, t);
      if (int array = layout.array_at[leaf++]; array >= 0) f(static_cast<size_t>(array), t);
    }
  }
};

}  // namespace

Tensor alias(const Tensor& base, int64_t offset, const std::vector<int64_t>& sizes) {
  // Not Tensor::view: it would make an autograd view whose base counts as one more holder of the
  // flat tensor.
  auto impl = c10::make_intrusive<c10::TensorImpl>(
      c10::TensorImpl::VIEW, c10::Storage(base.storage()), base.key_set(), base.dtype());
  impl->set_storage_offset(offset);
  impl->set_sizes_contiguous(sizes);
  return Tensor(std::move(impl));
}

bool held_elsewhere(const Tensor& t) { return t.use_count() > 1 || t.storage().use_count() > 1; }

Layout::Layout(const Tree& ps, std::vector<Tensor>& tensors) {
  std::map<const void*, std::vector<int>> at_address;
  skeleton = tree::map(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_tensor() || !leaf.tensor().defined()) return array_at.push_back(-1), leaf;
        const Tensor& t = leaf.tensor();
        bool dense = t.layout() == c10::Layout::Strided;
        if (!dense || t.is_complex()) {
          UnsupportedError error(
              "Optimizer",
              fmt::format("expected parameters of dense real numbers, got {} {} tensor.",
                          dense ? "a" : "a sparse", dtype_text(t.scalar_type())));
          error.prepend_path_(path);
          throw error;
        }
        if (!t.is_floating_point()) return array_at.push_back(-1), leaf;
        const Tensor inside = transforms::underlying(t);
        auto& here =
            at_address[inside.numel() > 0 ? inside.const_data_ptr()
                                          : static_cast<const void*>(t.unsafeGetTensorImpl())];
        for (int a : here) {
          const Tensor& other = tensors[static_cast<size_t>(a)];
          const Tensor inside_other = transforms::underlying(other);
          auto alike = [](const Tensor& one, const Tensor& two) {
            return one.sizes() == two.sizes() && one.strides() == two.strides() &&
                   one.scalar_type() == two.scalar_type();
          };
          // Under vmap, of a matrix and its rows one at a time only the insides differ.
          if (alike(t, other) && alike(inside, inside_other)) {
            return array_at.push_back(a), Tree();
          }
        }
        here.push_back(static_cast<int>(arrays.size()));
        array_at.push_back(here.back());
        tensors.push_back(t);

        size_t g = 0;
        while (g < groups.size() &&
               (groups[g].dtype != t.scalar_type() || groups[g].device != t.device()))
          ++g;
        if (g == groups.size()) groups.push_back({t.scalar_type(), t.device()});
        arrays.push_back({path, t.sizes().vec(), t.numel(), g, groups[g].numel});
        int64_t unit = kFlatAlignment / static_cast<int64_t>(t.element_size());
        groups[g].numel += (t.numel() + unit - 1) / unit * unit;
        return Tree();
      },
      ps);
}

namespace {

// The tree with part_at(leaf, array) at the parameters' places.
template <class F>
Tree with_parts(const Layout& layout, bool keep_others, const F& part_at) {
  size_t leaf = 0;
  return rebuild(layout.skeleton, [&](const Tree& other) -> Tree {
    const size_t here = leaf++;
    const int array = layout.array_at[here];
    if (array >= 0) return part_at(here, static_cast<size_t>(array));
    return keep_others ? other : Tree();
  });
}

}  // namespace

Tree Layout::tree(const std::vector<Tree>& parts, bool keep_others) const {
  return with_parts(*this, keep_others, [&](size_t, size_t array) { return parts[array]; });
}

Tree Layout::tree_by_leaf(const std::vector<Tree>& parts, bool keep_others) const {
  return with_parts(*this, keep_others, [&](size_t leaf, size_t) { return parts[leaf]; });
}

std::vector<Tensor> Layout::filled(double value) const {
  std::vector<Tensor> flat;
  for (const auto& g : groups) {
    flat.push_back(at::full({g.numel}, value,
                            at::TensorOptions().dtype(arithmetic_of(g.dtype)).device(g.device)));
  }
  return flat;
}

void Layout::check_tied(const char* who, const Tree& t, size_t array) const {
  const auto all = paths();
  const auto& first = arrays[array].path;
  for (size_t leaf = 0; leaf < all.size(); ++leaf) {
    if (array_at[leaf] != static_cast<int>(array) || all[leaf] == first) continue;
    if (tree::equal(t.at(all[leaf]), t.at(first))) continue;
    ArgumentError error(
        who, fmt::format("expected the values of {}, with which it is tied, got others. Give both "
                         "the same, or make a TrainState whose parameters are not tied.",
                         first));
    error.prepend_path_(all[leaf]);
    throw error;
  }
}

void Layout::for_each(const Tree& t, const char* who, const char* what,
                      const std::function<void(size_t, const Tree&)>& f) const {
  LayoutWalk{*this, who, what, f}.go(skeleton, t);
}

Tensor Layout::view(const std::vector<Tensor>& flat, size_t array) const {
  const auto& a = arrays[array];
  return alias(flat[a.group], a.offset, a.sizes);
}

void Layout::refuse(const char* who, size_t array, const char* what, const Tree& got) const {
  const auto& a = arrays[array];
  const auto& group = groups[a.group];
  std::string where =
      got.is_tensor() && got.tensor().defined() ? " on " + got.tensor().device().str() : "";
  ShapeError error(who, fmt::format("expected {}: a {} tensor of shape {} on {}, got {}{}.", what,
                                    dtype_text(group.dtype), shape_text(a.sizes),
                                    group.device.str(), describe_kind(got), where));
  error.prepend_path_(a.path);
  throw error;
}

std::vector<std::string> Layout::paths() const { return tree::paths(skeleton); }

}  // namespace luxtorch::detail
