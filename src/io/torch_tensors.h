// The storages and tensors that PyTorch's pickle asks for.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "io/file_fault.h"
#include "io/pickle.h"
#include "luxtorch/core/types.h"

namespace luxtorch::torch_archive {

/// A value of this kind. Throws FileFault, which says what was expected, for another.
template <class T>
const T& as(const io::Pickle& pickle, io::PickleId id, const char* expected) {
  if (const auto* value = std::get_if<T>(&pickle[id])) return *value;
  throw io::FileFault{"", expected, std::string(io::describe(pickle[id]))};
}

/// Up to 64 sizes of at least 0.
std::vector<int64_t> sizes_of(const io::Pickle& pickle, io::PickleId id, const char* what);

/// A class of storages with a dtype, "torch.FloatStorage", or torch.storage.UntypedStorage?
bool is_storage_class(const std::string& name);

/// What a pickle's tensors are made of. Throws FileFault for parts that lie, FileUnsupported for tensors
/// that have more than plain ones, and beyond a million tensors and storages.
class Tensors {
 public:
  /// read: the bytes of the storage of that name, which must be `elements` of `width` bytes each.
  using Read = std::function<Tensor(const std::string& name, int64_t elements, uint64_t width)>;
  explicit Tensors(Read read) : read_(std::move(read)) {}

  /// Of a persistent id.
  io::PickleMade storage(const io::Pickle& pickle, io::PickleId id);
  /// Of the arguments of torch._utils._rebuild_tensor_v2, or with a dtype of its own _v3.
  io::PickleMade rebuild(const io::Pickle& pickle, const std::vector<io::PickleId>& parts,
                         bool has_dtype);
  io::PickleMade hold(Tensor tensor) { return made(std::move(tensor)); }
  /// Throws FileUnsupported for a storage.
  const Tensor& tensor(size_t number) const;

 private:
  struct Storage {
    Tensor bytes;
    std::optional<Dtype> dtype;  // none: the tensor says it
  };
  io::PickleMade made(std::variant<Storage, Tensor> value);
  const Tensor& bools_of(const Tensor& bytes);

  Read read_;
  std::unordered_map<std::string, Tensor> storages_;
  std::unordered_map<const void*, Tensor> bools_;  // by the storage's tensor
  std::vector<std::variant<Storage, Tensor>> made_;
};

}  // namespace luxtorch::torch_archive
