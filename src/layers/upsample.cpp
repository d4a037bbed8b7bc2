#include "luxtorch/layers/upsample.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "layers/check.h"
#include "ops/upsample.h"

namespace luxtorch {

namespace {

// "2", or "(2, 1.5)".
template <class Numbers>
std::string numbers_text(const Numbers& given) {
  const auto& numbers = given.numbers();
  if (given.for_every()) return fmt::format("{}", numbers[0]);
  return fmt::format("({}{})", fmt::join(numbers.begin(), numbers.end(), ", "),
                     numbers.size() == 1 ? "," : "");
}

}  // namespace

Upsample::Upsample(UpsampleMode mode, UpsampleOptions options)
    : mode_(mode), options_(std::move(options)) {
  ops::check_upsample("Upsample", mode_, options_);
}

Out<Tensor> Upsample::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  if (auto mismatch = ops::upsample_mismatch(x, mode_, options_); !mismatch.empty())
    fail(*this, mismatch);
  Tensor y = ops::upsampled(x, mode_, options_);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string Upsample::label() const {
  const bool by_scale = !options_.scale.numbers().empty();
  return fmt::format("Upsample({}, {} = {}{})", ops::name_of(mode_), by_scale ? "scale" : "size",
                     by_scale ? numbers_text(options_.scale) : numbers_text(options_.size),
                     options_.align_corners ? ", align_corners = true" : "");
}

PixelShuffle::PixelShuffle(int64_t r) : r_(r) { check_positive("PixelShuffle", "r", r); }

Out<Tensor> PixelShuffle::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  if (auto mismatch = ops::shuffle_mismatch(x, r_); !mismatch.empty()) fail(*this, mismatch);
  Tensor y = ops::shuffled(x, r_);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string PixelShuffle::label() const { return fmt::format("PixelShuffle({})", r_); }

PixelUnshuffle::PixelUnshuffle(int64_t r) : r_(r) { check_positive("PixelUnshuffle", "r", r); }

Out<Tensor> PixelUnshuffle::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  if (auto mismatch = ops::unshuffle_mismatch(x, r_); !mismatch.empty()) fail(*this, mismatch);
  Tensor y = ops::unshuffled(x, r_);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string PixelUnshuffle::label() const { return fmt::format("PixelUnshuffle({})", r_); }

}  // namespace luxtorch
