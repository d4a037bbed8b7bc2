// The optimizers' formulas, one element at a time.
//
//     V d = Adam::direction(c, g, x, s);      // x' = x - d
//
// Level 1. V is float or double in the loops of optimizer.cpp, or a tensor where there is no loop
// for its dtype and device: the same text serves all three. g: gradient; x: parameter; s: the
// rule's moments, updated in place; c: coefficients, made once per step by the rule's table entry
// (optim/optim_rules.cpp), where c's order is written down.
#pragma once

#include <cmath>
#include <concepts>
#include <limits>

namespace luxtorch::kernels::rules {

using std::abs;
using std::sqrt;

template <std::floating_point T>
inline T sign(T x) {
  return static_cast<T>(x > 0) - static_cast<T>(x < 0);
}
// NaN wins in both, as in torch.
template <std::floating_point T>
inline T maximum(T a, T b) {
  return a > b || a != a ? a : b;
}
template <std::floating_point T>
inline T clamp(T x, T low, T high) {
  return x < low ? low : x > high ? high : x;
}

/// c: factor.
struct Scale {
  static constexpr int slots = 0;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V*) {
    return g * c[0];
  }
};

/// c: rho, lr.
struct Momentum {
  static constexpr int slots = 1;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    s[0] = s[0] * c[0] + g * c[1];
    return s[0];
  }
};

/// c: rho, lr, rho^2, (1 + rho) lr.
struct Nesterov {
  static constexpr int slots = 1;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    V d = g * c[3] - s[0] * c[2];
    s[0] = s[0] * c[0] - g * c[1];
    return d;
  }
};

/// c: rho, 1 - rho, lr, epsilon.
struct RMSProp {
  static constexpr int slots = 1;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    s[0] = s[0] * c[0] + g * g * c[1];
    return g * c[2] / (sqrt(s[0]) + c[3]);
  }
};
struct CentredRMSProp {
  static constexpr int slots = 2;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    s[0] = s[0] * c[0] + g * g * c[1];
    s[1] = s[1] * c[0] + g * c[1];
    // q - l^2, infinite where q alone is. Rounding can make that of a constant gradient negative.
    V root = sqrt(s[0]);
    V variance = clamp(V((root - s[1]) * (root + s[1])), C(0), std::numeric_limits<C>::infinity());
    return g * c[2] / (sqrt(variance) + c[3]);
  }
};

/// c: beta1, 1 - beta1, beta2, 1 - beta2, step size, scale of the root, epsilon.
struct Adam {
  static constexpr int slots = 2;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    s[0] = s[0] * c[0] + g * c[1];
    s[1] = s[1] * c[2] + g * g * c[3];
    return s[0] * c[4] / (sqrt(s[1]) * c[5] + c[6]);
  }
};

/// c: Adam's; a scale of the root of 0: d = lr m^.
struct RAdam {
  static constexpr int slots = 2;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V& x, V* s) {
    V d = Adam::direction(c, g, x, s);
    // Not the root times 0: it is infinite where g * g is.
    return c[5] == 0 ? V(s[0] * c[4]) : d;
  }
};

/// c: Adam's, decay.
struct AdamW {
  static constexpr int slots = 2;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V& x, V* s) {
    return Adam::direction(c, g, x, s) + x * c[7];
  }
};

/// c: beta1, 1 - beta1, beta2, step size, epsilon.
struct AdaMax {
  static constexpr int slots = 2;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    s[0] = s[0] * c[0] + g * c[1];
    s[1] = maximum(V(s[1] * c[2]), V(abs(g)));
    return s[0] * c[3] / (s[1] + c[4]);
  }
};

/// c: beta1, 1 - beta1, beta2, 1 - beta2, factor of the moment, of the gradient, of the second
/// moment, epsilon.
struct NAdam {
  static constexpr int slots = 2;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    s[0] = s[0] * c[0] + g * c[1];
    s[1] = s[1] * c[2] + g * g * c[3];
    return (s[0] * c[4] + g * c[5]) / (sqrt(V(s[1] * c[6])) + c[7]);
  }
};

/// c: Adam's.
struct OAdam {
  static constexpr int slots = 3;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V& x, V* s) {
    V before = s[2];
    s[2] = Adam::direction(c, g, x, s);
    return s[2] * C(2) - before;
  }
};

/// c: Adam's with no bias correction.
struct AMSGrad {
  static constexpr int slots = 3;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    s[0] = s[0] * c[0] + g * c[1];
    s[1] = s[1] * c[2] + g * g * c[3];
    s[2] = maximum(s[2], s[1]);
    return s[0] * c[4] / (sqrt(s[2]) + c[6]);
  }
};

/// c: Adam's.
struct AdaBelief {
  static constexpr int slots = 2;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    s[0] = s[0] * c[0] + g * c[1];
    V surprise = g - s[0];
    s[1] = s[1] * c[2] + surprise * surprise * c[3] + c[6];
    return s[0] * c[4] / (sqrt(s[1]) * c[5] + c[6]);
  }
};

/// c: lr, epsilon.
struct AdaGrad {
  static constexpr int slots = 1;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    s[0] = s[0] + g * g;
    return g * c[0] / (sqrt(s[0]) + c[1]);
  }
};

/// c: rho, 1 - rho, epsilon.
struct AdaDelta {
  static constexpr int slots = 2;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    s[0] = s[0] * c[0] + g * g * c[1];
    V d = g * sqrt(V(s[1] + c[2])) / sqrt(V(s[0] + c[2]));
    s[1] = s[1] * c[0] + d * d * c[1];
    return d;
  }
};

/// c: beta1, 1 - beta1, beta2, 1 - beta2, lr.
struct Lion {
  static constexpr int slots = 1;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    V d = sign(V(s[0] * c[0] + g * c[1])) * c[4];
    s[0] = s[0] * c[2] + g * c[3];
    return d;
  }
};

/// c: lambda.
struct WeightDecay {
  static constexpr int slots = 0;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V& x, V*) {
    return g + x * c[0];
  }
};
struct SignDecay {
  static constexpr int slots = 0;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V& x, V*) {
    return g + sign(x) * c[0];
  }
};

/// c: -delta, delta.
struct ClipGrad {
  static constexpr int slots = 0;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V*) {
    return clamp(g, c[0], c[1]);
  }
};

/// c: 1 / n.
struct Accumulate {
  static constexpr int slots = 1;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    s[0] = s[0] + g * c[0];
    return s[0];
  }
};

/// c: factors for another sign and for the same, least and largest step size. s: g, step size.
struct Rprop {
  static constexpr int slots = 2;
  template <class V, class C>
  static V direction(const C* c, const V& g, const V&, V* s) {
    V now = sign(g);
    V turn = sign(s[0]) * now;  // 1: the same sign, -1: the other one
    V same = turn * (turn + C(1)) * C(0.5), other = turn * (turn + C(-1)) * C(0.5);
    V stay = turn * turn * C(-1) + C(1), kept = other * C(-1) + C(1);
    s[1] = clamp(V(s[1] * (other * c[0] + same * c[1] + stay)), c[2], c[3]);
    s[0] = g * kept;
    return s[1] * now * kept;
  }
};

}  // namespace luxtorch::kernels::rules

/// Every formula, for tables of loops.
// clang-format off: it would never come to rest here
#define LUXTORCH_FOR_EACH_OPTIMIZER_RULE(X) \
  X(Scale) X(Momentum) X(Nesterov) X(RMSProp) X(CentredRMSProp) \
  X(Adam) X(RAdam) X(AdamW) X(AdaMax) X(NAdam) X(OAdam) \
  X(AMSGrad) X(AdaBelief) X(AdaGrad) X(AdaDelta) X(Lion) \
  X(WeightDecay) X(SignDecay) X(ClipGrad) X(Accumulate) X(Rprop)
// clang-format on
