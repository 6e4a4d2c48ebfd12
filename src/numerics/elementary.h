// Double-precision exp, log, sin and cos from +, ×, ÷ and fma alone: libm differs between machines.
// Used where a value is computed once and rounded once: rope tables, log-probabilities.
#pragma once

namespace isobatch::numerics {

struct SinCos {
  double sin;
  double cos;
};

double exp64(double x);      // |error| < 2 ulp on [-700, 700]
double log64(double x);      // x > 0 and normal; |error| < 2 ulp away from 1, < 1e-16 absolute near it
SinCos sin_cos64(double x);  // |x| < 2^30; |error| < 1e-15

inline float log(float x) { return static_cast<float>(log64(x)); }  // x > 0

}  // namespace isobatch::numerics
