// Every operation of the table as a case that can be run on made-up input: the start-up self-test runs each
// once, the kernel tests run each on many shapes and kinds of input. The judge is always `ref`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"

namespace isobatch::kernels {

// Kinds of input values. `sliver` lies around 2⁻¹²⁶ and, squared, around the 2⁻⁵⁶ rule of N-DOT-B.
enum class InputKind { uniform, ill_conditioned, denormal, sliver, zeros, infinite, nan };
inline constexpr InputKind kInputKinds[] = {
    InputKind::uniform, InputKind::ill_conditioned, InputKind::denormal, InputKind::sliver,
    InputKind::zeros,   InputKind::infinite,        InputKind::nan};
std::string_view name(InputKind kind);

// Values that depend on the seed and the order of the calls alone.
class InputSource {
 public:
  InputSource(InputKind kind, std::uint64_t seed) : kind_(kind), state_(seed) {}
  float next();
  std::uint64_t bits();  // splitmix64, Steele et al. 2014
  std::vector<float> floats(std::size_t n);

 private:
  float uniform();  // in [-1, 1)
  InputKind kind_;
  std::uint64_t state_;
};

// Each case takes what it needs: rows, outputs (heads for rope, group for attention), depth (head_dim for
// attention), position (keys before the first query).
struct Shape {
  int rows = 1;
  int outputs = 1;
  int depth = 1;
  int position = 0;
};

struct OpCase {
  std::string_view name;  // as the field of KernelTable
  std::vector<std::byte> (*run)(const KernelTable& table, const Shape& shape, InputSource& source);
};

std::span<const OpCase> op_cases();

}  // namespace isobatch::kernels
