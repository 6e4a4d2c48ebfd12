#include "model/layers.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace isobatch::model {

void finish_operation(const Pass& pass, const char* operation, const float* results, std::ptrdiff_t n) {
  if (Observer* observer = pass.execution.observer) {
    observer->see(operation, pass.layer, results, pass.rows(), static_cast<int>(n));
  }
  if (pass.rounding != kernels::Rounding::f16 || pass.execution.overflows.empty()) return;
  for_rows(pass.execution, static_cast<int>(pass.step.logits_rows.size()), 8, [&](int begin, int end) {
    for (int i = begin; i < end; ++i) {
      Overflow& overflow = pass.execution.overflows[i];
      const float* row = results + pass.step.logits_rows[i] * n;
      if (overflow.operation || std::all_of(row, row + n, [](float x) { return std::isfinite(x); })) continue;
      overflow = {operation, pass.layer};
    }
  });
}

namespace {

void normalize_rows(const Pass& pass, const Norm& norm, const float* x, int rows, float* out) {
  const int n = static_cast<int>(norm.weight.size());
  const auto inside = norm.rounds_once ? kernels::Rounding::none : pass.rounding;
  pass.execution.kernels.rms_norm[inside](x, norm.weight.data(), 0.0f, norm.eps, rows, n, out);
  if (const auto round = pass.execution.kernels.round_results[pass.rounding]; round && norm.rounds_once) {
    round(out, static_cast<std::size_t>(rows) * n, out);
  }
}

// `normed`, made as it is read.
Input normed_input(const Pass& pass, const PreNorm& pre) {
  const auto make = [&pass, &pre](const Part& part) {
    const std::ptrdiff_t n = std::ssize(pre.norm.weight), at = part.row_begin * n;
    const int rows = part.row_end - part.row_begin;
    float* x = pass.w().x.data() + at;
    if (pre.add) pass.execution.kernels.add[pass.rounding](x, pass.w().projected.data() + at, rows * n, x);
    normalize_rows(pass, pre.norm, x, rows, pass.w().normed.data() + at);
  };
  return {.x = pass.w().normed.data(), .make = make, .stage = Stage::norm};
}

void finish_norm(const Pass& pass, const PreNorm& pre) {
  finish_operation(pass, "residual add", pass.w().x.data(), std::ssize(pre.norm.weight));
  finish_operation(pass, "norm", pass.w().normed.data(), std::ssize(pre.norm.weight));
}

}  // namespace

void normalize(const Pass& pass, const Norm& norm, const float* x, int rows, float* out) {
  const ProfileScope stage(pass.execution.profile, Stage::norm);
  const std::ptrdiff_t n = static_cast<std::ptrdiff_t>(norm.weight.size());
  for_rows(pass.execution, rows, 4, [&](int begin, int end) {
    normalize_rows(pass, norm, x + begin * n, end - begin, out + begin * n);
  });
}

void normalize_output(const Pass& pass, const Norm& norm) {
  normalize(pass, norm, pass.w().projected.data(), pass.rows(), pass.w().projected.data());
  finish_operation(pass, "norm of the output", pass.w().projected.data(), std::ssize(norm.weight));
}

void normalize_heads(const Pass& pass, const Norm& q_norm, const Norm& k_norm) {
  Workspace& w = pass.w();
  normalize(pass, q_norm, w.q.data(), pass.rows() * pass.shape.heads, w.q.data());
  normalize(pass, k_norm, w.k.data(), pass.rows() * pass.shape.kv_heads, w.k.data());
  finish_operation(pass, "norm of q", w.q.data(), pass.shape.heads * pass.shape.head_dim);
  finish_operation(pass, "norm of k", w.k.data(), pass.shape.kv_heads * pass.shape.head_dim);
}

void project_qkv(const Pass& pass, const PreNorm& norm, const AttentionWeights& weights) {
  const ProfileScope stage(pass.execution.profile, Stage::qkv);
  Workspace& w = pass.w();
  const Projection qkv[] = {{&weights.q, w.q.data()}, {&weights.k, w.k.data()}, {&weights.v, w.v.data()}};
  const Operands operands = prepare_operands(pass, normed_input(pass, norm), pass.rows(), qkv);
  finish_norm(pass, norm);
  multiply(pass, operands, pass.rows(), qkv);
  finish_operation(pass, "q", w.q.data(), weights.q.weights.outputs);
  finish_operation(pass, "k", w.k.data(), weights.k.weights.outputs);
  finish_operation(pass, "v", w.v.data(), weights.v.weights.outputs);
}

void rotate(const Pass& pass, std::size_t rope) {
  const ProfileScope stage(pass.execution.profile, Stage::rope);
  const RopeTable& table = pass.w().rope[rope];
  const int head_dim = pass.shape.head_dim, dimensions = table.dimensions();
  const auto turn = pass.execution.kernels.rope[pass.rounding];
  for_rows(pass.execution, pass.rows(), 8, [&](int begin, int end) {
    for (const auto& [x, heads] : {std::pair{pass.w().q.data(), pass.shape.heads},
                                   std::pair{pass.w().k.data(), pass.shape.kv_heads}}) {
      const std::ptrdiff_t stride = heads * head_dim;
      // Heads lie one after the other only where all of their dimensions turn.
      const int together = dimensions == head_dim ? heads : 1;
      for (int head = 0; head < heads; head += together) {
        turn(x + begin * stride + head * head_dim, stride, table.cos(), table.sin(),
             &pass.step.positions[begin], end - begin, together, dimensions);
      }
    }
  });
  finish_operation(pass, "rope of q", pass.w().q.data(), pass.shape.heads * head_dim);
  finish_operation(pass, "rope of k", pass.w().k.data(), pass.shape.kv_heads * head_dim);
}

void project_output(const Pass& pass, const AttentionWeights& weights) {
  const ProfileScope stage(pass.execution.profile, Stage::o);
  const Projection o[] = {{&weights.o, pass.w().projected.data()}};
  multiply(pass, prepare_operands(pass, {pass.w().attended.data()}, pass.rows(), o), pass.rows(), o);
  finish_operation(pass, "o", pass.w().projected.data(), weights.o.weights.outputs);
}

void feed_forward(const Pass& pass, const PreNorm& norm, const FeedForwardWeights& weights,
                  Activation activation) {
  Workspace& w = pass.w();
  ProfileScope stage(pass.execution.profile, Stage::gate_up);
  const Projection gate_up[] = {{&weights.gate, w.gate.data()}, {&weights.up, w.up.data()}};
  const Operands normed = prepare_operands(pass, normed_input(pass, norm), pass.rows(), gate_up);
  finish_norm(pass, norm);
  multiply(pass, normed, pass.rows(), gate_up);
  finish_operation(pass, "gate", w.gate.data(), weights.gate.weights.outputs);
  finish_operation(pass, "up", w.up.data(), weights.up.weights.outputs);

  stage.next(Stage::down);
  const kernels::KernelTable& kernels = pass.execution.kernels;
  const auto gate_mul =
      (activation == Activation::silu ? kernels.silu_mul : kernels.gelu_tanh_mul)[pass.rounding];
  const std::ptrdiff_t ffn = weights.gate.weights.outputs;
  const auto activate = [&](const Part& part) {
    for (int row = part.row_begin; row < part.row_end; ++row) {
      const std::ptrdiff_t at = row * ffn + part.column_begin;
      gate_mul(w.gate.data() + at, w.up.data() + at, part.column_end - part.column_begin, w.gate.data() + at);
    }
  };
  const Projection down[] = {{&weights.down, w.projected.data()}};
  const Operands activated = prepare_operands(
      pass, {.x = w.gate.data(), .make = activate, .stage = Stage::silu_mul, .in_whole_rows = false},
      pass.rows(), down);
  finish_operation(pass, "activation of gate · up", w.gate.data(), ffn);
  multiply(pass, activated, pass.rows(), down);
  finish_operation(pass, "down", w.projected.data(), weights.down.weights.outputs);
}

}  // namespace isobatch::model
