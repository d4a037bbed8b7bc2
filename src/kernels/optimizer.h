// Optimizer loops over plain memory.
//
//     Block<float> b{.n = 393, .x = x, .g = g, .d = nullptr, .s = {m, v}, .c = coefficients};
//     run(Formula::Adam, b);                    // x -= direction, m and v move on
//
// Level 1. The loops vectorise, with a copy per instruction set. No fused multiply-add: every
// machine gets the same bits, and so does every way of cutting an array into blocks.
#pragma once

#include <cstdint>

#include "kernels/optimizer_rules.h"

namespace luxtorch::kernels {

inline constexpr int kMaxSlots = 3;
inline constexpr int kMaxCoefficients = 8;

#define LUXTORCH_NAME(rule) rule,
enum class Formula { LUXTORCH_FOR_EACH_OPTIMIZER_RULE(LUXTORCH_NAME) };
#undef LUXTORCH_NAME

template <class T>
struct Block {
  int64_t n;
  T* x;             // parameters (n)
  const T* g;       // gradient (n)
  T* d;             // where the direction goes, may be g; nullptr: x -= direction
  T* s[kMaxSlots];  // moments (n), as many as the formula has
  const T* c;       // coefficients
};

void run(Formula formula, const Block<float>& block);
void run(Formula formula, const Block<double>& block);

/// sum |g|^p; for p = infinity max |g|. NaN where g has one.
double power_sum(const float* g, int64_t n, double p);
double power_sum(const double* g, int64_t n, double p);

}  // namespace luxtorch::kernels
