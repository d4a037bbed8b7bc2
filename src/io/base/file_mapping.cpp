#include "io/base/file_mapping.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/ScalarType.h>
#include <sys/mman.h>

#include <algorithm>

namespace luxtorch::io {

std::shared_ptr<FileMapping> FileMapping::of(const InputFile& file) {
  if (file.size() == 0 || file.in_memory()) return nullptr;
  // Written pages become memory of their own; none is set aside for them beforehand.
  void* begin = ::mmap(nullptr, file.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                       file.descriptor(), 0);
  if (begin == MAP_FAILED) return nullptr;
  return std::shared_ptr<FileMapping>(new FileMapping(begin, file.size()));
}

FileMapping::~FileMapping() { ::munmap(begin_, size_); }

std::optional<Tensor> FileMapping::tensor(uint64_t offset, ShapeView shape, Dtype dtype,
                                          uint64_t alignment) const {
  if (alignment == 0) alignment = c10::elementSize(dtype);
  if (offset % alignment != 0) return std::nullopt;
  Tensor tensor = at::from_blob(
      static_cast<char*>(begin_) + offset, shape, [self = shared_from_this()](void*) {},
      at::TensorOptions(dtype));
  const auto* bytes = static_cast<const uint8_t*>(tensor.const_data_ptr());
  bool holds = dtype != Dtype::Bool ||
               std::all_of(bytes, bytes + tensor.nbytes(), [](uint8_t byte) { return byte <= 1; });
  return holds ? std::optional(std::move(tensor)) : std::nullopt;
}

}  // namespace luxtorch::io
