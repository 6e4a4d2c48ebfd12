// What a table's instructions do at best: loops on registers alone, and a loop that only reads. Kernels are
// judged by their share of it; no model runs them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/kernels.h"

namespace isobatch::kernels {

struct PeakLoop {
  std::string_view instruction;
  // As a model counts them: a multiply-add of one weight and one activation is two. An activation has 12 bits
  // (docs/decisions/0002-native.md), so where bytes are multiplied, two products make one.
  double operations_per_round = 0;
  void (*run)(std::int64_t rounds) = nullptr;  // null: not known for this table
};

struct PeakLoops {
  PeakLoop quantized;   // products of quantized weights and 12-bit activations (matmul_q)
  PeakLoop quantized8;  // and 8-bit activations (matmul_q8); where bytes are added to words, of 4-bit weights
  PeakLoop f32;         // fma (matmul_f, matmul_b, attention)
};

// By the table's name; the CPU must have the table's instructions.
PeakLoops peak_loops(const KernelTable& table);

// Reads all of it, 64 bytes after 64 bytes; the result depends on each. `bytes` is a multiple of 64.
std::uint64_t read_all(const std::byte* data, std::size_t bytes);

}  // namespace isobatch::kernels
