#include "luxtorch/group.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>

#include "group_backend.h"
#include "group_bytes.h"
#include "text.h"

namespace luxtorch {

using detail::Reduce;

namespace {

// What Gloo can add.
void check_dtype(const char* who, const Tensor& t) {
  switch (t.scalar_type()) {
    case Dtype::Float:
    case Dtype::Double:
    case Dtype::Half:
    case Dtype::BFloat16:
    case Dtype::Int:
    case Dtype::Long:
    case Dtype::Byte:
      return;
    default:
      throw ShapeError(
          who, fmt::format("expected a tensor of a floating dtype, int32, int64 or uint8, got {}. "
                           "Convert it before and after: t.to(kInt64).",
                           dtype_text(t.scalar_type())));
  }
}

Tensor reduced(detail::GroupBackend* backend, const char* who, const Tensor& t, Reduce how) {
  check_dtype(who, t);
  if (!backend) return t;
  const at::NoGradGuard no_grad;
  Tensor result = t.detach().clone(c10::MemoryFormat::Contiguous);
  backend->all_reduce_(result, how);
  return result;
}

// Sums tensors in one message per dtype and device, into tensors of their shapes.
void sum_together(detail::GroupBackend& backend, std::vector<Tensor>& all) {
  std::map<std::pair<Dtype, Device>, std::vector<size_t>,
           bool (*)(const std::pair<Dtype, Device>&, const std::pair<Dtype, Device>&)>
      alike([](const auto& a, const auto& b) {
        return a.first != b.first ? a.first < b.first : a.second.str() < b.second.str();
      });
  for (size_t i = 0; i < all.size(); ++i)
    alike[{all[i].scalar_type(), all[i].device()}].push_back(i);
  for (const auto& [kind, members] : alike) {
    std::vector<Tensor> flat;
    for (size_t i : members) flat.push_back(all[i].reshape({-1}));
    Tensor message = at::cat(flat);
    backend.all_reduce_(message, Reduce::sum);
    int64_t offset = 0;
    for (size_t i : members) {
      const int64_t n = all[i].numel();
      all[i] = message.narrow(0, offset, n).reshape(all[i].sizes());
      offset += n;
    }
  }
}

Tensor of(double value) { return at::empty({}, at::TensorOptions().dtype(kFloat64)).fill_(value); }
Tensor of(int64_t value) { return at::empty({}, at::TensorOptions().dtype(kInt64)).fill_(value); }

Tensor bytes_tensor(const std::string& bytes) {
  Tensor t =
      at::empty({static_cast<int64_t>(bytes.size())}, at::TensorOptions().dtype(Dtype::Byte));
  if (!bytes.empty()) std::memcpy(t.mutable_data_ptr(), bytes.data(), bytes.size());
  return t;
}
std::string bytes_of(const Tensor& t) {
  return {static_cast<const char*>(t.const_data_ptr()), static_cast<size_t>(t.numel())};
}

}  // namespace

DistributedError::DistributedError(std::string message, int64_t rank)
    : Error("distributed", std::move(message)), rank_(rank) {}

Group::Group(std::shared_ptr<detail::GroupBackend> backend) : backend_(std::move(backend)) {}

int64_t Group::rank() const { return backend_ ? backend_->rank() : 0; }
int64_t Group::size() const { return backend_ ? backend_->size() : 1; }
int64_t Group::local_rank() const { return backend_ ? backend_->local_rank() : 0; }
int64_t Group::local_size() const { return backend_ ? backend_->local_size() : 1; }

Tensor Group::sum(const Tensor& t) const {
  return reduced(backend_.get(), "Group.sum", t, Reduce::sum);
}
Tensor Group::max(const Tensor& t) const {
  return reduced(backend_.get(), "Group.max", t, Reduce::max);
}
Tensor Group::min(const Tensor& t) const {
  return reduced(backend_.get(), "Group.min", t, Reduce::min);
}

void Group::sum_(const Tensor& t) const {
  check_dtype("Group.sum_", t);
  if (!t.is_contiguous()) {
    throw ShapeError("Group.sum_",
                     fmt::format("expected a contiguous tensor, got one of strides {}. "
                                 "Use sum, which returns a new one.",
                                 shape_text(t.strides())));
  }
  if (backend_) backend_->all_reduce_(t, Reduce::sum);
}

Tree Group::sum(const Tree& t) const {
  if (!backend_) return t;
  const at::NoGradGuard no_grad;
  std::vector<Tree> leaves = tree::leaves(t);
  std::vector<Tensor> values;
  std::vector<size_t> places;
  for (size_t i = 0; i < leaves.size(); ++i) {
    const Tree& leaf = leaves[i];
    if (leaf.is_tensor() && leaf.tensor().defined()) {
      check_dtype("Group.sum", leaf.tensor());
      values.push_back(leaf.tensor().detach());
    } else if (leaf.is<double>()) {
      values.push_back(of(leaf.scalar<double>()));
    } else if (leaf.is<int64_t>()) {
      values.push_back(of(leaf.scalar<int64_t>()));
    } else {
      continue;
    }
    places.push_back(i);
  }
  sum_together(*backend_, values);
  for (size_t i = 0; i < places.size(); ++i) {
    Tree& leaf = leaves[places[i]];
    if (leaf.is_tensor()) {
      leaf = values[i];
    } else if (leaf.is<double>()) {
      leaf = values[i].item<double>();
    } else {
      leaf = values[i].item<int64_t>();
    }
  }
  return tree::unflatten(t, leaves);
}

Tree Group::mean(const Tree& t, double weight) const {
  if (!(weight >= 0) || std::isinf(weight))
    throw ArgumentError("Group.mean",
                        fmt::format("expected a finite weight of at least 0, got {}.", weight));
  const at::NoGradGuard no_grad;
  auto averaged = [](const Tree& leaf) {
    return (leaf.is_tensor() && leaf.tensor().defined() && leaf.tensor().is_floating_point()) ||
           leaf.is<double>();
  };
  // What has weight 0 may be NaN: a mean over nothing.
  auto weighted = [&](const Tree& leaf) -> Tree {
    if (!averaged(leaf)) return {};
    if (leaf.is<double>()) return weight > 0 ? leaf.scalar<double>() * weight : 0.0;
    check_dtype("Group.mean", leaf.tensor());
    const Tensor own = detail::widened(leaf.tensor().detach());
    return weight > 0 ? own * weight : at::zeros_like(own);
  };
  const Tree sums = sum(named({{"weight", weight}, {"values", tree::map(weighted, t)}}));
  const double all = sums["weight"].scalar<double>();
  if (!(all > 0))
    throw ArgumentError("Group.mean",
                        "expected a weight above 0 on one process at least, got 0 on all of them.");
  return tree::zip(
      [&](const Tree& own, const Tree& value) -> Tree {
        if (!averaged(own)) return own;
        if (own.is<double>()) return value.scalar<double>() / all;
        return (value.tensor() / all).to(own.tensor().scalar_type());
      },
      t, sums["values"]);
}

Tree Group::broadcast(const Tree& t, int64_t root) const {
  if (root < 0 || root >= size())
    throw ArgumentError("Group.broadcast",
                        fmt::format("expected a root from 0 to {}, got {}.", size() - 1, root));
  if (!backend_) return t;
  Tensor bytes;
  if (rank() == root) bytes = bytes_tensor(detail::to_bytes(t));
  Tensor length = of(rank() == root ? bytes.numel() : int64_t{0});
  backend_->broadcast_(length, root);
  if (rank() != root)
    bytes = at::empty({length.item<int64_t>()}, at::TensorOptions().dtype(Dtype::Byte));
  backend_->broadcast_(bytes, root);
  return rank() == root ? t : detail::from_bytes(bytes_of(bytes));
}

std::vector<Tree> Group::gather(const Tree& t) const {
  if (!backend_) return {t};
  const Tensor own = bytes_tensor(detail::to_bytes(t));
  const Tensor lengths = all_gather(of(own.numel()).reshape({1}));
  const int64_t longest = lengths.max().item<int64_t>();
  Tensor padded = at::zeros({longest}, at::TensorOptions().dtype(Dtype::Byte));
  padded.narrow(0, 0, own.numel()).copy_(own);
  const Tensor all = all_gather(padded);
  std::vector<Tree> trees;
  for (int64_t r = 0; r < size(); ++r)
    trees.push_back(r == rank() ? t
                                : detail::from_bytes(bytes_of(
                                      all.narrow(0, r * longest, lengths[r].item<int64_t>()))));
  return trees;
}

Tensor Group::all_gather(const Tensor& t) const {
  check_dtype("Group.all_gather", t);
  if (!backend_) return t;
  if (t.dim() == 0)
    throw ShapeError("Group.all_gather", "expected a tensor with dimension 0, got a 0-dim one.");
  const at::NoGradGuard no_grad;
  auto sizes = t.sizes().vec();
  sizes[0] *= size();
  Tensor out = at::empty(sizes, t.options());
  backend_->all_gather(out, t.detach().contiguous());
  return out;
}

Tensor Group::reduce_scatter(const Tensor& t) const {
  check_dtype("Group.reduce_scatter", t);
  if (t.dim() == 0 || t.size(0) % size() != 0)
    throw ShapeError("Group.reduce_scatter",
                     fmt::format("expected a dimension 0 that {} processes divide, got {}.", size(),
                                 shape_text(t.sizes())));
  if (!backend_) return t;
  const at::NoGradGuard no_grad;
  auto sizes = t.sizes().vec();
  sizes[0] /= size();
  Tensor out = at::empty(sizes, t.options());
  backend_->reduce_scatter(out, t.detach().contiguous());
  return out;
}

void Group::barrier() const {
  if (backend_) backend_->barrier();
}

Group Group::split(int64_t color) const {
  return backend_ ? Group(backend_->split(color)) : Group();
}

void Group::fail_(const std::string& reason) const {
  if (backend_) backend_->fail(reason);
}

bool all_equal(const Group& group, const Tree& t) {
  if (group.size() == 1) return true;
  const std::string bytes = detail::to_bytes(t);
  const Tensor hash = of(detail::hash_of(bytes.data(), bytes.size()));
  return group.max(hash).equal(group.min(hash));
}

Tree synchronize(const Group& group, const Tree& t, int64_t root) {
  if (group.size() == 1) return group.broadcast(t, root);
  std::vector<std::string> lines;
  detail::add_structure(lines, "leaf", t);
  detail::agree(group, "synchronize", lines);
  return detail::broadcast_alike(group, t, root);
}

namespace detail {

int64_t hash_of(const void* bytes, size_t count) {
  const auto* from = static_cast<const char*>(bytes);
  constexpr uint64_t prime = 1099511628211ull;
  uint64_t hash = (14695981039346656037ull ^ count) * prime;
  while (count > 0) {
    const size_t n = std::min<size_t>(count, 8);
    uint64_t word = 0;
    std::memcpy(&word, from, n);
    hash = (hash ^ word) * prime;
    hash ^= hash >> 32;  // the highest bits of a word would reach no lower ones
    from += n, count -= n;
  }
  return static_cast<int64_t>(hash);
}

Tensor widened(const Tensor& t) {
  const bool narrow =
      t.is_floating_point() && t.scalar_type() != kFloat32 && t.scalar_type() != kFloat64;
  return narrow ? t.to(kFloat32) : t;
}

size_t first_other(const std::vector<std::string>& texts) {
  for (size_t rank = 1; rank < texts.size(); ++rank)
    if (texts[rank] != texts[0]) return rank;
  return 0;
}

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::string first_difference(const std::vector<std::string>& texts) {
  const auto expected = lines_of(texts.at(0));
  const size_t rank = first_other(texts);
  if (rank == 0) return "";
  const auto got = lines_of(texts[rank]);
  size_t i = 0;
  while (i < std::min(expected.size(), got.size()) && expected[i] == got[i]) ++i;
  return fmt::format(
      "expected the same on all processes, got \"{}\" on rank 0 and \"{}\" on rank {}. Do all "
      "processes "
      "run the same program with the same options?",
      i < expected.size() ? expected[i] : "nothing more", i < got.size() ? got[i] : "nothing more",
      rank);
}

}  // namespace

void agree(const Group& group, const char* who, const std::vector<std::string>& lines) {
  if (group.size() == 1) return;
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  const std::string verdict = group.backend()->judge(text, first_difference);
  if (!verdict.empty()) throw ArgumentError(who, verdict);
}

void add_structure(std::vector<std::string>& lines, const std::string& what, const Tree& t) {
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        const bool tensor = leaf.is_tensor() && leaf.tensor().defined();
        lines.push_back(fmt::format("{} {}: {}", what, path,
                                    tensor ? dtype_text(leaf.tensor().scalar_type()) + " " +
                                                 shape_text(leaf.tensor().sizes())
                                           : std::string(leaf.is_none() ? "nothing" : "a value")));
      },
      t);
}

Tree broadcast_alike(const Group& group, const Tree& own, int64_t root) {
  return tree::zip(
      [](const Tree& here, const Tree& theirs) -> Tree {
        const bool tensor = here.is_tensor() && here.tensor().defined();
        return tensor ? Tree(theirs.tensor().to(here.tensor().device())) : theirs;
      },
      own, group.broadcast(own, root));
}

}  // namespace detail

}  // namespace luxtorch
