// The table of all operations: shapes, and the id of the definition in docs/numerics.md that each must return
// bit for bit. `ref` is the executable spec; other tables start as a copy of it and override entries.
//
// Rules for all: row-major, strides in elements; outputs do not alias inputs unless said; a NaN result is
// written as 0x7fc00000; rows are independent; `rows` may be 0; no alignment beyond the element's is needed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/options.h"
#include "kernels/kv_layout.h"
#include "kernels/packed_matrix.h"

namespace isobatch::kernels {

// What the results of operations are rounded to, and the steps inside one that Hugging Face rounds as well:
// nothing in dtypes native and f32.
enum class Rounding { none, bf16, f16 };

// An operation that rounds inside has an entry for each.
template <typename Op>
struct PerRounding {
  Op* none;
  Op* bf16;
  Op* f16;
  Op* operator[](Rounding rounding) const {
    return rounding == Rounding::bf16 ? bf16 : rounding == Rounding::f16 ? f16 : none;
  }
};

// How a product wants the integers q of 32 activations. Those of 12 bits take 64 bytes, in the table's form:
//   bytes  32 high, 32 low: q = 16·high + low, high in −127 … 127, low in −8 … 7, so that byte instructions
//          multiply them exactly (and a tile of rows is an AMX A tile)
//   words  32 int16; in each four of them the order is 0, 2, 1, 3 (see simd/matmul_q.cc)
//   paired_words  words, and pair_products beside them (see x86/vnni_pairs.cc)
// Those of 8 bits (dtype native8) have one form:
//   int8   32 int8; each block of 32 has a scale of its own
enum class QuantForm { bytes, words, paired_words, int8 };
inline constexpr int kQuantForms = 4;
inline constexpr int kBlockBytes = 2 * kBlock;  // of 12-bit values, for a row and block
constexpr int block_bytes(QuantForm form) { return form == QuantForm::int8 ? kBlock : kBlockBytes; }
// N-QUANT's groups: neighbours that share a scale.
constexpr int values_per_scale(QuantForm form) { return form == QuantForm::int8 ? kBlock : kGroup; }
inline constexpr int kPairedQuads =
    3;  // of the four fours of a half block: those that are multiplied by pairs

// Activations as N-QUANT makes them. Block-major: a tile of rows is contiguous for each block of the weights.
struct QuantizedRows {
  int rows = 0;
  int depth = 0;  // K
  QuantForm form = QuantForm::bytes;
  std::int8_t* values = nullptr;  // [blocks][rows][block_bytes]; a short last block is filled with 0
  std::int32_t* sums = nullptr;   // [blocks][rows]  sum of the block's q
  float* scales = nullptr;        // [scale_rows][rows]  dx, shared by the blocks of a group; int8: of a block
  float* scaled_sums = nullptr;   // [blocks][rows]  dx · float(sum), rounded once
  std::int32_t* half_sums = nullptr;  // [blocks][2][rows]  sums of 16 q; null where no type wants them
  // [blocks][2][rows]  of 16 q, Σ q[2j] · q[2j + 1] over the first kPairedQuads fours; null but for
  // paired_words
  std::int32_t* pair_products = nullptr;
  int blocks() const { return (depth + kBlock - 1) / kBlock; }
  int groups() const { return (depth + kGroup - 1) / kGroup; }
  int scale_rows() const { return (depth + values_per_scale(form) - 1) / values_per_scale(form); }

  // The same with row `row` as the first; `rows` stays the distance from block to block.
  QuantizedRows from(int row) const {
    QuantizedRows view = *this;
    view.values += static_cast<std::ptrdiff_t>(row) * block_bytes(form);
    view.sums += row;
    view.scales += row;
    view.scaled_sums += row;
    if (view.half_sums) view.half_sums += row;
    if (view.pair_products) view.pair_products += row;
    return view;
  }
};

// What one call of quantize_rows fills. Sums and scales of neighbouring rows share cache lines, those of
// groups do not: threads that divide the work take groups of their own.
struct QuantizedPart {
  int row_begin = 0, row_end = 0;
  int group_begin = 0, group_end = 0;
};
inline QuantizedPart whole(const QuantizedRows& x) { return {0, x.rows, 0, x.groups()}; }

// Outputs [16·panel_begin, min(16·panel_end, outputs)) of x · Wᵀ, for the first `rows` rows of x.
struct MatmulTask {
  PackedMatrix weights;
  int panel_begin = 0;
  int panel_end = 0;
  int rows = 0;
  float* out = nullptr;  // [rows][out_stride], column = output
  std::ptrdiff_t out_stride = 0;
};

// One KV head's share of one request's rows in a step. Query i stands at position first_position + i and sees
// the keys up to its own, whose K and V are in `blocks`: all of them, or with a window the last `window`.
struct AttentionTask {
  const float* q = nullptr;  // [queries][group][head_dim], after rope; out has the same shape and strides
  float* out = nullptr;
  std::ptrdiff_t query_stride =
      0;  // elements from one query to the next; heads of the group are head_dim apart
  int queries = 0;
  int group = 0;  // query heads that share this KV head
  int head_dim = 0;
  int first_position = 0;
  const std::byte* const* blocks = nullptr;  // [ceil((first_position + queries) / 32)]
  std::size_t v_offset = 0;                  // bytes from a block's K to its V
  float scale = 1.0f;
  int window = 0;            // keys that a query sees, its own the last; 0: all
  float soft_cap = 0.0f;     // of the scores, soft_cap · tanh(score / soft_cap); 0: none
  float* scratch = nullptr;  // attention_scratch_floats() of it
  // For the rate alone: what the calling thread does next, whose memory is asked for meanwhile, and whether
  // this task was the one before's `next`.
  const AttentionTask* next = nullptr;
  bool asked_for = false;

  int first_visible(int position) const {
    return window > 0 && position >= window ? position - window + 1 : 0;
  }
};
constexpr int padded_keys(int keys) { return (keys + kKeyBlock - 1) / kKeyBlock * kKeyBlock; }
// Floats from the scores of a row to those of the next: rows of a power of two would share the sets of a
// cache.
constexpr std::ptrdiff_t attention_row_floats(int keys) { return padded_keys(keys) + kPanel; }
constexpr std::size_t attention_scratch_floats(int queries, int group, int head_dim, int keys) {
  const std::size_t row_floats = attention_row_floats(keys);
  return static_cast<std::size_t>(queries) * group * (row_floats * 3 / 2 + 2 * head_dim + 16 + kKeyBlock);
}

// A task with many keys in parts of whole blocks, for several threads: first the scores of all parts, then
// the values of all, then combine, each a step that all threads have ended before the next. The same bytes as
// Attention. Every thread brings attention_scratch_floats(queries, group, head_dim, 0).
struct SplitAttention {
  AttentionTask task;        // without scratch
  float* scores = nullptr;   // [rows()][padded_keys()], later the weights
  float* highest = nullptr;  // [blocks()][rows()], of the scores of each block
  float* sums = nullptr;     // [blocks()][rows()][padded head_dim], of each block by itself

  int first_block() const { return task.first_visible(task.first_position) / kKeyBlock; }  // that counts
  int blocks() const { return (task.first_position + task.queries + kKeyBlock - 1) / kKeyBlock; }
  std::ptrdiff_t padded_keys() const { return static_cast<std::ptrdiff_t>(blocks()) * kKeyBlock; }
  int rows() const { return task.queries * task.group; }
  std::size_t score_floats() const { return static_cast<std::size_t>(rows()) * padded_keys(); }
  std::size_t highest_floats() const { return static_cast<std::size_t>(blocks()) * rows(); }
  std::size_t sum_floats() const { return highest_floats() * padded_head_dim(task.head_dim); }
};
using AttentionPart = void(const SplitAttention& split, int block_begin, int block_end, float* scratch);
struct AttentionParts {
  AttentionPart* scores = nullptr;
  AttentionPart* values = nullptr;
  void (*combine)(const SplitAttention& split, float* scratch) = nullptr;
};

using RmsNorm = void(const float* x, const float* weight, float weight_offset, float eps, int rows, int n,
                     float* out);
using LayerNorm = void(const float* x, const float* weight, const float* bias, float eps, int rows, int n,
                       float* out);
using RoundRows = void(const float* x, std::size_t n, float* out);
// The part's rows and groups; x points to row 0.
using QuantizeRows = void(const float* x, std::ptrdiff_t stride, const QuantizedPart& part,
                          const QuantizedRows& out);
using MatmulF = void(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride);
using MatmulQ = void(const MatmulTask& task, const QuantizedRows& x);
using UnpackRow = void(const PackedMatrix& weights, int row, float* out);
using Rope = void(float* x, std::ptrdiff_t stride, const float* cos, const float* sin,
                  const std::int32_t* positions, int rows, int heads, int head_dim);
using StoreKv = void(const float* k, const float* v, int head_dim, int position_in_block, std::byte* block,
                     std::size_t v_offset);
using Attention = void(const AttentionTask& task);
using Gate = void(const float* gate, const float* up, std::size_t n, float* out);
using Elementwise = void(const float* x, std::size_t n, float parameter, float* out);
using Add = void(const float* a, const float* b, std::size_t n, float* out);
using Argmax = int(const float* x, int n);
using SumExp = float(const float* x, int n, float offset);

struct KernelTable {
  std::string_view name;

  // N-NORM   out = (x · 1/sqrt(mean(x²) + eps)) · (weight_offset + weight); out may be x
  PerRounding<RmsNorm> rms_norm;
  LayerNorm* layer_norm;  // N-NORM   with mean and bias (bias may be null)

  PerRounding<RoundRows> round_results;  // N-ROUND  out may be x; null where nothing is rounded
  RoundRows* round_operands;  // N-DOT-B  to bf16, and magnitudes under 2^-56 become +0; out may be x
  std::array<QuantizeRows*, kQuantForms> quantize_rows;  // N-QUANT  into a QuantForm
  // The form that matmul_q takes: of up to few_rows rows, and of more. matmul_q8 takes int8.
  QuantForm few_rows_form, many_rows_form;
  int few_rows;
  QuantForm quant_form(int rows) const { return rows <= few_rows ? few_rows_form : many_rows_form; }

  std::array<MatmulF*, kTensorTypes> matmul_f;   // N-DOT-F  f32, f16, bf16 weights; null for the others
  std::array<MatmulQ*, kTensorTypes> matmul_q;   // N-DOT-Q  quantized weights; null for the others
  std::array<MatmulQ*, kTensorTypes> matmul_q8;  // N-DOT-Q  the same with 8-bit activations
  MatmulF* matmul_b;                             // N-DOT-B  bf16 weights; x from round_operands

  UnpackRow* unpack_row;  // embedding lookup: one row of a packed matrix of any type as f32 [depth]

  PerRounding<Rope> rope;  // N-ROPE   x [rows][heads][head_dim] in place; cos, sin [position][head_dim/2]
  std::array<StoreKv*, kKvDTypes> store_kv;     // K, V of one position and head to KvDType, into a block
  std::array<Attention*, kKvDTypes> attention;  // N-ATT-B for bf16, N-ATT-F for f16 and f32, N-ATT-Q for q8_0
  std::array<AttentionParts, kKvDTypes> attention_parts;  // the same in parts; null in a table that has none

  PerRounding<Gate> silu_mul;         // N-ACT    out = silu(gate) · up; out may be gate
  PerRounding<Gate> gelu_tanh_mul;    // N-ACT
  Gate* gelu_erf_mul;                 // N-ACT
  PerRounding<Elementwise> soft_cap;  // N-ACT    out = cap · tanh(x / cap); out may be x
  PerRounding<Elementwise> scale;     //          out = x · factor; out may be x
  PerRounding<Add> add;               //          out = a + b; out may be a or b

  Argmax* argmax;   // index of the greatest value, the smallest on ties, NaN skipped; -1 when all are NaN
  SumExp* sum_exp;  // N-SUM of exp(x - offset)
};

// --- choosing a table -------------------------------------------------------------------------------------

struct TableChoice {
  const KernelTable* table;
  std::string reason;  // why this one: what was asked for, what the CPU lacks, what failed its self-test
};

// Names that this build knows, best first, `ref` last.
std::vector<std::string_view> table_names();
// Of those, the ones that this CPU can run and that passed the self-test.
std::vector<const KernelTable*> usable_tables();
// "auto" takes the best usable one. Throws Error(invalid_argument) for an unknown name, Error(unsupported)
// when this CPU cannot run the one named or its known-answer test fails.
TableChoice choose_table(std::string_view name);
std::string cpu_features();  // "AVX2 FMA F16C AVX-512F …"

const KernelTable& ref_table();

}  // namespace isobatch::kernels
