#include "layers/batch_norm_group.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/var_mean.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include "group_weight.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

std::vector<int64_t> all_but_channels(const Tensor& x) {
  std::vector<int64_t> dims{0};
  for (int64_t d = 2; d < x.dim(); ++d) dims.push_back(d);
  return dims;
}

namespace {

constexpr const char* kBatchNorm = "BatchNorm";
using Tensors = torch::autograd::variable_list;
using Maybe = std::optional<Tensor>;

// (channels) beside x.
Tensor beside(const Tensor& x, const Tensor& of_channels) {
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()) - 1, 1);
  shape[0] = x.size(1);
  return of_channels.to(x.scalar_type()).reshape(shape);
}

// Of all processes' values: how many a channel has, and, per channel in float64, mean and biased variance.
struct WholeStatistics {
  double count;
  Tensor mean, var;
};

// The parts' sums of squares around their own means, merged (Chan, Golub and LeVeque 1979): sums of plain squares would
// cancel where a mean is large.
WholeStatistics whole_statistics(const Group& group, const Tensor& x) {
  const int64_t channels = x.size(1), count = x.numel() / channels;
  const auto options = x.options().dtype(kFloat64);
  Tensor own = at::zeros({1, 2 * channels + 1}, options);
  own.select(1, 0).fill_(static_cast<double>(count));
  if (count > 0) {
    const auto [var, mean] = at::var_mean(x, all_but_channels(x), /*correction=*/0);
    own.narrow(1, 1, channels).copy_(mean);
    own.narrow(1, 1 + channels, channels).copy_(var).mul_(static_cast<double>(count));
  }
  const Tensor all = group.all_gather(own);
  const Tensor counts = all.narrow(1, 0, 1), means = all.narrow(1, 1, channels);
  const double total = counts.sum().item<double>();
  if (total <= 1)
    throw ShapeError(kBatchNorm,
                     fmt::format("expected more than one value per channel in training on "
                                 "all {} processes together, got x of shape {} here. Use "
                                 "larger batches, or testmode(st).",
                                 group.size(), shape_text(x.sizes())));
  const Tensor mean = means.mul(counts).sum(0).div(total);
  const Tensor squares =
      all.narrow(1, 1 + channels, channels).add(means.sub(mean).square().mul(counts)).sum(0);
  return {total, mean, squares.div(total)};
}

void refuse_higher_derivatives() {
  throw UnsupportedError(
      kBatchNorm,
      "expected a gradient of first order, got one that records a graph, in a layer whose .group "
      "has several processes. Take derivatives of higher order in test mode, testmode(st), or "
      "without .group.");
}

struct NormTogether : torch::autograd::Function<NormTogether> {
  using Context = torch::autograd::AutogradContext;

  // What is not differentiated comes in one argument: torch makes an edge of every tensor among them.
  struct Rest {
    const Group& group;
    double epsilon;
    WholeStatistics& statistics;
  };

  struct Kept : torch::CustomClassHolder {
    Kept(Group group, double count, double weight)
        : group(std::move(group)), count(count), weight(weight) {}
    Group group;
    double count, weight;
  };

  static Tensor forward(Context* context, const Tensor& x, const Maybe& scale, const Maybe& bias,
                        const Rest& rest) {
    rest.statistics = whole_statistics(rest.group, x);
    const auto& [count, mean, var] = rest.statistics;
    const Tensor inverse = var.add(rest.epsilon).rsqrt();
    context->save_for_backward({x, scale.value_or(Tensor()), mean, inverse});
    // Of this process in the loss of the whole batch: by its rows, where no step says another one.
    const double weight = detail::PartWeight::current().value_or(static_cast<double>(x.size(0)));
    context->saved_data["kept"] =
        at::IValue::make_capsule(c10::make_intrusive<Kept>(rest.group, count, weight));
    context->saved_data["has_bias"] = bias.has_value();
    Tensor y = x.sub(beside(x, mean)).mul(beside(x, inverse));
    if (scale) y = y.mul(beside(x, *scale));
    if (bias) y = y.add(beside(x, *bias));
    return y;
  }

  static Tensors backward(Context* context, Tensors by_outputs) {
    if (at::GradMode::is_enabled()) refuse_higher_derivatives();
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &scale = saved[1], &mean = saved[2], &inverse = saved[3];
    const Tensor& by_y = by_outputs[0];
    const auto capsule = context->saved_data["kept"].toCapsule();
    const Kept& kept = static_cast<const Kept&>(*capsule);
    const auto dims = all_but_channels(x);
    const Tensor normalized = x.sub(beside(x, mean)).mul(beside(x, inverse));
    const Tensor by_bias = by_y.sum(dims), by_scale = by_y.mul(normalized).sum(dims);
    Tensor by_x;
    if (context->needs_input_grad(0)) {
      const Tensor sums =
          kept.group.sum(at::cat({by_bias, by_scale}).to(kFloat64).mul(kept.weight));
      const Tensor means = sums.div(kept.count * (kept.weight > 0 ? kept.weight : 1));
      const int64_t channels = x.size(1);
      by_x = by_y.sub(beside(x, means.narrow(0, 0, channels)))
                 .sub(normalized.mul(beside(x, means.narrow(0, channels, channels))))
                 .mul(beside(x, inverse));
      if (scale.defined()) by_x = by_x.mul(beside(x, scale));
    }
    return {by_x, scale.defined() ? by_scale : Tensor(),
            context->saved_data["has_bias"].toBool() ? by_bias : Tensor(), Tensor()};
  }
};

}  // namespace

NormalizedTogether normalize_together(const Group& group, const Tensor& x, const Maybe& scale,
                                      const Maybe& bias, double epsilon) {
  if (transforms::active())
    throw UnsupportedError(
        kBatchNorm,
        "expected a call outside of jvp, vmap and the like, got one of a layer in training "
        "whose .group has several processes. Use test mode there, testmode(st), or a "
        "layer without .group.");
  WholeStatistics found{0, {}, {}};
  Tensor y = NormTogether::apply(x, scale, bias, NormTogether::Rest{group, epsilon, found});
  const double unbiased = found.count / (found.count - 1);
  return {std::move(y), found.mean, found.var.mul(unbiased)};
}

}  // namespace luxtorch
