#include "numerics/elementary.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace isobatch::numerics {
namespace {

constexpr double kLn2High = 0x1.62e42fefa3800p-1;  // 42 bits: n · high is exact
constexpr double kLn2Low = 0x1.ef35793c76730p-45;
// π/2 in three parts; with fma each product is exact before its one rounding.
constexpr double kHalfPi1 = 0x1.921fb54442d18p0;
constexpr double kHalfPi2 = 0x1.1a62633145c07p-54;
constexpr double kHalfPi3 = -0x1.f1976b7ed8fbcp-110;

double scale_by_power_of_two(double x, std::int64_t n) {  // n in [-1022, 1023]
  return x * std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

// Sums of the Taylor series −z/(a(a−1)) · (1 − z/((a+2)(a+1)) · (1 − …)), a = first, first + 2 … last: with z
// = r², sin r = r·(1 + series from 3) and cos r = 1 + series from 2. For |r| ≤ π/4 what is left out is below
// 2^-60.
double alternating_series(double z, int first, int last) {
  double p = 0;
  for (int k = last; k >= first; k -= 2) p = -z / (k * (k - 1.0)) * (1 + p);
  return p;
}

}  // namespace

double exp64(double x) {
  const double n = std::nearbyint(x * 0x1.71547652b82fep0);
  const double r = std::fma(-n, kLn2Low, std::fma(-n, kLn2High, x));
  double p = 1;
  for (int k = 14; k >= 1; --k) p = std::fma(r / k, p, 1);
  return scale_by_power_of_two(p, static_cast<std::int64_t>(n));
}

double log64(double x) {
  std::int64_t exponent = static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(x) >> 52) - 1023;
  double m = scale_by_power_of_two(x, -exponent);
  if (m > 0x1.6a09e667f3bcdp0) {  // √2: centre the mantissa on 1
    m *= 0.5;
    exponent += 1;
  }
  const double s = (m - 1) / (m + 1);  // log m = 2 artanh s, |s| < 0.172
  const double z = s * s;
  double p = 0;
  for (int k = 23; k >= 3; k -= 2) p = std::fma(z, p, 1.0 / k);
  const double n = static_cast<double>(exponent);
  return std::fma(n, kLn2High, std::fma(n, kLn2Low, std::fma(2 * s * z, p, 2 * s)));
}

SinCos sin_cos64(double x) {
  const double n = std::nearbyint(x * 0x1.45f306dc9c883p-1);  // 2/π
  const double r = std::fma(-n, kHalfPi3, std::fma(-n, kHalfPi2, std::fma(-n, kHalfPi1, x)));
  const double s = std::fma(r, alternating_series(r * r, 3, 17), r);
  const double c = 1 + alternating_series(r * r, 2, 18);
  switch (static_cast<std::int64_t>(n) & 3) {
    case 0:
      return {s, c};
    case 1:
      return {c, -s};
    case 2:
      return {-s, -c};
    default:
      return {-c, s};
  }
}

}  // namespace isobatch::numerics
