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

/// ArgumentError of `who`: options that are not such numbers, groups that divide one of the channels not.
ConvPlan conv_plan(const std::string& who, ShapeView kernel, int64_t in, int64_t out,
                   const ConvOptions& options);

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
/// ArgumentError of `who`: as conv_plan; SamePad with a kernel below its stride.
ConvTransposePlan conv_transpose_plan(const std::string& who, ShapeView kernel, int64_t in,
                                      int64_t out, const ConvTransposeOptions& options);
/// Why there is no output of x, of these sizes; "" if there is one.
std::string output_mismatch(ShapeView x, ShapeView kernel, const ConvTransposePlan& plan);
/// Of tensors that fit; counts its floating-point operations.
Tensor conv_transposed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const ConvTransposePlan& plan);

/// ArgumentError of `who`: groups below 1, or channels that they do not divide.
void check_groups(const std::string& who, int64_t in, int64_t out, int64_t groups);
/// ShapeError of `who`: a weight without 1 to 3 spatial dimensions.
void check_weight(const char* who, const Tensor& weight);
/// ShapeError of `who`: x or bias without these channels.
void check_tensors(const char* who, const Tensor& x, const Tensor& weight, const Tensor& bias,
                   int64_t in, int64_t out);
/// Throws a ShapeError of `who` unless the text is empty.
void check_that(const char* who, const std::string& mismatch);

/// The weight with its taps in reversed order.
Tensor flipped_taps(const Tensor& weight);

}  // namespace luxtorch::ops
