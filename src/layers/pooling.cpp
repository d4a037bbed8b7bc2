#include "luxtorch/layers/pooling.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "layers/check.h"
#include "ops/pool_windows.h"

namespace luxtorch {

namespace {

template <class L>
void check_pooled(const L& layer, const std::string& mismatch) {
  if (!mismatch.empty()) [[unlikely]]
    fail(layer, mismatch);
}

// What options say, as ops::checked_windows takes it.
template <class Options>
void set_numbers(Options& options, const ops::PoolWindows& windows) {
  options.stride = windows.stride;
  options.dilation = windows.dilation;
  options.pad = ops::in_pairs(windows.pads);
}

// ", pad=1": one number where all are equal.
std::string option_text(const char* name, const std::vector<int64_t>& numbers) {
  const bool alike =
      std::adjacent_find(numbers.begin(), numbers.end(), std::not_equal_to<>()) == numbers.end();
  return fmt::format(", {}={}", name, alike ? std::to_string(numbers[0]) : shape_text(numbers));
}

std::string windows_text(const ops::PoolWindows& w) {
  const auto differ = [](const Shape& numbers, int64_t n) {
    return std::any_of(numbers.begin(), numbers.end(), [=](int64_t k) { return k != n; });
  };
  std::string text = shape_text(w.window);
  if (w.pads.low != w.pads.high) {
    text += option_text("pad", ops::in_pairs(w.pads));
  } else if (differ(w.pads.low, 0)) {
    text += option_text("pad", w.pads.low.vec());
  }
  if (w.stride != w.window) text += option_text("stride", w.stride.vec());
  if (differ(w.dilation, 1)) text += option_text("dilation", w.dilation.vec());
  return text + (w.ceil_mode ? ", ceil_mode=true" : "");
}

std::string p_text(double p) { return p == 2 ? "" : fmt::format(", p={}", p); }

std::string adaptive_text(const Shape& size, AdaptiveWindows windows) {
  return shape_text(size) + (windows == AdaptiveWindows::Uniform ? ", windows=uniform" : "");
}

}  // namespace

MaxPool::MaxPool(std::vector<int64_t> window, MaxPoolOptions options)
    : window_(window), options_(std::move(options)) {
  set_numbers(options_, ops::pool_windows("MaxPool", window_, options_));
}

Out<Tensor> MaxPool::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  const auto windows = ops::checked_windows(window_, options_);
  check_pooled(*this, ops::pool_mismatch(x, windows));
  Tensor y = ops::max_over(x, windows);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string MaxPool::label() const {
  return "MaxPool(" + windows_text(ops::checked_windows(window_, options_)) + ")";
}

MeanPool::MeanPool(std::vector<int64_t> window, MeanPoolOptions options)
    : window_(window), options_(std::move(options)) {
  set_numbers(options_, ops::pool_windows("MeanPool", window_, options_));
}

Out<Tensor> MeanPool::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  const auto windows = ops::checked_windows(window_, options_);
  check_pooled(*this, ops::pool_mismatch(x, windows));
  Tensor y = ops::mean_over(x, windows, options_.count_include_pad);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string MeanPool::label() const {
  return fmt::format("MeanPool({}{})", windows_text(ops::checked_windows(window_, options_)),
                     options_.count_include_pad ? "" : ", count_include_pad=false");
}

LPPool::LPPool(std::vector<int64_t> window, LPPoolOptions options)
    : window_(window), options_(std::move(options)) {
  ops::check_p("LPPool", options_.p);
  set_numbers(options_, ops::pool_windows("LPPool", window_, options_));
}

Out<Tensor> LPPool::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  const auto windows = ops::checked_windows(window_, options_);
  check_pooled(*this, ops::pool_mismatch(x, windows));
  Tensor y = ops::norm_over(x, windows, options_.p);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string LPPool::label() const {
  return fmt::format("LPPool({}{})", windows_text(ops::checked_windows(window_, options_)),
                     p_text(options_.p));
}

AdaptiveMaxPool::AdaptiveMaxPool(std::vector<int64_t> size, AdaptivePoolOptions options)
    : size_(size), options_(options) {
  ops::check_spatial("AdaptiveMaxPool", "a size", size_);
}

Out<Tensor> AdaptiveMaxPool::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  check_pooled(*this, ops::adaptive_mismatch(x, size_, options_.windows));
  Tensor y = ops::adaptive_max(x, size_, options_.windows);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string AdaptiveMaxPool::label() const {
  return "AdaptiveMaxPool(" + adaptive_text(size_, options_.windows) + ")";
}

AdaptiveMeanPool::AdaptiveMeanPool(std::vector<int64_t> size, AdaptivePoolOptions options)
    : size_(size), options_(options) {
  ops::check_spatial("AdaptiveMeanPool", "a size", size_);
}

Out<Tensor> AdaptiveMeanPool::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  check_pooled(*this, ops::adaptive_mismatch(x, size_, options_.windows));
  Tensor y = ops::adaptive_mean(x, size_, options_.windows);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string AdaptiveMeanPool::label() const {
  return "AdaptiveMeanPool(" + adaptive_text(size_, options_.windows) + ")";
}

AdaptiveLPPool::AdaptiveLPPool(std::vector<int64_t> size, AdaptiveLPPoolOptions options)
    : size_(size), options_(options) {
  ops::check_p("AdaptiveLPPool", options_.p);
  ops::check_spatial("AdaptiveLPPool", "a size", size_);
}

Out<Tensor> AdaptiveLPPool::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  check_pooled(*this, ops::adaptive_mismatch(x, size_, options_.windows));
  Tensor y = ops::adaptive_norm(x, size_, options_.windows, options_.p);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string AdaptiveLPPool::label() const {
  return "AdaptiveLPPool(" + adaptive_text(size_, options_.windows) + p_text(options_.p) + ")";
}

Out<Tensor> GlobalMaxPool::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  check_pooled(*this, ops::global_mismatch(x));
  Tensor y = ops::global_max(x);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string GlobalMaxPool::label() const { return "GlobalMaxPool()"; }

Out<Tensor> GlobalMeanPool::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  check_pooled(*this, ops::global_mismatch(x));
  Tensor y = ops::global_mean(x);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string GlobalMeanPool::label() const { return "GlobalMeanPool()"; }

GlobalLPPool::GlobalLPPool(double p) : p_(p) { ops::check_p("GlobalLPPool", p); }

Out<Tensor> GlobalLPPool::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  check_pooled(*this, ops::global_mismatch(x));
  Tensor y = ops::global_norm(x, p_);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string GlobalLPPool::label() const {
  return p_ == 2 ? "GlobalLPPool()" : fmt::format("GlobalLPPool(p={})", p_);
}

}  // namespace luxtorch
