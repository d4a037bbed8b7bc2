#include "interop/tensor_layout.h"

#include <ATen/ops/zeros.h>

#include "layers/reversed.h"

namespace luxtorch::detail {

namespace {

// The shape that a layout's function gives. LibTorch has no meta kernels for many operators, flip among
// them: the function gets zeros.
Tensor shape_there(const TensorLayout& layout, const Tensor& ours) {
  const auto zeros = at::zeros(ours.sizes(), at::TensorOptions().dtype(ours.scalar_type()));
  return layout.from_ours(zeros).to(ours.device());
}

}  // namespace

bool is_ours(const TensorLayout& layout) {
  return layout.name.empty() && layout.dims == TensorLayout::Dims::Same && !layout.from_ours;
}

Tensor theirs(const TensorLayout& layout, const Tensor& ours) {
  if (layout.from_ours) return ours.is_meta() ? shape_there(layout, ours) : layout.from_ours(ours);
  switch (layout.dims) {
    case TensorLayout::Dims::Reversed:
      return reversed(ours).contiguous();
    case TensorLayout::Dims::ReversedColumn:
      return reversed(ours).unsqueeze(-1).contiguous();
    case TensorLayout::Dims::Column:
      return ours.unsqueeze(1);
    case TensorLayout::Dims::Rows:
    case TensorLayout::Dims::Computed:
    case TensorLayout::Dims::Same:
      break;
  }
  return ours;
}

Tensor ours(const TensorLayout& layout, const Tensor& theirs) {
  if (layout.to_ours) return layout.to_ours(theirs);
  switch (layout.dims) {
    case TensorLayout::Dims::Reversed:
      return reversed(theirs).contiguous();
    case TensorLayout::Dims::ReversedColumn:
      return reversed(theirs.squeeze(-1)).contiguous();
    case TensorLayout::Dims::Column:
      return theirs.dim() == 2 ? theirs.squeeze(1) : theirs;
    case TensorLayout::Dims::Rows:
    case TensorLayout::Dims::Computed:
    case TensorLayout::Dims::Same:
      break;
  }
  return theirs;
}

}  // namespace luxtorch::detail
