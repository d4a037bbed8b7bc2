#include "optim/recorded_formulas.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/sign.h>
#include <ATen/ops/sqrt.h>

#include "luxtorch/core/operators.h"

namespace luxtorch::detail {

namespace {

// A tensor whose square root has the derivative 0 at 0, not infinity: there the formulas' own limit
// does not depend on it, and infinity times 0 is NaN.
struct Value {
  Tensor t;
  friend Value operator+(const Value& a, const Value& b) { return {a.t + b.t}; }
  friend Value operator-(const Value& a, const Value& b) { return {a.t - b.t}; }
  friend Value operator*(const Value& a, const Value& b) { return {a.t * b.t}; }
  friend Value operator/(const Value& a, const Value& b) { return {a.t / b.t}; }
  friend Value operator+(const Value& a, double b) { return {a.t + b}; }
  friend Value operator*(const Value& a, double b) { return {a.t * b}; }
  friend Value sqrt(const Value& a) {
    const Tensor zero = a.t.detach() == 0;
    return {at::sqrt(a.t.masked_fill(zero, 1)).masked_fill(zero, 0)};
  }
  friend Value abs(const Value& a) { return {at::abs(a.t)}; }
  friend Value sign(const Value& a) { return {at::sign(a.t)}; }
  friend Value maximum(const Value& a, const Value& b) { return {at::maximum(a.t, b.t)}; }
  friend Value clamp(const Value& a, double low, double high) {
    return {at::clamp(a.t, low, high)};
  }
};

template <class Rule>
Tensor direction(const double* c, const Tensor& g, const Tensor& x, Tensor* slots) {
  Value s[kernels::kMaxSlots];
  for (int i = 0; i < Rule::slots; ++i) s[i].t = slots[i];
  Value d = Rule::template direction<Value, double>(c, Value{g}, Value{x}, s);
  for (int i = 0; i < Rule::slots; ++i) slots[i] = s[i].t;
  return d.t;
}

}  // namespace

Tensor recorded_direction(kernels::Formula formula, const double* c, const Tensor& g,
                          const Tensor& x, Tensor* slots) {
  switch (formula) {
#define LUXTORCH_CASE(rule)    \
  case kernels::Formula::rule: \
    return direction<kernels::rules::rule>(c, g, x, slots);
    LUXTORCH_FOR_EACH_OPTIMIZER_RULE(LUXTORCH_CASE)
#undef LUXTORCH_CASE
  }
  return {};
}

}  // namespace luxtorch::detail
