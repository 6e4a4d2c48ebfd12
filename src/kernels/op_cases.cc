#include "kernels/op_cases.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "base/float16.h"
#include "kernels/op_inputs.h"
#include "kernels/ref/ref.h"
#include "numerics/scalar.h"

namespace isobatch::kernels {
namespace {

using namespace op_inputs;

template <Rounding kRounding>
Bytes run_rms_norm(const KernelTable& table, const Shape& s, InputSource& source) {
  Misaligned x(source.floats(area(s.rows, s.depth))), weight(source.floats(s.depth));
  table.rms_norm[kRounding](x.data(), weight.data(), s.position % 2 ? 1.0f : 0.0f, 1e-5f, s.rows, s.depth,
                            x.data());
  return x.bytes();
}

Bytes run_layer_norm(const KernelTable& table, const Shape& s, InputSource& source) {
  Misaligned x(source.floats(area(s.rows, s.depth))), weight(source.floats(s.depth)),
      bias(source.floats(s.depth));
  Misaligned out(std::vector<float>(area(s.rows, s.depth)));
  table.layer_norm(x.data(), weight.data(), s.position % 2 ? bias.data() : nullptr, 1e-5f, s.rows, s.depth,
                   out.data());
  return out.bytes();
}

Bytes run_round(RoundRows* op, const Shape& s, InputSource& source) {
  Misaligned x(source.floats(area(s.rows, s.depth)));
  op(x.data(), area(s.rows, s.depth), x.data());
  return x.bytes();
}
Bytes run_round_operands(const KernelTable& table, const Shape& s, InputSource& source) {
  return run_round(table.round_operands, s, source);
}
template <Rounding kRounding>
Bytes run_round_results(const KernelTable& table, const Shape& s, InputSource& source) {
  return run_round(table.round_results[kRounding], s, source);
}

template <QuantForm kForm, bool kHalfSums>
Bytes run_quantize_rows(const KernelTable& table, const Shape& s, InputSource& source) {
  const int stride = s.depth + 3;
  Misaligned x(source.floats(area(s.rows, stride)));
  Quantized q(s.rows, s.depth, kHalfSums, kForm);
  QuantizeRows* quantize = table.quantize_rows[static_cast<int>(kForm)];
  const int row = s.rows / 2, group = q.rows.groups() / 2;  // in four calls, as threads do
  quantize(x.data(), stride, {0, row, 0, group}, q.rows);
  quantize(x.data(), stride, {0, row, group, q.rows.groups()}, q.rows);
  quantize(x.data(), stride, {row, s.rows, group, q.rows.groups()}, q.rows);
  quantize(x.data(), stride, {row, s.rows, 0, group}, q.rows);
  Bytes bytes = bytes_of(q.values);
  append(bytes, q.scales);
  append(bytes, q.sums);
  append(bytes, q.scaled_sums);
  append(bytes, q.half_sums);
  append(bytes, q.pair_products);
  return bytes;
}

MatmulTask matmul_task(const Weights& w, int rows, std::vector<float>& out) {
  MatmulTask task;
  task.weights = w.matrix;
  task.panel_end = w.matrix.panels();
  task.rows = rows;
  task.out = out.data();
  task.out_stride = w.matrix.outputs + 5;
  return task;
}

Bytes run_matmul(MatmulF* matmul, TensorType type, const Shape& s, InputSource& source,
                 bool operands_of_dot_b) {
  const Weights w(type, s.outputs, s.depth, source, operands_of_dot_b);
  const int stride = s.depth + 1;
  Misaligned x(source.floats(area(s.rows, stride)));
  if (operands_of_dot_b) ref::round_operands(x.data(), area(s.rows, stride), x.data());
  std::vector<float> out(area(s.rows, s.outputs + 5), 7.0f);
  matmul(matmul_task(w, s.rows, out), x.data(), stride);
  return bytes_of(out);
}

template <TensorType kType>
Bytes run_matmul_f(const KernelTable& table, const Shape& s, InputSource& source) {
  return run_matmul(table.matmul_f[static_cast<int>(kType)], kType, s, source, false);
}

Bytes run_matmul_b(const KernelTable& table, const Shape& s, InputSource& source) {
  return run_matmul(table.matmul_b, TensorType::bf16, s, source, true);
}

Bytes run_quantized_product(const KernelTable& table, TensorType type, MatmulQ* matmul, QuantForm form,
                            const Shape& s, InputSource& source) {
  const Weights w(type, s.outputs, s.depth, source);
  Misaligned x(source.floats(area(s.rows, w.matrix.depth)));
  Quantized q(s.rows, w.matrix.depth, quant_layout(type).scaled < kBlock, form);
  table.quantize_rows[static_cast<int>(form)](x.data(), w.matrix.depth, whole(q.rows), q.rows);
  std::vector<float> out(area(s.rows, s.outputs + 5), 7.0f);
  const MatmulTask task = matmul_task(w, s.rows, out);
  const int first = s.rows / 3;  // in two calls, as threads do
  for (const auto& [begin, end] : {std::pair{0, first}, std::pair{first, s.rows}}) {
    MatmulTask range = task;
    range.rows = end - begin;
    range.out += begin * task.out_stride;
    matmul(range, q.rows.from(begin));
  }
  return bytes_of(out);
}
template <TensorType kType>
Bytes run_matmul_q(const KernelTable& table, const Shape& s, InputSource& source) {
  return run_quantized_product(table, kType, table.matmul_q[static_cast<int>(kType)],
                               table.quant_form(s.rows), s, source);
}
template <TensorType kType>
Bytes run_matmul_q8(const KernelTable& table, const Shape& s, InputSource& source) {
  return run_quantized_product(table, kType, table.matmul_q8[static_cast<int>(kType)], QuantForm::int8, s,
                               source);
}

template <TensorType kType>
Bytes run_unpack_row(const KernelTable& table, const Shape& s, InputSource& source) {
  const Weights w(kType, s.outputs, s.depth, source);
  std::vector<float> out(area(s.outputs, w.matrix.depth));
  for (int n = 0; n < s.outputs; ++n) {
    table.unpack_row(w.matrix, n, out.data() + area(n, w.matrix.depth));
  }
  return bytes_of(out);
}

template <Rounding kRounding>
Bytes run_rope(const KernelTable& table, const Shape& s, InputSource& source) {
  const int dim = (s.depth + 1) / 2 * 2, positions = s.position + s.rows;
  const int stride = s.outputs * dim + 2;
  Misaligned x(source.floats(area(s.rows, stride)));
  const std::vector<float> cos = source.floats(area(positions, dim / 2)), sin = source.floats(cos.size());
  std::vector<std::int32_t> at(s.rows);
  for (int r = 0; r < s.rows; ++r) at[r] = s.position + r;
  table.rope[kRounding](x.data(), stride, cos.data(), sin.data(), at.data(), s.rows, s.outputs, dim);
  return x.bytes();
}

// Blocks of K and V up to `keys` positions; what lies behind them is NaN in every dtype, so that reading a
// masked key shows.
struct KvBlocks {
  std::vector<Bytes> storage;
  std::vector<const std::byte*> blocks;
  std::size_t v_offset;
  // The values of the keys in `spoiled` are NaN.
  KvBlocks(StoreKv* store, KvDType dtype, int head_dim, int keys, InputSource& source,
           std::span<const int> spoiled = {}) {
    const KvLayout layout{.dtype = dtype, .layers = 1, .kv_heads = 1, .head_dim = head_dim};
    v_offset = layout.half_block_bytes();
    storage.assign((keys + kKeyBlock - 1) / kKeyBlock, Bytes(layout.block_bytes(), std::byte{0xff}));
    for (int t = 0; t < keys; ++t) {
      std::vector<float> k = source.floats(head_dim), v = source.floats(head_dim);
      if (std::ranges::count(spoiled, t) > 0) v.assign(head_dim, numerics::canonical_nan());
      store(k.data(), v.data(), head_dim, t % kKeyBlock, storage[t / kKeyBlock].data(), v_offset);
    }
    for (const Bytes& block : storage) blocks.push_back(block.data());
  }

  // The first keys become NaN too, those that a window leaves out.
  void spoil(KvDType dtype, int head_dim, int keys) {
    const std::vector<float> nan(head_dim, numerics::canonical_nan());
    for (int t = 0; t < keys; ++t) {
      ref_table().store_kv[static_cast<int>(dtype)](nan.data(), nan.data(), head_dim, t % kKeyBlock,
                                                    storage[t / kKeyBlock].data(), v_offset);
    }
  }
};

template <KvDType kDType>
Bytes run_store_kv(const KernelTable& table, const Shape& s, InputSource& source) {
  const KvBlocks kv(table.store_kv[static_cast<int>(kDType)], kDType, s.depth, s.position + s.rows, source);
  Bytes bytes;
  for (const Bytes& block : kv.storage) append(bytes, block);
  return bytes;
}

Bytes run_attention_task(const KernelTable& table, KvDType dtype, const Shape& s, AttentionTask task,
                         InputSource& source, bool in_parts = false, std::span<const int> spoiled = {}) {
  const int group = s.outputs % 8 + 1;
  KvBlocks kv(ref_table().store_kv[static_cast<int>(dtype)], dtype, s.depth, s.position + s.rows, source,
              spoiled);
  kv.spoil(dtype, s.depth, task.first_visible(s.position));
  task.query_stride = group * s.depth + 3;
  Misaligned q(source.floats(s.rows * task.query_stride));
  std::vector<float> out(s.rows * task.query_stride, 7.0f);
  std::vector<float> scratch(attention_scratch_floats(s.rows, group, s.depth, s.position + s.rows));
  task.q = q.data();
  task.out = out.data();
  task.queries = s.rows;
  task.group = group;
  task.head_dim = s.depth;
  task.first_position = s.position;
  task.blocks = kv.blocks.data();
  task.v_offset = kv.v_offset;
  task.scale = 1.0f / std::sqrt(static_cast<float>(s.depth));
  task.scratch = scratch.data();
  const AttentionParts& parts = table.attention_parts[static_cast<int>(dtype)];
  if (!in_parts || !parts.scores) {
    table.attention[static_cast<int>(dtype)](task);
    return bytes_of(out);
  }
  SplitAttention split{.task = task};
  std::vector<float> scores(split.score_floats(), numerics::canonical_nan());
  std::vector<float> highest(split.highest_floats(), numerics::canonical_nan());
  std::vector<float> sums(split.sum_floats(), numerics::canonical_nan());
  split.scores = scores.data(), split.highest = highest.data(), split.sums = sums.data();
  // Parts of one and of two blocks, the last first: nothing may depend on their order.
  const auto for_parts = [&](AttentionPart* part) {
    for (int end = split.blocks(), n = 1; end > split.first_block(); end -= n, n = 3 - n) {
      part(split, std::max(split.first_block(), end - n), end, scratch.data());
    }
  };
  for_parts(parts.scores);
  for_parts(parts.values);
  parts.combine(split, scratch.data());
  return bytes_of(out);
}

template <KvDType kDType>
Bytes run_attention(const KernelTable& table, const Shape& s, InputSource& source) {
  return run_attention_task(table, kDType, s, {}, source);
}

// Windows that begin in the first block of keys and in later ones, at even and odd keys.
template <KvDType kDType>
Bytes run_attention_window(const KernelTable& table, const Shape& s, InputSource& source) {
  AttentionTask task;
  task.window = s.outputs + s.position / 2;
  task.soft_cap = s.rows % 2 ? 5.0f : 0.0f;
  return run_attention_task(table, kDType, s, task, source);
}

// A value that some queries see and others do not is NaN: that of the last key, of the first one behind the
// first query, or with a window of the first one, which the first query alone sees. It must not get into
// another's sum, not even by a weight of zero.
template <KvDType kDType>
Bytes run_attention_edges(const KernelTable& table, const Shape& s, InputSource& source) {
  AttentionTask task;
  task.window = s.outputs % 2 == 0 ? 0 : 33 + s.outputs;
  const int last = s.position + s.rows - 1;
  const int candidates[] = {last, s.position + 1, task.window > 0 ? task.first_visible(s.position) : last};
  const int spoiled[] = {candidates[(s.position + s.outputs) % 3]};
  return run_attention_task(table, kDType, s, task, source, /*in_parts=*/s.rows % 5 == 4, spoiled);
}

// Windows of many lengths, so that parts begin before them, in them and behind them.
template <KvDType kDType>
Bytes run_attention_parts(const KernelTable& table, const Shape& s, InputSource& source) {
  AttentionTask task;
  task.window = s.outputs % 3 == 0 ? 0 : s.outputs + s.position / 2;
  task.soft_cap = s.rows % 2 ? 0.0f : 5.0f;
  return run_attention_task(table, kDType, s, task, source, /*in_parts=*/true);
}

Bytes run_gate_op(Gate* op, const Shape& s, InputSource& source) {
  const std::size_t n = area(s.rows, s.depth);
  Misaligned gate(source.floats(n)), up(source.floats(n));
  for (std::size_t i = 0; i < n; i += 3) gate.data()[i] *= 12.0f;  // reach the ends of exp, tanh and erf
  op(gate.data(), up.data(), n, gate.data());
  return gate.bytes();
}

Bytes run_gelu_erf_mul(const KernelTable& table, const Shape& s, InputSource& source) {
  return run_gate_op(table.gelu_erf_mul, s, source);
}
template <Rounding kRounding>
Bytes run_gelu_tanh_mul(const KernelTable& table, const Shape& s, InputSource& source) {
  return run_gate_op(table.gelu_tanh_mul[kRounding], s, source);
}

template <Rounding kRounding>
Bytes run_silu_mul(const KernelTable& table, const Shape& s, InputSource& source) {
  return run_gate_op(table.silu_mul[kRounding], s, source);
}

template <Rounding kRounding>
Bytes run_soft_cap(const KernelTable& table, const Shape& s, InputSource& source) {
  const std::size_t n = area(s.rows, s.depth);
  Misaligned x(source.floats(n));
  for (std::size_t i = 0; i < n; i += 2) x.data()[i] *= 100.0f;
  table.soft_cap[kRounding](x.data(), n, 30.0f, x.data());
  return x.bytes();
}

template <Rounding kRounding>
Bytes run_scale(const KernelTable& table, const Shape& s, InputSource& source) {
  const std::size_t n = area(s.rows, s.depth);
  Misaligned x(source.floats(n));
  table.scale[kRounding](x.data(), n, 25.25f, x.data());
  return x.bytes();
}

template <Rounding kRounding>
Bytes run_add(const KernelTable& table, const Shape& s, InputSource& source) {
  const std::size_t n = area(s.rows, s.depth);
  Misaligned a(source.floats(n)), b(source.floats(n));
  table.add[kRounding](a.data(), b.data(), n, b.data());
  return b.bytes();
}

Bytes run_argmax(const KernelTable& table, const Shape& s, InputSource& source) {
  std::vector<std::int32_t> found;
  for (int r = 0; r < s.rows; ++r) {
    std::vector<float> x = source.floats(s.depth);
    if (r % 2 == 1) {  // ties
      for (float& v : x) v = std::round(v * 2.0f);
    }
    found.push_back(table.argmax(x.data(), s.depth));
  }
  return bytes_of(found);
}

Bytes run_sum_exp(const KernelTable& table, const Shape& s, InputSource& source) {
  std::vector<float> sums;
  for (int r = 0; r < s.rows; ++r) {
    Misaligned x(source.floats(s.depth));
    sums.push_back(table.sum_exp(x.data(), s.depth, source.next()));
  }
  return bytes_of(sums);
}

constexpr OpCase kOpCases[] = {
    {"rms_norm", run_rms_norm<Rounding::none>},
    {"rms_norm.bf16", run_rms_norm<Rounding::bf16>},
    {"rms_norm.f16", run_rms_norm<Rounding::f16>},
    {"layer_norm", run_layer_norm},
    {"round_results", run_round_results<Rounding::bf16>},
    {"round_results.f16", run_round_results<Rounding::f16>},
    {"round_operands", run_round_operands},
    {"quantize_rows", run_quantize_rows<QuantForm::bytes, false>},
    {"quantize_rows.words", run_quantize_rows<QuantForm::words, false>},
    {"quantize_rows.half_sums", run_quantize_rows<QuantForm::bytes, true>},
    {"quantize_rows.words.half_sums", run_quantize_rows<QuantForm::words, true>},
    {"quantize_rows.paired_words", run_quantize_rows<QuantForm::paired_words, false>},
    {"quantize_rows.paired_words.half_sums", run_quantize_rows<QuantForm::paired_words, true>},
    {"quantize_rows.int8", run_quantize_rows<QuantForm::int8, false>},
    {"quantize_rows.int8.half_sums", run_quantize_rows<QuantForm::int8, true>},
    {"matmul_f.F32", run_matmul_f<TensorType::f32>},
    {"matmul_f.F16", run_matmul_f<TensorType::f16>},
    {"matmul_f.BF16", run_matmul_f<TensorType::bf16>},
    {"matmul_q.Q8_0", run_matmul_q<TensorType::q8_0>},
    {"matmul_q.Q4_0", run_matmul_q<TensorType::q4_0>},
    {"matmul_q.Q4_1", run_matmul_q<TensorType::q4_1>},
    {"matmul_q.Q5_0", run_matmul_q<TensorType::q5_0>},
    {"matmul_q.Q5_1", run_matmul_q<TensorType::q5_1>},
    {"matmul_q.Q2_K", run_matmul_q<TensorType::q2_k>},
    {"matmul_q.Q3_K", run_matmul_q<TensorType::q3_k>},
    {"matmul_q.Q4_K", run_matmul_q<TensorType::q4_k>},
    {"matmul_q.Q5_K", run_matmul_q<TensorType::q5_k>},
    {"matmul_q.Q6_K", run_matmul_q<TensorType::q6_k>},
    {"matmul_q.IQ4_NL", run_matmul_q<TensorType::iq4_nl>},
    {"matmul_q.IQ4_XS", run_matmul_q<TensorType::iq4_xs>},
    {"matmul_q8.Q8_0", run_matmul_q8<TensorType::q8_0>},
    {"matmul_q8.Q4_0", run_matmul_q8<TensorType::q4_0>},
    {"matmul_q8.Q4_1", run_matmul_q8<TensorType::q4_1>},
    {"matmul_q8.Q5_0", run_matmul_q8<TensorType::q5_0>},
    {"matmul_q8.Q5_1", run_matmul_q8<TensorType::q5_1>},
    {"matmul_q8.Q2_K", run_matmul_q8<TensorType::q2_k>},
    {"matmul_q8.Q3_K", run_matmul_q8<TensorType::q3_k>},
    {"matmul_q8.Q4_K", run_matmul_q8<TensorType::q4_k>},
    {"matmul_q8.Q5_K", run_matmul_q8<TensorType::q5_k>},
    {"matmul_q8.Q6_K", run_matmul_q8<TensorType::q6_k>},
    {"matmul_q8.IQ4_NL", run_matmul_q8<TensorType::iq4_nl>},
    {"matmul_q8.IQ4_XS", run_matmul_q8<TensorType::iq4_xs>},
    {"matmul_b", run_matmul_b},
    {"unpack_row.F32", run_unpack_row<TensorType::f32>},
    {"unpack_row.F16", run_unpack_row<TensorType::f16>},
    {"unpack_row.BF16", run_unpack_row<TensorType::bf16>},
    {"unpack_row.Q8_0", run_unpack_row<TensorType::q8_0>},
    {"unpack_row.Q4_0", run_unpack_row<TensorType::q4_0>},
    {"unpack_row.Q4_1", run_unpack_row<TensorType::q4_1>},
    {"unpack_row.Q5_0", run_unpack_row<TensorType::q5_0>},
    {"unpack_row.Q5_1", run_unpack_row<TensorType::q5_1>},
    {"unpack_row.Q2_K", run_unpack_row<TensorType::q2_k>},
    {"unpack_row.Q3_K", run_unpack_row<TensorType::q3_k>},
    {"unpack_row.Q4_K", run_unpack_row<TensorType::q4_k>},
    {"unpack_row.Q5_K", run_unpack_row<TensorType::q5_k>},
    {"unpack_row.Q6_K", run_unpack_row<TensorType::q6_k>},
    {"unpack_row.IQ4_NL", run_unpack_row<TensorType::iq4_nl>},
    {"unpack_row.IQ4_XS", run_unpack_row<TensorType::iq4_xs>},
    {"rope", run_rope<Rounding::none>},
    {"rope.bf16", run_rope<Rounding::bf16>},
    {"rope.f16", run_rope<Rounding::f16>},
    {"store_kv.f32", run_store_kv<KvDType::f32>},
    {"store_kv.f16", run_store_kv<KvDType::f16>},
    {"store_kv.bf16", run_store_kv<KvDType::bf16>},
    {"store_kv.q8_0", run_store_kv<KvDType::q8_0>},
    {"attention.f32", run_attention<KvDType::f32>},
    {"attention.f16", run_attention<KvDType::f16>},
    {"attention.bf16", run_attention<KvDType::bf16>},
    {"attention.q8_0", run_attention<KvDType::q8_0>},
    {"attention_window.f32", run_attention_window<KvDType::f32>},
    {"attention_window.f16", run_attention_window<KvDType::f16>},
    {"attention_window.bf16", run_attention_window<KvDType::bf16>},
    {"attention_window.q8_0", run_attention_window<KvDType::q8_0>},
    {"attention_edges.f32", run_attention_edges<KvDType::f32>},
    {"attention_edges.f16", run_attention_edges<KvDType::f16>},
    {"attention_edges.bf16", run_attention_edges<KvDType::bf16>},
    {"attention_edges.q8_0", run_attention_edges<KvDType::q8_0>},
    {"attention_parts.f32", run_attention_parts<KvDType::f32>},
    {"attention_parts.f16", run_attention_parts<KvDType::f16>},
    {"attention_parts.bf16", run_attention_parts<KvDType::bf16>},
    {"attention_parts.q8_0", run_attention_parts<KvDType::q8_0>},
    {"silu_mul", run_silu_mul<Rounding::none>},
    {"silu_mul.bf16", run_silu_mul<Rounding::bf16>},
    {"silu_mul.f16", run_silu_mul<Rounding::f16>},
    {"gelu_tanh_mul", run_gelu_tanh_mul<Rounding::none>},
    {"gelu_tanh_mul.bf16", run_gelu_tanh_mul<Rounding::bf16>},
    {"gelu_tanh_mul.f16", run_gelu_tanh_mul<Rounding::f16>},
    {"gelu_erf_mul", run_gelu_erf_mul},
    {"soft_cap", run_soft_cap<Rounding::none>},
    {"soft_cap.bf16", run_soft_cap<Rounding::bf16>},
    {"soft_cap.f16", run_soft_cap<Rounding::f16>},
    {"scale", run_scale<Rounding::none>},
    {"scale.bf16", run_scale<Rounding::bf16>},
    {"scale.f16", run_scale<Rounding::f16>},
    {"add", run_add<Rounding::none>},
    {"add.bf16", run_add<Rounding::bf16>},
    {"add.f16", run_add<Rounding::f16>},
    {"argmax", run_argmax},
    {"sum_exp", run_sum_exp},
};

}  // namespace

std::span<const OpCase> op_cases() { return kOpCases; }

}  // namespace isobatch::kernels
