#include "luxtorch/ties.h"

#include <fmt/format.h>

#include "luxtorch/core/error.h"
#include "text.h"
#include "tie_numbers.h"
#include "transforms.h"

namespace luxtorch {

namespace detail {

namespace {

// A constant whose memory is what it stands for.
bool is_plain(const Tensor& t) {
  return t.layout() == c10::Layout::Strided && t.has_storage() && t.numel() > 0 &&
         !t.requires_grad() && !t.is_conj() && !t.is_neg() && !t._fw_grad(0).defined() &&
         transforms::underlying(t).is_same(t);
}

}  // namespace

size_t TieNumbers::of(const Tensor& t) {
  const bool plain = is_plain(t);
  const void* key = plain ? t.const_data_ptr() : static_cast<const void*>(t.unsafeGetTensorImpl());
  auto [begin, end] = known_.equal_range(key);
  for (auto it = begin; it != end; ++it) {
    const Tensor& other = it->second.tensor;
    const bool alike = plain && other.scalar_type() == t.scalar_type() &&
                       other.sizes() == t.sizes() && other.strides() == t.strides();
    if (other.is_same(t) || alike) return it->second.number;
  }
  known_.emplace(key, Known{t, size_});
  return size_++;
}

}  // namespace detail

std::vector<std::vector<std::string>> ties(const Tree& t) {
  std::vector<std::vector<std::string>> places;
  detail::TieNumbers numbers;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_tensor() || !leaf.tensor().defined()) return;
        const size_t n = numbers.of(leaf.tensor());
        if (n == places.size()) places.emplace_back();
        places[n].push_back(path);
      },
      t);
  std::erase_if(places, [](const auto& paths) { return paths.size() < 2; });
  return places;
}

Tree with_ties_of(const Tree& t, const Tree& like) {
  constexpr const char* kWho = "with_ties_of";
  Tree tied = t;
  for (const auto& paths : ties(like)) {
    for (const auto& path : paths) {
      if (t.contains(path) && t.at(path).is_tensor() && t.at(path).tensor().defined()) continue;
      TreeError error(kWho, "expected a tensor, got " +
                                (t.contains(path) ? describe_kind(t.at(path)) : "nothing") + ".");
      error.prepend_path_(path);
      throw error;
    }
    const Tree& first = t.at(paths[0]);
    for (size_t i = 1; i < paths.size(); ++i) {
      if (!tree::equal(first, t.at(paths[i]))) {
        TreeError error(kWho, fmt::format("expected the tensor of {}, with which it is tied, got "
                                          "another. Give both the same values, or untie them.",
                                          paths[0]));
        error.prepend_path_(paths[i]);
        throw error;
      }
      tied = tied.with(paths[i], first);
    }
  }
  return tied;
}

namespace {

constexpr const char* kShare = "share_parameters";

[[noreturn]] void refuse_sharing(const std::string& path, const std::string& message) {
  TreeError error(kShare, message);
  error.prepend_path_(path);
  throw error;
}

bool is_at_or_below(const std::string& path, const std::string& other) {
  return path.starts_with(other) &&
         (other.empty() || path.size() == other.size() || path[other.size()] == '.');
}

void check_disjoint(const std::vector<std::vector<std::string>>& groups) {
  std::vector<std::string> all;
  for (const auto& group : groups) {
    for (const auto& path : group) {
      for (const auto& other : all) {
        if (!is_at_or_below(path, other) && !is_at_or_below(other, path)) continue;
        refuse_sharing(path, fmt::format("expected parts without a common parameter, got also "
                                         "\"{}\". Name all places of one parameter in one group.",
                                         other));
      }
      all.push_back(path);
    }
  }
}

}  // namespace

Tree share_parameters(const Tree& ps, const std::vector<std::vector<std::string>>& groups,
                      const std::vector<Tree>& new_parts) {
  if (!new_parts.empty() && new_parts.size() != groups.size()) {
    throw ArgumentError(kShare, fmt::format("expected a new part for each of {} groups, got {}.",
                                            groups.size(), new_parts.size()));
  }
  check_disjoint(groups);
  Tree shared = ps;
  for (size_t i = 0; i < groups.size(); ++i) {
    for (const auto& path : groups[i]) {
      if (!ps.contains(path)) refuse_sharing(path, "expected a part of the parameters, got none.");
      const Tree& part = new_parts.empty() ? ps.at(groups[i][0]) : new_parts[i];
      if (auto d = tree::difference(part, ps.at(path)); !d.empty()) {
        refuse_sharing(path, fmt::format("expected the structure of {}, got another: {}.",
                                         new_parts.empty() ? groups[i][0] : "the new part", d));
      }
      shared = shared.with(path, part);
    }
  }
  return shared;
}

}  // namespace luxtorch
