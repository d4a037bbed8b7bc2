#include "ops/window.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/pad.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>

#include "luxtorch/core/error.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch::ops {

namespace {

void check_least(const std::string& who, const char* option, const Shape& numbers, int64_t least) {
  if (std::all_of(numbers.begin(), numbers.end(), [&](int64_t n) { return n >= least; })) return;
  const bool one = numbers.size() == 1;
  throw ArgumentError(who, fmt::format("expected {} of at least {}, got {}.", option, least,
                                       one ? std::to_string(numbers[0]) : shape_text(numbers)));
}

// The element that stands at each place of a dimension of `size` mirrored at both ends, again and again.
Tensor mirrored_places(const Tensor& x, int64_t size, int64_t low, int64_t high) {
  const transforms::Outside outside;  // a constant, which no transform wraps
  const auto options = at::TensorOptions().dtype(kInt64);
  if (x.is_meta()) return at::empty({low + size + high}, options.device(x.device()));
  std::vector<int64_t> places;
  for (int64_t i = -low; i < size + high; ++i) {
    const int64_t in_period = ((i % (2 * size)) + 2 * size) % (2 * size);
    places.push_back(std::min(in_period, 2 * size - 1 - in_period));
  }
  return at::tensor(places, options).to(x.device());
}

Tensor padded_symmetric(Tensor x, const Pads& pads) {
  const auto first = static_cast<size_t>(x.dim()) - pads.low.size();
  for (size_t i = 0; i < pads.low.size(); ++i) {
    if (pads.low[i] == 0 && pads.high[i] == 0) continue;
    const auto dim = static_cast<int64_t>(first + i);
    x = x.index_select(dim, mirrored_places(x, x.size(dim), pads.low[i], pads.high[i]));
  }
  return x;
}

}  // namespace

const char* spatial_names(size_t dims) {
  return dims == 1 ? "time" : dims == 2 ? "height, width" : "depth, height, width";
}

Shape numbers_of(const std::string& who, const char* option, const Sizes& sizes, size_t dims,
                 int64_t least) {
  Shape numbers = sizes.numbers();
  check_least(who, option, numbers, least);
  if (sizes.for_every()) return Shape(std::vector<int64_t>(dims, numbers[0]));
  if (numbers.size() == dims) return numbers;
  throw ArgumentError(who, fmt::format("expected {} as one number or a list of {}, got {}.", option,
                                       dims, shape_text(numbers)));
}

Pads pads_of(const std::string& who, const luxtorch::Padding& pad, const Shape& totals) {
  Pads pads;
  if (pad.is_same()) {
    for (int64_t total : totals) {
      const int64_t front = pad.same().extra_in_front ? total - total / 2 : total / 2;
      pads.low.push_back(front), pads.high.push_back(total - front);
    }
    return pads;
  }
  const size_t dims = totals.size();
  const Shape& sides = pad.sides().numbers();
  if (pad.sides().for_every() || sides.size() == dims) {
    pads.low = pads.high = numbers_of(who, ".pad", pad.sides(), dims, 0);
    return pads;
  }
  check_least(who, ".pad", sides, 0);
  if (sides.size() != 2 * dims) {
    throw ArgumentError(
        who,
        fmt::format("expected .pad as one number, a list of {} or a list of {} (low and high of "
                    "each dimension), got {}.",
                    dims, 2 * dims, shape_text(sides)));
  }
  return from_pairs(sides);
}

bool is_zero(const Shape& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](int64_t n) { return n == 0; });
}

std::vector<int64_t> in_pairs(const Pads& pads) {
  std::vector<int64_t> pairs;
  for (size_t i = 0; i < pads.low.size(); ++i) {
    pairs.push_back(pads.low[i]), pairs.push_back(pads.high[i]);
  }
  return pairs;
}

Pads from_pairs(ShapeView pairs) {
  Pads pads;
  for (size_t i = 0; i < pairs.size(); i += 2)
    pads.low.push_back(pairs[i]), pads.high.push_back(pairs[i + 1]);
  return pads;
}

std::vector<int64_t> in_torch_order(const Pads& pads) {
  std::vector<int64_t> pairs;
  for (size_t i = pads.low.size(); i-- > 0;) {
    pairs.push_back(pads.low[i]), pairs.push_back(pads.high[i]);
  }
  return pairs;
}

std::string padding_mismatch(ShapeView x, const Pads& pads, PadMode mode) {
  if (mode == PadMode::Zeros) return "";
  const size_t first = x.size() - pads.low.size();
  for (size_t i = 0; i < pads.low.size(); ++i) {
    const int64_t size = x[first + i], most = std::max(pads.low[i], pads.high[i]);
    const int64_t least = mode == PadMode::Reflect    ? most + 1
                          : mode == PadMode::Circular ? most
                                                      : std::min<int64_t>(most, 1);
    if (most == 0 || size >= least) continue;
    return fmt::format(
        "expected x of at least {} in dimension {} for a padding of ({}, {}) in the mode {}, got "
        "{} of shape {}.",
        least, first + i, pads.low[i], pads.high[i], name_of(mode), size, shape_text(x));
  }
  return "";
}

Tensor padded(const Tensor& x, const Pads& pads, PadMode mode) {
  if (is_zero(pads.low) && is_zero(pads.high)) return x;
  if (mode == PadMode::Zeros) return at::constant_pad_nd(x, in_torch_order(pads));
  if (mode == PadMode::Symmetric) return padded_symmetric(x, pads);
  return at::pad(x, in_torch_order(pads), name_of(mode));
}

const char* name_of(PadMode mode) {
  switch (mode) {
    case PadMode::Reflect:
      return "reflect";
    case PadMode::Replicate:
      return "replicate";
    case PadMode::Circular:
      return "circular";
    case PadMode::Symmetric:
      return "symmetric";
    case PadMode::Zeros:
      break;
  }
  return "zeros";
}

}  // namespace luxtorch::ops
