#include "python/kept.h"

#include <c10/core/Storage.h>
#include <c10/core/TensorImpl.h>

namespace luxtorch::python {

namespace {

struct Kept {
  int64_t element = 0;
  StackMemory memory;
};

void let_go(void* kept) { delete static_cast<Kept*>(kept); }

}  // namespace

Tensor kept_as_tensor(StackMemory memory) {
  auto* kept = new Kept{.memory = std::move(memory)};
  c10::DataPtr data(&kept->element, kept, &let_go, c10::Device(c10::DeviceType::CPU));
  c10::Storage storage(c10::Storage::use_byte_size_t(), sizeof kept->element, std::move(data));
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(std::move(storage),
                                                         c10::DispatchKeySet(c10::DispatchKey::CPU),
                                                         caffe2::TypeMeta::Make<int64_t>());
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous({1});
  return tensor;
}

const StackMemory* kept(const Tensor& t) {
  if (!t.has_storage()) return nullptr;
  const auto& data = t.storage().data_ptr();
  if (data.get_deleter() != &let_go) return nullptr;
  return &static_cast<const Kept*>(data.get_context())->memory;
}

}  // namespace luxtorch::python
