#include "layers/sequence_call.h"

#include <ATen/ops/aminmax.h>

#include "layers/tokens.h"
#include "transforms.h"

namespace luxtorch::detail {

SequenceInput sequence_input(const Owner& owner, const Tree& x) {
  if (x.is_tensor()) return {x.tensor()};
  if (x.is_tuple() && x.size() > 1 && x[0].is_tensor()) {
    if (x.size() == 2) return sequence_input(owner, x[0].tensor(), x[1]);
    if (x.size() == 3 && x[2].is_tensor())
      return sequence_input(owner, x[0].tensor(), x[1], x[2].tensor());
  }
  owner.refuse<TreeError>(
      "takes a tensor x or a tuple (x, carry), (x, lengths) or (x, carry, lengths), got " +
      describe_kind(x) + ".");
}

namespace {

constexpr const char* kLengthsOfAMask =
    "A mask that is true at each row's steps has the lengths lux::sum(mask, 1).";

}  // namespace

SequenceInput sequence_input(const Owner& owner, const Tensor& x, const Tree& carry_or_lengths) {
  if (carry_or_lengths.is_none()) return {x};
  if (carry_or_lengths.is_tensor() && are_tokens(carry_or_lengths.tensor()))
    return {x, nullptr, carry_or_lengths.tensor()};
  if (carry_or_lengths.is_tensor() && carry_or_lengths.tensor().scalar_type() == kBool) {
    owner.refuse("expected a carry, or lengths of an integer dtype, got " +
                 describe_kind(carry_or_lengths) + ". " + kLengthsOfAMask);
  }
  return {x, &carry_or_lengths};
}

SequenceInput sequence_input(const Owner& owner, const Tensor& x, const Tree& carry,
                             const Tensor& lengths) {
  if (!are_tokens(lengths)) {
    owner.refuse("expected lengths of an integer dtype, got " + dtype_text(lengths.scalar_type()) +
                 (lengths.scalar_type() == kBool ? std::string(". ") + kLengthsOfAMask : "."));
  }
  return {x, carry.is_none() ? nullptr : &carry, lengths};
}

bool is_unbatched(const Tensor& x) {
  return x.dim() == (are_tokens(x) ? 1 : 2) && (are_tokens(x) || x.is_floating_point());
}

Tensor checked_lengths(const Owner& owner, const Tensor& x, const Tensor& given, bool time_first) {
  bool single = is_unbatched(x);
  if (!given.defined() || (x.dim() < 2 && !single)) return {};
  int64_t time = single ? 0 : time_first ? 0 : 1, steps = x.size(time);
  auto expected = single ? std::vector<int64_t>{} : std::vector{x.size(1 - time)};
  if (given.sizes() != ShapeView(expected)) {
    owner.refuse(fmt::format("expected lengths of shape {}, one for each row, got {}.",
                             shape_text(expected), shape_text(given.sizes())));
  }
  if (given.is_meta() && x.is_meta()) return {};  // no numbers, and the shapes are the same
  const Tensor here = given.to(Device(c10::DeviceType::CPU), kInt64).reshape({-1});
  const Tensor lengths = transforms::underlying(here);
  if (lengths.numel() == 0) return here;
  const transforms::Outside outside;
  auto [least, most] = at::aminmax(lengths);
  if (least.item<int64_t>() < 0 || most.item<int64_t>() > steps) {
    // Under vmap the samples stand before the rows.
    const auto wrong = first_wrong_token(lengths, steps + 1);
    const auto rows = here.numel(), samples = lengths.numel() / rows;
    owner.refuse(fmt::format("expected lengths from 0 to {}, the steps of x, got {}{}{}.", steps,
                             lengths.flatten()[wrong].item<int64_t>(),
                             single ? "" : fmt::format(" in row {}", wrong % rows),
                             samples == 1 ? "" : fmt::format(" of sample {}", wrong / rows)));
  }
  return least.item<int64_t>() == steps ? Tensor() : here;
}

}  // namespace luxtorch::detail
