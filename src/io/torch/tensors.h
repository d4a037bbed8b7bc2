// The storages and tensors that PyTorch's pickle asks for.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "io/base/fault.h"
#include "io/torch/pickle.h"
#include "luxtorch/tree.h"

namespace luxtorch::torch_archive {

/// A value of this kind. Throws a Fault, which says what was expected, for another.
template <class T>
const T& as(const io::Pickle& pickle, io::PickleId id, const char* expected) {
  if (const auto* value = std::get_if<T>(&pickle[id])) return *value;
  throw io::Fault("", expected, std::string(io::describe(pickle[id])));
}

/// Up to 64 sizes of at least 0.
std::vector<int64_t> sizes_of(const io::Pickle& pickle, io::PickleId id, const char* what);

/// Throws an unsupported Fault for dtypes that have no arithmetic, and for a view that repeats its elements.
Tensor converted(const Tensor& t, Dtype dtype);

/// Bytes of an element of a class of storages, "torch.FloatStorage" or torch.storage.UntypedStorage; 0
/// for a name that is none.
uint64_t storage_width(std::string_view name);

/// Where a storage of such elements may begin in memory: one without a dtype holds some of up to 8 bytes.
inline uint64_t alignment_of(uint64_t width) { return width == 1 ? 8 : width; }

/// What a pickle's tensors are made of. Throws Fault for parts that lie, an unsupported one for dtypes
/// that torch lacks, and beyond a million tensors and storages.
class Tensors {
 public:
  /// read: the bytes of the storage of that name, which must be `elements` of `width` bytes each.
  using Read = std::function<Tensor(const std::string& name, int64_t elements, uint64_t width)>;
  explicit Tensors(Read read) : read_(std::move(read)) {}

  /// Of a persistent id.
  io::PickleMade storage(const io::Pickle& pickle, io::PickleId id);
  /// Of the arguments of torch._utils._rebuild_tensor, its _v2, or with a dtype of its own _v3.
  io::PickleMade rebuild(const io::Pickle& pickle, const std::vector<io::PickleId>& parts,
                         std::string_view function);
  /// A part of a storage, whose elements have the storage's dtype unless one is given.
  Tensor part(const io::Pickle& pickle, const std::vector<io::PickleId>& parts,
              std::optional<Dtype> dtype = {});
  /// A tensor, or a tensor of another kind as its parts, with torch's name for the kind.
  using Value = std::pair<Tree, std::string>;
  io::PickleMade hold(Tree tree, std::string type = "") {
    return made(Value{std::move(tree), std::move(type)});
  }

  /// With the kind's name, "" for what a tree has a kind for. A storage alone is a vector of its elements, of bytes where it has no dtype.
  Value value(size_t number);
  bool is_storage(size_t number) const { return std::holds_alternative<Storage>(made_[number]); }
  /// Throws Fault, an unsupported one for what is no dense tensor.
  Tensor tensor(const io::Pickle& pickle, io::PickleId id, const char* expected);

 private:
  struct Storage {
    Tensor bytes;
    std::optional<Dtype> dtype;  // none: the tensor says it
  };
  io::PickleMade made(std::variant<Storage, Value> value);
  const Tensor& bools_of(const Tensor& bytes);

  Read read_;
  std::unordered_map<std::string, Tensor> storages_;
  std::unordered_map<const void*, Tensor> bools_;  // by the storage's tensor
  std::vector<std::variant<Storage, Value>> made_;
};

}  // namespace luxtorch::torch_archive
