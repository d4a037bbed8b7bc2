// A file in memory, page by page as it is touched.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "io/base/input_file.h"
#include "luxtorch/core/types.h"

namespace luxtorch::io {

/// All of a file, mapped privately: what is written to it stays in memory. Tensors in it keep it.
class FileMapping : public std::enable_shared_from_this<FileMapping> {
 public:
  /// None where the file cannot be mapped, or is in memory already: that is its owner's.
  static std::shared_ptr<FileMapping> of(const InputFile& file);
  ~FileMapping();
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;

  /// The elements at `offset` of the file, which must hold them; none where that is no multiple of
  /// `alignment`, 0 for what the dtype asks, and for bools of other bytes than 0 and 1.
  std::optional<Tensor> tensor(uint64_t offset, ShapeView shape, Dtype dtype,
                               uint64_t alignment = 0) const;

 private:
  FileMapping(void* begin, uint64_t size) : begin_(begin), size_(size) {}

  void* begin_;
  uint64_t size_;
};

}  // namespace luxtorch::io
