#include "columns.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>

#include <optional>
#include <string_view>

#include "ops/dense_kernels.h"

namespace products {

namespace {

using at::Tensor;

constexpr const char* kPointwise = "mkldnn::_linear_pointwise";

// What PyTorch's Linear and its backward pass call.
Tensor linear(const Tensor& x, const Tensor& w) { return at::linear(x, w); }
Tensor mm_g_w(const Tensor& g, const Tensor& w) { return at::mm(g, w); }
Tensor mm_gt_x(const Tensor& g, const Tensor& x) { return at::mm(g.t(), x); }

// oneDNN's product a b' by the operator that torch.compile calls; a and b may be transposed views.
Tensor pointwise(const Tensor& a, const Tensor& b) {
  using Signature =
      Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view,
             c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
  static const auto call =
      c10::Dispatcher::singleton().findSchemaOrThrow(kPointwise, "").typed<Signature>();
  static const c10::List<std::optional<at::Scalar>> no_numbers;
  return call.call(a, b, {}, "none", no_numbers, "");
}
Tensor pointwise_g_w(const Tensor& g, const Tensor& w) { return pointwise(g, w.t()); }
Tensor pointwise_gt_x(const Tensor& g, const Tensor& x) { return pointwise(g.t(), x.t()); }

std::string pointwise_missing() {
  const auto found = c10::Dispatcher::singleton().findSchema({kPointwise, ""});
  if (found && found->hasKernelForDispatchKey(c10::DispatchKey::CPU)) return "";
  return std::string("this LibTorch has no operator ") + kPointwise + " for the CPU";
}

// The kernels of Dense, with what they pack. They take a whole layer, of which a product leaves some out.
using luxtorch::ops::DenseInput;
DenseInput layer_of(const Tensor& x, const Tensor& w) {
  return {x, {{w, Tensor(), luxtorch::identity}}};
}
Tensor kernel_x_w(const Tensor& x, const Tensor& w) {
  const Tensor y = at::empty({x.size(0), w.size(0)}, x.options());
  luxtorch::ops::dense_forward(layer_of(x, w), y, /*keep=*/false);
  return y;
}
Tensor kernel_g_w(const Tensor& g, const Tensor& w) {
  const Tensor x = at::empty({g.size(0), w.size(1)}, g.options());
  return luxtorch::ops::dense_backward(layer_of(x, w), Tensor(), Tensor(), g,
                                       {true, false, false})[0];
}
Tensor kernel_gt_x(const Tensor& g, const Tensor& x) {
  const Tensor w = at::empty({g.size(1), x.size(1)}, g.options());
  return luxtorch::ops::dense_backward(layer_of(x, w), Tensor(), Tensor(), g,
                                       {false, true, false})[1];
}

}  // namespace

const std::vector<Column>& columns() {
  static const std::vector<Column> all = {
      {"at::linear", linear, mm_g_w, mm_gt_x},
      {"luxtorch", kernel_x_w, kernel_g_w, kernel_gt_x},
      {kPointwise, pointwise, pointwise_g_w, pointwise_gt_x, pointwise_missing},
  };
  return all;
}

}  // namespace products
