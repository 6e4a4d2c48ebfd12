// Made-up input for the cases of op_cases.cc.
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/op_cases.h"

namespace isobatch::kernels {

std::string_view name(InputKind kind) {
  switch (kind) {
    case InputKind::uniform:
      return "uniform";
    case InputKind::ill_conditioned:
      return "ill_conditioned";
    case InputKind::denormal:
      return "denormal";
    case InputKind::sliver:
      return "sliver";
    case InputKind::zeros:
      return "zeros";
    case InputKind::infinite:
      return "infinite";
    case InputKind::nan:
      return "nan";
  }
  return "?";
}

std::uint64_t InputSource::bits() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

float InputSource::uniform() { return static_cast<float>(bits() >> 40) * 0x1p-23f - 1.0f; }

float InputSource::next() {
  const float u = uniform();
  const std::uint64_t draw = bits();
  switch (kind_) {
    case InputKind::uniform:
      return u * 3.0f;
    case InputKind::ill_conditioned:
      return std::ldexp(u, static_cast<int>(draw % 40) - 20);
    case InputKind::denormal:
      return u * 0x1p-126f;
    case InputKind::sliver:
      return std::ldexp(u, (draw % 2 ? -55 : -125) - static_cast<int>(draw / 2 % 4));
    case InputKind::zeros:
      return draw % 4 == 0 ? u : draw % 2 ? 0.0f : -0.0f;
    case InputKind::infinite:
      return draw % 16 ? u : std::copysign(std::numeric_limits<float>::infinity(), u);
    case InputKind::nan:  // any sign and payload
      return draw % 16
                 ? u
                 : std::bit_cast<float>(0x7fc00000u | static_cast<std::uint32_t>(draw >> 32 & 0x803fffffu));
  }
  return u;
}

std::vector<float> InputSource::floats(std::size_t n) {
  std::vector<float> values(n);
  for (float& v : values) v = next();
  return values;
}

}  // namespace isobatch::kernels
