// What convolutions as functions and as layers share: options as numbers, checks, the computation.
#pragma once

#include <string>

#include "luxtorch/ops/conv.h"
#include "ops/window.h"

namespace luxtorch::ops {

/// Options with a number for each spatial dimension.
struct ConvPlan {
  Shape stride, dilation;
  Pads pads;
  int64_t groups;
  bool cross_correlation;
  PadMode pad_mode;

  size_t dims() const { return stride.size(); }
};

/// ArgumentError of `who`: a list of another length, or a number below its least one.
void set_numbers(ConvPlan& plan, const std::string& who, ShapeView kernel, const Sizes& stride,
                 const luxtorch::Padding& pad, const Sizes& dilation);
/// ArgumentError of `who`: groups below 1, or channels that they do not divide.
void check_groups(const std::string& who, int64_t in, int64_t out, int64_t groups);

/// The plan of the function's options, or of the layer's, whose struct has initializers and a bias too.
/// ArgumentError of `who`: as of set_numbers and check_groups.
template <class Options>
ConvPlan conv_plan(const std::string& who, ShapeView kernel, int64_t in, int64_t out,
                   const Options& options) {
  ConvPlan plan{.stride = {},
                .dilation = {},
                .pads = {},
                .groups = options.groups,
                .cross_correlation = options.cross_correlation,
                .pad_mode = options.pad_mode};
  set_numbers(plan, who, kernel, options.stride, options.pad, options.dilation);
  check_groups(who, in, out, plan.groups);
  return plan;
}
/// The plan of options that have its numbers already, with .pad in pairs: without checks, for each call
/// of a layer.
template <class Options>
ConvPlan checked_conv_plan(const Options& options) {
  return {.stride = options.stride.numbers(),
          .dilation = options.dilation.numbers(),
          .pads = from_pairs(options.pad.sides().numbers()),
          .groups = options.groups,
          .cross_correlation = options.cross_correlation,
          .pad_mode = options.pad_mode};
}

/// Why x, of these sizes, is no input of `in` channels and `dims` spatial dimensions; "" if it is.
std::string channels_mismatch(ShapeView x, int64_t in, size_t dims);
/// Why a kernel of these sizes cannot move over x so; "" if it can.
std::string kernel_mismatch(ShapeView x, ShapeView kernel, const ConvPlan& plan);

/// Of tensors that fit; counts its floating-point operations.
Tensor convolved(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvPlan& plan);

/// As ConvPlan, of a transposed convolution.
struct ConvTransposePlan {
  Shape stride, dilation;
  Pads pads;  // cut off from the output
  Shape outpad;
  int64_t groups;
  bool cross_correlation;

  size_t dims() const { return stride.size(); }
};
/// ArgumentError of `who`: as of ConvPlan; SamePad with a kernel below its stride.
void set_numbers(ConvTransposePlan& plan, const std::string& who, ShapeView kernel,
                 const Sizes& stride, const luxtorch::Padding& pad, const Sizes& outpad,
                 const Sizes& dilation);
/// As conv_plan.
template <class Options>
ConvTransposePlan conv_transpose_plan(const std::string& who, ShapeView kernel, int64_t in,
                                      int64_t out, const Options& options) {
  ConvTransposePlan plan{.stride = {},
                         .dilation = {},
                         .pads = {},
                         .outpad = {},
                         .groups = options.groups,
                         .cross_correlation = options.cross_correlation};
  set_numbers(plan, who, kernel, options.stride, options.pad, options.outpad, options.dilation);
  check_groups(who, in, out, plan.groups);
  return plan;
}
/// As checked_conv_plan.
template <class Options>
ConvTransposePlan checked_conv_transpose_plan(const Options& options) {
  return {.stride = options.stride.numbers(),
          .dilation = options.dilation.numbers(),
          .pads = from_pairs(options.pad.sides().numbers()),
          .outpad = options.outpad.numbers(),
          .groups = options.groups,
          .cross_correlation = options.cross_correlation};
}
/// Why there is no output of x, of these sizes; "" if there is one.
std::string output_mismatch(ShapeView x, ShapeView kernel, const ConvTransposePlan& plan);
/// Of tensors that fit; counts its floating-point operations.
Tensor conv_transposed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const ConvTransposePlan& plan);

/// ShapeError of `who`: a weight without 1 to 3 spatial dimensions.
void check_weight(const char* who, const Tensor& weight);
/// ShapeError of `who`: x or bias without these channels; weight or bias of another dtype or device than x.
void check_tensors(const char* who, const Tensor& x, const Tensor& weight, const Tensor& bias,
                   int64_t in, int64_t out);
/// Throws a ShapeError of `who` unless the text is empty.
void check_that(const char* who, const std::string& mismatch);

/// The weight with its taps in reversed order.
Tensor flipped_taps(const Tensor& weight);

}  // namespace luxtorch::ops
