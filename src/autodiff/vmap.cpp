#include "luxtorch/autodiff/vmap.h"

#include <ATen/functorch/DynamicLayer.h>
#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <optional>

#include "autodiff/differentiable.h"
#include "luxtorch/core/error.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch::detail {

namespace {

using Dim = std::optional<int64_t>;  // none: not mapped

struct Leaf {
  std::string path;
  Tree value;
  Dim dim;
};

[[noreturn]] void complain(const std::string& path, std::string message) {
  ArgumentError error("vmap", std::move(message));
  error.prepend_path_(path);
  throw error;
}

// The leaves of t with their dimensions; dims is one for all, or in t's structure.
void gather(const char* what, const std::string& path, const Tree& t, const Tree& dims,
            std::vector<Leaf>& to) {
  const bool one = dims.is_none() || dims.is<int64_t>();
  if (!one && (t.is_leaf() || dims.is_leaf() || t.is_named() != dims.is_named() ||
               t.size() != dims.size())) {
    complain(path,
             fmt::format("expected {} of {}, got {}. Give one int64 or nothing for all of it, "
                         "or a tree of these.",
                         what, describe_kind(t), describe_kind(dims)));
  }
  if (t.is_leaf()) {
    to.push_back({path, t, dims.is_none() ? Dim() : Dim(dims.scalar<int64_t>())});
  } else if (t.is_named()) {
    for (const auto& [key, part] : t.items()) {
      if (!one && !dims.contains(key))
        complain(path, fmt::format("expected {} with the key {}, got none.", what, key));
      gather(what, path_below(path, key), part, one ? dims : dims[key], to);
    }
  } else {
    for (size_t i = 0; i < t.size(); ++i)
      gather(what, path_below(path, std::to_string(i)), t[i], one ? dims : dims[i], to);
  }
}

int64_t wrapped(const Leaf& leaf, const char* what, int64_t count) {
  const int64_t d = *leaf.dim < 0 ? *leaf.dim + count : *leaf.dim;
  if (d < 0 || d >= count) {
    complain(leaf.path,
             fmt::format("expected {} from {} to {}, got {}.", what, -count, count - 1, *leaf.dim));
  }
  return d;
}

// The size that the mapped dimensions share.
int64_t size_of_batch(std::vector<Leaf>& leaves) {
  Dim size;
  bool differ = false;
  std::string all;
  for (auto& leaf : leaves) {
    if (!leaf.dim) continue;
    if (!leaf.value.is_tensor()) {
      leaf.dim.reset();  // one number for all tensors leaves the rest alone
      continue;
    }
    const Tensor& t = leaf.value.tensor();
    if (t.dim() == 0)
      complain(leaf.path,
               "expected a tensor with a dimension to map over, got one of shape (). "
               "Leave it out of .in_dims by Tree().");
    leaf.dim = wrapped(leaf, "a dimension in .in_dims", t.dim());
    const int64_t n = t.size(*leaf.dim);
    differ = differ || (size && *size != n);
    if (!size) size = n;
    all +=
        fmt::format("{}{}: {} in dimension {}", all.empty() ? "" : ", ", leaf.path, n, *leaf.dim);
  }
  if (!size)
    throw ArgumentError("vmap",
                        "expected an argument with a mapped dimension, got none. State .in_dims.");
  if (differ)
    throw ArgumentError("vmap", "expected one size of all mapped dimensions, got " + all + ".");
  if (*size == 0) throw ArgumentError("vmap", "expected one sample or more, got a batch of 0.");
  return *size;
}

struct VmapChunk {
  int64_t first, size;
};

std::vector<Leaf> run(const std::function<Tree(const Tree&)>& f, const Tree& arguments,
                      const std::vector<Leaf>& leaves, const VmapOptions& options, VmapChunk chunk,
                      bool whole, Tree& structure) {
  std::vector<Leaf> results;
  {
    const transforms::VmapLevel level(chunk.size, chunk.first, options.randomness);
    std::vector<Tree> mapped;
    for (const auto& leaf : leaves) {
      if (!leaf.dim) {
        mapped.push_back(leaf.value);
        continue;
      }
      const Tensor& t = leaf.value.tensor();
      mapped.emplace_back(
          level.map(whole ? t : t.narrow(*leaf.dim, chunk.first, chunk.size), *leaf.dim));
    }
    structure = f(tree::unflatten(arguments, mapped));
    gather(".out_dims", "", structure, options.out_dims, results);
    for (auto& leaf : results) {
      if (!leaf.value.is_tensor()) continue;
      bool has_batch = false;
      Tensor t = level.batch(at::functorch::unwrapIfDead(leaf.value.tensor()), has_batch);
      if (!has_batch && leaf.dim) {
        std::vector<int64_t> shape{chunk.size};
        shape.insert(shape.end(), t.sizes().begin(), t.sizes().end());
        t = t.unsqueeze(0).expand(shape);
      }
      if (has_batch && !leaf.dim)
        complain(leaf.path,
                 "expected a result that is the same for all samples, as .out_dims says, got one "
                 "that depends on the sample. Give it a dimension.");
      leaf.value = t;
    }
  }
  for (auto& leaf : results) {
    if (!leaf.value.is_tensor() || !leaf.dim) continue;
    const Tensor& t = leaf.value.tensor();
    leaf.dim = wrapped(leaf, "a dimension in .out_dims", t.dim());
    leaf.value = t.movedim(0, *leaf.dim);
  }
  return results;
}

}  // namespace

Tree vmap(const std::function<Tree(const Tree&)>& f, const Tree& arguments,
          const VmapOptions& options) {
  std::vector<Leaf> leaves;
  gather(".in_dims", "", arguments, options.in_dims, leaves);
  const int64_t size = size_of_batch(leaves);
  const int64_t step = options.chunk_size > 0 ? std::min(options.chunk_size, size) : size;
  if (options.chunk_size < 0)
    throw ArgumentError(
        "vmap", fmt::format("expected .chunk_size of 0 or more, got {}.", options.chunk_size));
  return explaining_torch_errors("vmap", [&] {
    const Unchanged unchanged(arguments);
    Tree structure;
    std::vector<std::vector<Leaf>> chunks;
    for (int64_t first = 0; first < size; first += step) {
      const VmapChunk chunk{first, std::min(step, size - first)};
      chunks.push_back(run(f, arguments, leaves, options, chunk, step == size, structure));
    }
    unchanged.check("vmap");
    for (const auto& chunk : chunks) {
      if (chunk.size() == chunks[0].size()) continue;
      throw ArgumentError("vmap",
                          "expected a function that returns the same structure each time, "
                          "got another one for a later chunk.");
    }
    std::vector<Tree> results;
    for (size_t i = 0; i < chunks[0].size(); ++i) {
      const Leaf& leaf = chunks[0][i];
      if (chunks.size() == 1 || !leaf.value.is_tensor() || !leaf.dim) {
        results.push_back(leaf.value);
        continue;
      }
      std::vector<Tensor> parts;
      for (const auto& chunk : chunks) parts.push_back(chunk[i].value.tensor());
      results.emplace_back(at::cat(parts, *leaf.dim));
    }
    return tree::unflatten(structure, results);
  });
}

}  // namespace luxtorch::detail
