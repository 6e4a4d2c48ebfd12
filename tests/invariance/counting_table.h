// Counts the rows that reach the matrix products in decode steps.
#pragma once

#include "kernels/kernels.h"
#include "model/transformer.h"

namespace isobatch::invariance {

// The model, which also tells the table below whether a step is a decode step: one row a request.
std::shared_ptr<const model::Transformer> counting_transformer(std::shared_ptr<const Model> model);

// `base` with matrix products that count; at most one counts at a time. Resets the count.
const kernels::KernelTable& counting_table(const kernels::KernelTable& base);

// Most rows that one call of a matrix product has got in a decode step.
int most_decode_rows();

}  // namespace isobatch::invariance
