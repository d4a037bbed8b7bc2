#include "luxtorch/layers/pad.h"

#include <fmt/format.h>

#include "layers/check.h"
#include "ops/pad.h"
#include "ops/window.h"

namespace luxtorch {

Pad::Pad(Padding pad, PadOptions options) : pad_(std::move(pad)), options_(options) {
  ops::check_pad("Pad", pad_);
  if (options_.value != 0 && options_.mode != PadMode::Zeros) {
    throw ArgumentError("Pad",
                        fmt::format("expected .value with PadMode::Zeros alone, got {} with the "
                                    "mode {}.",
                                    options_.value, ops::name_of(options_.mode)));
  }
}

Out<Tensor> Pad::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  if (auto mismatch = ops::pad_mismatch(x, pad_, options_.mode); !mismatch.empty())
    fail(*this, mismatch);
  Tensor y = ops::padded_around(x, pad_, options_.mode, options_.value);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string Pad::label() const {
  const Shape& numbers = pad_.sides().numbers();
  return fmt::format(
      "Pad({}{}{})", pad_.sides().for_every() ? std::to_string(numbers[0]) : shape_text(numbers),
      options_.mode == PadMode::Zeros ? "" : fmt::format(", mode={}", ops::name_of(options_.mode)),
      options_.value == 0 ? "" : fmt::format(", value={}", options_.value));
}

}  // namespace luxtorch
