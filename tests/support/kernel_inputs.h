// Inputs in the shapes of a small model, for whoever counts or times kernels: made up, finite, ordinary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/aligned_vector.h"
#include "kernels/kernels.h"

namespace isobatch::test {

AlignedVector<float> random_floats(std::size_t n, std::uint64_t seed);

// `count` matrices of one shape, taken in turn: enough of them are in no cache.
class MatrixSet {
 public:
  MatrixSet(TensorType type, int outputs, int depth, int count);
  const kernels::PackedMatrix& next() { return matrices_[turn_++ % matrices_.size()]; }
  std::size_t matrix_bytes() const { return packed_bytes(matrices_[0]); }

 private:
  std::vector<std::byte> memory_;
  std::vector<kernels::PackedMatrix> matrices_;
  std::size_t turn_ = 0;
};

// Rows of activations, as floats and quantized by `table`, and room for a product's outputs.
class MatmulRows {
 public:
  // `int8`: for products with 8-bit activations.
  MatmulRows(const kernels::KernelTable& table, int rows, int depth, int outputs, bool int8 = false);
  MatmulRows(const MatmulRows&) = delete;
  MatmulRows& operator=(const MatmulRows&) = delete;

  void quantize();
  void multiply(const kernels::PackedMatrix& weights);  // matmul_q, matmul_q8 or matmul_f

 private:
  const kernels::KernelTable& table_;
  int outputs_;
  AlignedVector<float> x_, out_, scales_, scaled_sums_;
  AlignedVector<std::int8_t> values_;
  AlignedVector<std::int32_t> sums_, half_sums_, pair_products_;
  kernels::QuantizedRows quantized_;
};

// `queries` at the end of `keys` keys, for one KV head and its group of query heads.
class AttentionInput {
 public:
  AttentionInput(const kernels::KernelTable& table, KvDType dtype, int queries, int keys, int group,
                 int head_dim);
  AttentionInput(const AttentionInput&) = delete;
  AttentionInput& operator=(const AttentionInput&) = delete;
  void run() { attention_(task_); }

 private:
  kernels::Attention* attention_;
  AlignedVector<float> q_, out_, scratch_;
  std::vector<std::byte> memory_;
  std::vector<const std::byte*> blocks_;
  kernels::AttentionTask task_;
};

}  // namespace isobatch::test
