#include "losses/loss_fused.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <numeric>
#include <vector>

#include "core/parallel.h"
#include "kernels/loss.h"
#include "ops/fast_path.h"

namespace luxtorch::detail {

namespace {

// nullptr: it may be fused.
const char* why_not_fused(const Tensor& y_hat, const Tensor& y) {
  if (const char* reason = ops::why_disabled(ops::FusedOp::loss)) return reason;
  if (const char* reason = ops::why_unreadable(y_hat.scalar_type(), {&y_hat, &y})) return reason;
  if (!y_hat.is_contiguous() || !y.is_contiguous()) return "a tensor is not contiguous";
  return y_hat.numel() == 0 ? "there are no rows" : nullptr;
}

int64_t rows_of(const FusedLoss& loss, const Tensor& y_hat) {
  return loss.kind == FusedLoss::binary_cross_entropy ? y_hat.numel()
                                                      : y_hat.numel() / y_hat.size(-1);
}

double scale_of(const FusedLoss& loss, const Tensor& y_hat) {
  return loss.mean ? 1.0 / static_cast<double>(rows_of(loss, y_hat)) : 1.0;
}

// Chunks do not depend on the number of threads, so neither does the sum.
template <class F>
double sum_of_chunks(int64_t rows, int64_t width, const F& f) {
  constexpr int64_t kElements = 8192;
  const int64_t size = std::max<int64_t>(1, kElements / width);
  if (rows <= size) return f(0, rows);
  std::vector<double> sums((rows + size - 1) / size);
  detail::parallel_for(0, static_cast<int64_t>(sums.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) sums[i] = f(i * size, std::min(size, rows - i * size));
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

template <class T>
double run(const FusedLoss& loss, const Tensor& y_hat, const Tensor& y, const Tensor& slope) {
  const T* x = y_hat.const_data_ptr<T>();
  T* g = slope.defined() ? slope.mutable_data_ptr<T>() : nullptr;
  const double scale = scale_of(loss, y_hat);
  const int64_t rows = rows_of(loss, y_hat);
  auto at = [&](int64_t i) { return g ? g + i : nullptr; };
  if (loss.kind == FusedLoss::binary_cross_entropy) {
    const T* t = y.const_data_ptr<T>();
    return scale * sum_of_chunks(rows, 1, [&](int64_t i, int64_t n) {
             return kernels::binary_cross_entropy(x + i, t + i, n, loss.epsilon, loss.smoothing,
                                                  scale, at(i));
           });
  }
  const int64_t c = y_hat.size(-1);
  auto sum = [&](const auto* t, int64_t width) {
    return sum_of_chunks(rows, c, [&](int64_t i, int64_t n) {
      return kernels::cross_entropy(x + i * c, t + i * width, n, c, loss.smoothing, scale,
                                    at(i * c));
    });
  };
  return scale * (y.scalar_type() == kInt64 ? sum(y.const_data_ptr<int64_t>(), 1)
                                            : sum(y.const_data_ptr<T>(), c));
}

Tensor slope_in_plain_ops(const FusedLoss& loss, const Tensor& y_hat, const Tensor& y) {
  const bool binary = loss.kind == FusedLoss::binary_cross_entropy;
  const int64_t classes = binary ? 2 : y_hat.size(-1);
  Tensor t = y;
  if (!binary && y.scalar_type() == kInt64)
    t = at::zeros_like(y_hat.detach()).scatter_(-1, y.unsqueeze(-1), 1);
  t = t.mul(1 - loss.smoothing).add(loss.smoothing / static_cast<double>(classes));
  const double e = loss.epsilon;
  const Tensor slope = binary
                           ? at::rsub(t, 1).div(at::rsub(y_hat, 1).add(e)).sub(t.div(y_hat.add(e)))
                           : at::softmax(y_hat, -1).mul(t.sum(-1, /*keepdim=*/true)).sub(t);
  return slope.mul(scale_of(loss, y_hat));
}

struct FusedLossFunction : torch::autograd::Function<FusedLossFunction> {
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  // What is not differentiated comes in one argument: torch makes an edge of every tensor among them.
  struct Rest {
    const FusedLoss& loss;
    Tensor y, slope;
    double value;
  };

  static Tensor forward(Context* context, const Tensor& y_hat, const Rest& rest) {
    const FusedLoss& loss = rest.loss;
    context->save_for_backward({y_hat, rest.y, rest.slope});
    context->saved_data["kind"] = static_cast<int64_t>(loss.kind);
    context->saved_data["epsilon"] = loss.epsilon;
    context->saved_data["smoothing"] = loss.smoothing;
    context->saved_data["mean"] = loss.mean;
    return at::scalar_tensor(rest.value, y_hat.options());
  }

  static Tensors backward(Context* context, Tensors by_value) {
    const auto saved = context->get_saved_variables();
    Tensor slope = saved[2];
    if (at::GradMode::is_enabled()) {
      auto& data = context->saved_data;
      const FusedLoss loss{.kind = static_cast<FusedLoss::Kind>(data["kind"].toInt()),
                           .epsilon = data["epsilon"].toDouble(),
                           .smoothing = data["smoothing"].toDouble(),
                           .mean = data["mean"].toBool()};
      slope = slope_in_plain_ops(loss, saved[0], saved[1]);
    }
    return {slope.mul(by_value[0]), Tensor()};
  }
};

}  // namespace

std::optional<Tensor> fused_loss(const FusedLoss& loss, const Tensor& y_hat, const Tensor& y) {
  const Dtype dtype = y_hat.scalar_type();
  const char* reason = why_not_fused(y_hat, y);
  const auto backend = reason ? ops::Backend::reference : ops::Backend::fused;
  if (ops::remember(ops::FusedOp::loss, backend, reason) != ops::Backend::fused)
    return std::nullopt;
  const bool recorded = at::GradMode::is_enabled() && y_hat.requires_grad();
  const Tensor slope = recorded ? at::empty_like(y_hat) : Tensor();
  const double value =
      dtype == kFloat32 ? run<float>(loss, y_hat, y, slope) : run<double>(loss, y_hat, y, slope);
  if (!recorded) return at::scalar_tensor(value, y_hat.options());
  return FusedLossFunction::apply(y_hat, FusedLossFunction::Rest{loss, y, slope, value});
}

}  // namespace luxtorch::detail
