// Matrix products: their input in the form that the matrices want, and their outputs cut for the threads.
#pragma once

#include <functional>
#include <span>

#include "model/pass.h"

namespace isobatch::model {

struct Linear {
  kernels::PackedMatrix weights;  // [outputs, depth]
  std::span<const float> bias;    // [outputs], or empty
};

struct Projection {
  const Linear* linear;
  float* out;  // [rows][outputs]
};

struct Part {
  int row_begin, row_end;
  int column_begin, column_end;
};

// What a projection reads. It may be there, or be made in parts: by the thread that then rounds or quantizes
// the part, while it lies in its cache.
struct Input {
  const float* x;                              // [rows][depth]
  std::function<void(const Part&)> make = {};  // fills this part of x
  Stage stage = Stage::quantize;               // what `make` is; the rest of a part is counted there as well
  bool in_whole_rows = true;                   // make wants all columns of its rows
};

// An input in the forms that matrices want.
struct Operands {
  const float* floats;  // [rows][depth]
  const kernels::QuantizedRows* quantized = nullptr;
};

// The input of projections that share it, matrices of one depth.
Operands prepare_operands(const Pass& pass, const Input& input, int rows,
                          std::span<const Projection> projections);

// out = x · Wᵀ + bias. The matrices are WeightLoader's of the dtype: with results in bf16 the product is
// N-DOT-B.
void multiply(const Pass& pass, const Operands& x, int rows, std::span<const Projection> projections);

}  // namespace isobatch::model
