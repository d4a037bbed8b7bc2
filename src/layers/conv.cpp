#include "luxtorch/layers/conv.h"

#include <c10/util/accumulate.h>

#include <algorithm>
#include <cmath>

#include "layers/check.h"
#include "layers/reversed.h"
#include "ops/conv.h"

namespace luxtorch {

namespace {

void check_sizes(const char* layer, const Shape& kernel, int64_t in_channels,
                 int64_t out_channels) {
  if (kernel.size() < 1 || kernel.size() > 3) {
    throw ArgumentError(
        layer, fmt::format("expected a kernel of 1 to 3 sizes, got {}.", shape_text(kernel)));
  }
  for (int64_t size : kernel) check_positive(layer, "sizes of the kernel", size);
  check_positive(layer, "in_channels", in_channels);
  check_positive(layer, "out_channels", out_channels);
}

TensorLayout flipped_in_torch() {
  return {.from_ours = ops::flipped_taps, .to_ours = ops::flipped_taps};
}
TensorLayout flipped_in_lux() {
  return {.from_ours = [](const Tensor& t) { return reversed(ops::flipped_taps(t)).contiguous(); },
          .to_ours = [](const Tensor& t) { return ops::flipped_taps(reversed(t)).contiguous(); }};
}

template <class Options>
std::vector<ParameterSpec> kernel_and_bias(const Shape& weight, int64_t out_channels,
                                           const Options& options) {
  const int64_t fan = c10::multiply_integers(ShapeView(weight).slice(1));
  const double b = 1 / std::sqrt(static_cast<double>(fan));
  auto or_uniform = [&](const Initializer& chosen) -> Initializer {
    return chosen ? chosen : init::Uniform{-b, b};
  };
  const bool as_torch = options.cross_correlation;
  const TensorLayout reversed_in_lux{.dims = TensorLayout::Dims::Reversed};
  std::vector<ParameterSpec> specs{
      {.name = "weight",
       .shape = weight,
       .init = or_uniform(options.init_weight),
       .torch = as_torch ? TensorLayout{} : flipped_in_torch(),
       .lux = as_torch ? flipped_in_lux() : reversed_in_lux,
       .lux_cross_correlation = as_torch ? reversed_in_lux : flipped_in_lux()}};
  if (options.use_bias) {
    specs.push_back(
        {.name = "bias", .shape = {out_channels}, .init = or_uniform(options.init_bias)});
  }
  return specs;
}

Shape weight_shape(int64_t by, int64_t of, const Shape& kernel) {
  Shape shape{by, of};
  for (int64_t size : kernel) shape.push_back(size);
  return shape;
}

// ", stride=2": one number where all are equal, nothing where it is the usual one.
std::string shown(const char* name, const Sizes& sizes, int64_t usual) {
  const Shape& numbers = sizes.numbers();
  const int64_t first = numbers[0];
  if (std::any_of(numbers.begin(), numbers.end(), [&](int64_t n) { return n != first; }))
    return fmt::format(", {}={}", name, shape_text(numbers));
  return first == usual ? "" : fmt::format(", {}={}", name, first);
}

template <class Options>
std::string options_text(const Options& options, const Activation& activation) {
  std::string text = activation == identity ? "" : std::string(", ") + activation.name();
  text += shown("pad", options.pad.sides(), 0) + shown("stride", options.stride, 1) +
          shown("dilation", options.dilation, 1) + shown("groups", options.groups, 1);
  if constexpr (requires { options.outpad; }) text += shown("outpad", options.outpad, 0);
  if (!options.use_bias) text += ", use_bias=false";
  if (!options.cross_correlation) text += ", cross_correlation=false";
  return text;
}

template <class L>
void check_that(const L& layer, const std::string& mismatch) {
  if (!mismatch.empty()) [[unlikely]]
    fail(layer, mismatch);
}

}  // namespace

Conv::Conv(Shape kernel, int64_t in_channels, int64_t out_channels, Activation activation,
           ConvOptions options)
    : kernel_(std::move(kernel)),
      in_channels_(in_channels),
      out_channels_(out_channels),
      activation_(activation),
      options_(std::move(options)) {
  check_sizes("Conv", kernel_, in_channels, out_channels);
  const auto plan = ops::conv_plan("Conv", kernel_, in_channels_, out_channels_, options_);
  options_.stride = plan.stride;
  options_.dilation = plan.dilation;
  options_.pad = ops::in_pairs(plan.pads);
}

std::vector<ParameterSpec> Conv::parameters() const {
  return kernel_and_bias(weight_shape(out_channels_, in_channels_ / options_.groups, kernel_),
                         out_channels_, options_);
}

Out<Tensor> Conv::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  check_that(*this, ops::channels_mismatch(x.sizes(), in_channels_, kernel_.size()));
  check_alike(*this, "x", x, weight);
  const auto plan = ops::checked_conv_plan(options_);
  check_that(*this, ops::kernel_mismatch(x.sizes(), kernel_, plan));
  auto y = activation_(
      ops::convolved(x, weight, options_.use_bias ? ps["bias"].tensor() : Tensor(), plan));
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string Conv::label() const {
  const auto mode = options_.pad_mode;
  return fmt::format("Conv({}, {} => {}{}{})", shape_text(kernel_), in_channels_, out_channels_,
                     options_text(options_, activation_),
                     mode == PadMode::Zeros ? "" : std::string(", pad_mode=") + ops::name_of(mode));
}

ConvTranspose::ConvTranspose(Shape kernel, int64_t in_channels, int64_t out_channels,
                             Activation activation, ConvTransposeOptions options)
    : kernel_(std::move(kernel)),
      in_channels_(in_channels),
      out_channels_(out_channels),
      activation_(activation),
      options_(std::move(options)) {
  check_sizes("ConvTranspose", kernel_, in_channels, out_channels);
  const auto plan =
      ops::conv_transpose_plan("ConvTranspose", kernel_, in_channels_, out_channels_, options_);
  options_.stride = plan.stride;
  options_.outpad = plan.outpad;
  options_.dilation = plan.dilation;
  options_.pad = ops::in_pairs(plan.pads);
}

std::vector<ParameterSpec> ConvTranspose::parameters() const {
  return kernel_and_bias(weight_shape(in_channels_, out_channels_ / options_.groups, kernel_),
                         out_channels_, options_);
}

Out<Tensor> ConvTranspose::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  check_that(*this, ops::channels_mismatch(x.sizes(), in_channels_, kernel_.size()));
  check_alike(*this, "x", x, weight);
  const auto plan = ops::checked_conv_transpose_plan(options_);
  check_that(*this, ops::output_mismatch(x.sizes(), kernel_, plan));
  auto y = activation_(
      ops::conv_transposed(x, weight, options_.use_bias ? ps["bias"].tensor() : Tensor(), plan));
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string ConvTranspose::label() const {
  return fmt::format("ConvTranspose({}, {} => {}{})", shape_text(kernel_), in_channels_,
                     out_channels_, options_text(options_, activation_));
}

}  // namespace luxtorch
