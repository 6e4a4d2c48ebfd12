// exp, tanh and erf in f32 from +, ×, ÷ and fma alone. Coefficients: tools/fit_polynomials.py.
#pragma once

#include "numerics/scalar.h"

namespace isobatch::numerics {

// exp(x) = 2ⁿ · (1 + r + r²·P(r)), n = round-to-even(x · log2 e), r = x − n·ln 2 in two parts.
inline constexpr float kExpLow = -87.0f;          // below: +0
inline constexpr float kExpHigh = 0x1.62e42ep6f;  // above: +inf (the last x with a finite exp)
inline constexpr float kLog2E = 0x1.715476p0f;
inline constexpr float kLn2High = 0x1.62e4p-1f;
inline constexpr float kLn2Low = 0x1.7f7d1cp-20f;
inline constexpr float kExpPolynomial[5] = {0x1.fffffcp-2f, 0x1.555490p-3f, 0x1.5558f4p-5f, 0x1.123a6cp-7f,
                                            0x1.6a234ep-10f};

inline float exp(float x) {
  if (x != x) return canonical_nan();
  if (x < kExpLow) return 0.0f;
  if (x > kExpHigh) return __builtin_inff();
  const float n = std::nearbyint(x * kLog2E);
  const float r = fma(-n, kLn2Low, fma(-n, kLn2High, x));
  float p = kExpPolynomial[4];
  for (int i = 3; i >= 0; --i) p = fma(p, r, kExpPolynomial[i]);
  return scalbn_exact(fma(p, r * r, r) + 1.0f, static_cast<int>(n));
}

// |x| < 0.625: x + x·z·P(z), z = x²; else 1 − 2 / (exp(2|x|) + 1) with the sign of x.
inline constexpr float kTanhSmall = 0.625f;
inline constexpr float kTanhPolynomial[6] = {-0x1.555556p-2f, 0x1.1110ecp-3f,  -0x1.ba0960p-5f,
                                             0x1.64b22ap-6f,  -0x1.119ce8p-7f, 0x1.2d538ap-9f};

inline float tanh(float x) {
  const float magnitude = std::fabs(x);
  if (magnitude < kTanhSmall) {
    const float z = x * x;
    float p = kTanhPolynomial[5];
    for (int i = 4; i >= 0; --i) p = fma(p, z, kTanhPolynomial[i]);
    return std::copysign(fma(x * z, p, x), x);  // −0 stays −0
  }
  return canonical(std::copysign(1.0f - 2.0f / (exp(2.0f * magnitude) + 1.0f), x));
}

// |x| < 1: x + x·P(x²); |x| < 4: 1 − exp(Q(|x| − 2)) with the sign of x, Q = log erfc; else ±1.
inline constexpr float kErfSmallPolynomial[7] = {0x1.06eba8p-3f,  -0x1.81273ep-2f, 0x1.ce2d20p-4f,
                                                 -0x1.b7fbb4p-6f, 0x1.5419f4p-8f,  -0x1.a485e8p-11f,
                                                 0x1.4ae4c6p-14f};
inline constexpr float kErfLargePolynomial[9] = {-0x1.575b32p+2f, -0x1.1ac326p+2f,  -0x1.d8f5e2p-1f,
                                                 -0x1.0dc61cp-6f, 0x1.d3f912p-9f,   -0x1.7f2318p-11f,
                                                 0x1.206b78p-13f, -0x1.653f3cp-16f, 0x1.0ddc52p-22f};

inline float erf(float x) {
  if (x != x) return canonical_nan();
  const float magnitude = std::fabs(x);
  if (magnitude < 1.0f) {
    const float z = x * x;
    float p = kErfSmallPolynomial[6];
    for (int i = 5; i >= 0; --i) p = fma(p, z, kErfSmallPolynomial[i]);
    return fma(x, p, x);
  }
  if (magnitude >= 4.0f) return std::copysign(1.0f, x);
  const float t = magnitude - 2.0f;
  float q = kErfLargePolynomial[8];
  for (int i = 7; i >= 0; --i) q = fma(q, t, kErfLargePolynomial[i]);
  return std::copysign(1.0f - exp(q), x);
}

}  // namespace isobatch::numerics
