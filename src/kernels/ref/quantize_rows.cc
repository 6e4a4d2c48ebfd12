// N-QUANT: activations to 12-bit integers, a scale for each group of 128 along the row; or to 8 bits, a scale
// for each 32.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/ref/ref.h"
#include "numerics/scalar.h"

namespace isobatch::kernels::ref {
namespace {

// H; of 12 bits 16 · 127, so that the high part of every value fits a signed byte without −128.
constexpr float highest_of(QuantForm form) { return form == QuantForm::int8 ? 127.0f : 2032.0f; }

struct Scale {
  float scale = 0.0f;    // d: x ≈ d · q
  float inverse = 0.0f;  // 0 where all q are 0
};

Scale group_scale(const float* x, int n, float highest) {
  float amax = 0.0f;
  for (int i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) return {numerics::canonical_nan(), 0.0f};
    amax = std::max(amax, std::fabs(x[i]));
  }
  if (amax < 0x1p-100f) return {};
  return {amax / highest, highest / amax};
}

void put(QuantForm form, int k, int q, std::int8_t* values) {
  if (form == QuantForm::int8) {
    values[k] = static_cast<std::int8_t>(q);
  } else if (form == QuantForm::bytes) {
    const int high = (q + 8) >> 4;
    values[k] = static_cast<std::int8_t>(high);
    values[kBlock + k] = static_cast<std::int8_t>(q - 16 * high);
  } else {
    constexpr int kPlace[4] = {0, 2, 1, 3};
    const auto word = static_cast<std::int16_t>(q);
    std::memcpy(values + 2 * (k / 4 * 4 + kPlace[k % 4]), &word, 2);
  }
}

struct Halves {
  std::int32_t sums[2] = {};
  std::int32_t pair_products[2] = {};
};

// Fills the values of one block of n values; returns what is summed over its halves.
Halves quantize_block(const float* x, int n, float inverse, QuantForm form, std::int8_t* values) {
  std::fill_n(values, block_bytes(form), std::int8_t{0});
  Halves halves;
  if (inverse == 0.0f) return halves;
  int q[kBlock] = {};
  const float highest = highest_of(form);
  for (int k = 0; k < n; ++k) {
    q[k] = static_cast<int>(std::clamp(std::nearbyint(x[k] * inverse), -highest, highest));
    put(form, k, q[k], values);
    halves.sums[k / (kBlock / 2)] += q[k];
  }
  for (int k = 0; k < kBlock; k += 2) {
    const bool paired = k % (kBlock / 2) < 4 * kPairedQuads;
    if (paired) halves.pair_products[k / (kBlock / 2)] += q[k] * q[k + 1];
  }
  return halves;
}

void quantize_rows(const float* x, std::ptrdiff_t stride, const QuantizedPart& part, const QuantizedRows& out,
                   QuantForm form) {
  const int group_size = values_per_scale(form);
  for (int r = part.row_begin; r < part.row_end; ++r) {
    const float* row = x + r * stride;
    const int end = std::min(part.group_end * kGroup, out.depth);
    for (int k = part.group_begin * kGroup; k < end; k += kBlock) {
      const int group = k / group_size, first = group * group_size;
      const Scale scale = group_scale(row + first, std::min(group_size, out.depth - first), highest_of(form));
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(k / kBlock) * out.rows + r;
      const Halves halves = quantize_block(row + k, std::min(kBlock, out.depth - k), scale.inverse, form,
                                           out.values + at * block_bytes(form));
      out.sums[at] = halves.sums[0] + halves.sums[1];
      for (int half = 0; half < 2; ++half) {
        const std::ptrdiff_t of_half = (static_cast<std::ptrdiff_t>(k / kBlock) * 2 + half) * out.rows + r;
        if (out.half_sums) out.half_sums[of_half] = halves.sums[half];
        if (form == QuantForm::paired_words) out.pair_products[of_half] = halves.pair_products[half];
      }
      out.scales[static_cast<std::ptrdiff_t>(group) * out.rows + r] = scale.scale;
      out.scaled_sums[at] = numerics::canonical(scale.scale * static_cast<float>(out.sums[at]));
    }
  }
}

}  // namespace

void quantize_rows_bytes(const float* x, std::ptrdiff_t stride, const QuantizedPart& part,
                         const QuantizedRows& out) {
  quantize_rows(x, stride, part, out, QuantForm::bytes);
}
void quantize_rows_words(const float* x, std::ptrdiff_t stride, const QuantizedPart& part,
                         const QuantizedRows& out) {
  quantize_rows(x, stride, part, out, QuantForm::words);
}
void quantize_rows_int8(const float* x, std::ptrdiff_t stride, const QuantizedPart& part,
                        const QuantizedRows& out) {
  quantize_rows(x, stride, part, out, QuantForm::int8);
}
void quantize_rows_paired_words(const float* x, std::ptrdiff_t stride, const QuantizedPart& part,
                                const QuantizedRows& out) {
  quantize_rows(x, stride, part, out, QuantForm::paired_words);
}

}  // namespace isobatch::kernels::ref
