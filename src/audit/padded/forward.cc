#include "audit/padded/forward.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace isobatch::audit::padded {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// int8 and back, with one scale for all values: what a per-tensor scheme does to a batch.
std::vector<float> with_shared_scale(std::vector<float> x) {
  float greatest = 0;
  for (const float value : x) greatest = std::max(greatest, std::abs(value));
  if (greatest == 0) return x;
  const float scale = greatest / 127;
  for (float& value : x) value = std::nearbyint(value / scale) * scale;
  return x;
}

}  // namespace

BatchState::BatchState(int batch_rows, int layers)
    : rows(batch_rows),
      real(batch_rows),
      keys(layers, std::vector<std::vector<float>>(batch_rows)),
      values(layers, std::vector<std::vector<float>>(batch_rows)) {}

void Recorder::start_step(const BatchState& state, int count, bool last_column_only) {
  ++step_;
  count_ = count;
  columns_.clear();
  const int first = static_cast<int>(state.real[row_].size()) - count;
  for (int c = 0; c < count; ++c) {
    if (state.real[row_][first + c]) columns_.push_back(c);
  }
  if (last_column_only) columns_ = {columns_.back()};
}

void Recorder::record(Op op, int layer, const float* values, int width) {
  TracedOp traced{.op = op,
                  .layer = layer,
                  .step = step_,
                  .tokens = static_cast<int>(columns_.size()),
                  .width = width,
                  .values = {}};
  for (const int column : columns_) {
    const float* from = values + (static_cast<std::ptrdiff_t>(row_) * count_ + column) * width;
    traced.values.insert(traced.values.end(), from, from + width);
  }
  trace_.ops.push_back(std::move(traced));
}

void Recorder::record_row(Op op, const float* values, int width) {
  const float* from = values + static_cast<std::ptrdiff_t>(row_) * width;
  trace_.ops.push_back({.op = op,
                        .layer = -1,
                        .step = step_,
                        .tokens = 1,
                        .width = width,
                        .values = std::vector<float>(from, from + width)});
}

struct Forward::Pass {
  const BatchState& state;
  const Columns& columns;
};

Forward::Forward(const Weights& weights, Precision precision, const Faults& faults, std::mt19937_64& order)
    : weights_(weights), precision_(precision), faults_(faults), order_(order) {}

// x · Wᵀ. A single row goes to the matrix-vector routine, as frameworks have it.
std::vector<float> Forward::project(const std::vector<float>& x, const Matrix& matrix) const {
  const int rows = static_cast<int>(x.size() / matrix.depth);
  std::vector<float> scaled;
  if (faults_.batch_scale) scaled = with_shared_scale(x);
  const float* input = faults_.batch_scale ? scaled.data() : x.data();
  std::vector<float> out(static_cast<std::size_t>(rows) * matrix.outputs);
  // A small product is done before another thread has begun.
  const bool small = static_cast<double>(rows) * matrix.outputs * matrix.depth < 4e6;
  const int threads = openblas_get_num_threads();
  if (small) openblas_set_num_threads(1);
  if (rows == 1) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, matrix.outputs, matrix.depth, 1.0f, matrix.values.data(),
                matrix.depth, input, 1, 0.0f, out.data(), 1);
  } else {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, matrix.outputs, matrix.depth, 1.0f, input,
                matrix.depth, matrix.values.data(), matrix.depth, 0.0f, out.data(), matrix.outputs);
  }
  if (small) openblas_set_num_threads(threads);
  round(out);
  return out;
}

std::vector<float> Forward::normalize(const std::vector<float>& x, const std::vector<float>& weight) const {
  const std::size_t n = weight.size();
  std::vector<float> out(x.size());
  for (std::size_t at = 0; at < x.size(); at += n) {
    float squares = 0;
    for (std::size_t i = 0; i < n; ++i) squares += x[at + i] * x[at + i];
    const float factor = 1.0f / std::sqrt(squares / static_cast<float>(n) + weights_.config.norm_eps);
    for (std::size_t i = 0; i < n; ++i) out[at + i] = x[at + i] * factor;
    round_all(precision_, out.data() + at, n);
    for (std::size_t i = 0; i < n; ++i) out[at + i] *= weight[i];
  }
  round(out);
  return out;
}

// cos and sin of the columns' angles, [rows · count][half] each.
Forward::Angles Forward::angles(const std::vector<int>& positions) const {
  Angles angles;
  for (const int position : positions) {
    for (const double frequency : weights_.rope.inverse_frequencies) {
      angles.cos.push_back(static_cast<float>(std::cos(position * frequency) * weights_.rope.magnitude));
      angles.sin.push_back(static_cast<float>(std::sin(position * frequency) * weights_.rope.magnitude));
    }
  }
  round(angles.cos);
  round(angles.sin);
  return angles;
}

void Forward::rotate(std::vector<float>& x, int heads, const Angles& angles) const {
  const std::size_t half = weights_.rope.inverse_frequencies.size(), head_dim = weights_.config.head_dim;
  const std::size_t tokens = angles.cos.size() / half;
  for (std::size_t token = 0; token < tokens; ++token) {
    const float *cos = angles.cos.data() + token * half, *sin = angles.sin.data() + token * half;
    for (int head = 0; head < heads; ++head) {
      float* v = x.data() + (token * heads + head) * head_dim;
      for (std::size_t i = 0; i < half; ++i) {
        const float a = v[i], b = v[i + half];
        v[i] = a * cos[i] - b * sin[i];
        v[i + half] = b * cos[i] + a * sin[i];
      }
    }
  }
  round(x);
}

// Whether the mask lets a query's column see a key's, both counted over all columns.
bool Forward::sees(const BatchState& state, int row, int query, int key) const {
  if (key > query) return false;
  if (faults_.no_mask || state.real[row][key]) return true;
  if (!faults_.mask_off_by_one) return false;
  const bool before_prompt = key + 1 < state.columns && state.real[row][key + 1];
  const bool after_prompt = key > 0 && state.real[row][key - 1];
  return before_prompt || after_prompt;
}

void Forward::attend_row(const Pass& pass, int row, int head, std::span<const float> keys,
                         std::span<const float> values, const float* q, float* out) const {
  const model::DecoderConfig& c = weights_.config;
  const BatchState& state = pass.state;
  const int count = pass.columns.count, all = state.columns, past = all - count;
  const int width = c.heads * c.head_dim, kv_width = c.kv_heads * c.head_dim;
  const std::ptrdiff_t kv_at = static_cast<std::ptrdiff_t>(head / (c.heads / c.kv_heads)) * c.head_dim;
  std::vector<float> scores(static_cast<std::size_t>(count) * all);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, count, all, c.head_dim, 1.0f, q + head * c.head_dim,
              width, keys.data() + kv_at, kv_width, 0.0f, scores.data(), all);
  round(scores);
  for (int i = 0; i < count; ++i) {
    float* row_scores = scores.data() + static_cast<std::ptrdiff_t>(i) * all;
    float greatest = kNever;
    const auto counts_in_sum = [&](int key) {
      return sees(state, row, past + i, key) || (faults_.softmax_over_padding && key <= past + i);
    };
    for (int key = 0; key < all; ++key) {
      row_scores[key] *= c.attention_scale;
      if (counts_in_sum(key)) greatest = std::max(greatest, row_scores[key]);
    }
    float sum = 0;
    for (int key = 0; key < all; ++key) {
      const bool counts = counts_in_sum(key);
      row_scores[key] = counts ? std::exp(row_scores[key] - greatest) : 0.0f;
      sum += row_scores[key];
    }
    // A row of padding sees nothing: zeros, or what 0/0 makes of it.
    const float divisor = sum == 0 && !faults_.nan_in_padding ? 1.0f : sum;
    for (int key = 0; key < all; ++key) {
      row_scores[key] = sees(state, row, past + i, key) || sum == 0 ? row_scores[key] / divisor : 0.0f;
    }
  }
  round(scores);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, count, c.head_dim, all, 1.0f, scores.data(), all,
              values.data() + kv_at, kv_width, 0.0f, out + head * c.head_dim, width);
}

std::vector<float> Forward::attend(const Pass& pass, int layer, const std::vector<float>& q) const {
  const model::DecoderConfig& c = weights_.config;
  const BatchState& state = pass.state;
  const std::ptrdiff_t width = static_cast<std::ptrdiff_t>(c.heads) * c.head_dim,
                       kv_width = static_cast<std::ptrdiff_t>(c.kv_heads) * c.head_dim;
  std::vector<float> out(q.size());
  // Products of one head are too small to be shared among threads.
  const int threads = openblas_get_num_threads();
  openblas_set_num_threads(1);
  std::vector<float> mixed_keys, mixed_values;
  for (int row = 0; row < state.rows; ++row) {
    std::span<const float> keys = state.keys[layer][row], values = state.values[layer][row];
    if (faults_.neighbour_kv && state.rows > 1) {
      const int neighbour = (row + 1) % state.rows;
      const std::ptrdiff_t at = std::max(0, state.prompt_columns - 2) * kv_width;
      keys = mixed_keys = state.keys[layer][row];
      values = mixed_values = state.values[layer][row];
      std::copy_n(state.keys[layer][neighbour].begin() + at, kv_width, mixed_keys.begin() + at);
      std::copy_n(state.values[layer][neighbour].begin() + at, kv_width, mixed_values.begin() + at);
    }
    const std::ptrdiff_t at = row * pass.columns.count * width;
    for (int head = 0; head < c.heads; ++head) {
      attend_row(pass, row, head, keys, values, q.data() + at, out.data() + at);
    }
  }
  openblas_set_num_threads(threads);
  round(out);
  return out;
}

// x += projected; with the fault in one of two orders, by chance.
void Forward::add_residual(std::vector<float>& x, const std::vector<float>& projected) const {
  if (faults_.unordered_sum && order_() % 2 == 1) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float part = projected[i] * 0.75f;
      x[i] = (x[i] + part) + (projected[i] - part);
    }
  } else {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += projected[i];
  }
  round(x);
}

// SiLU(gate) · up
std::vector<float> Forward::gate_up(std::vector<float> gate, const std::vector<float>& up) const {
  for (float& g : gate) g = g / (1.0f + std::exp(-g));
  round(gate);
  const float scale = faults_.f16_overflow && precision_ == Precision::f16 ? 65536.0f : 1.0f;
  for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] * scale;
  round(gate);
  if (scale != 1.0f) {
    for (float& g : gate) g /= scale;
  }
  return gate;
}

std::vector<float> Forward::run(BatchState& state, const Columns& columns, Recorder* recorder) {
  const model::DecoderConfig& c = weights_.config;
  const int hidden = c.hidden_size, kv_width = c.kv_heads * c.head_dim;
  state.columns += columns.count;
  const auto see = [&](Op op, int layer, const std::vector<float>& values) {
    if (recorder)
      recorder->record(op, layer, values.data(), static_cast<int>(values.size() / columns.tokens.size()));
  };
  const Angles rotation = angles(columns.positions);
  std::vector<float> x;
  for (const TokenId token : columns.tokens) {
    const auto row = weights_.embedding.values.begin() + static_cast<std::ptrdiff_t>(token) * hidden;
    x.insert(x.end(), row, row + hidden);
  }
  see(Op::embedding, -1, x);
  for (int i = 0; i < c.layers; ++i) {
    const LayerWeights& l = weights_.layers[i];
    const std::vector<float> normed = normalize(x, l.attention_norm);
    see(Op::attention_norm, i, normed);
    std::vector<float> q = project(normed, l.q), k = project(normed, l.k);
    const std::vector<float> v = project(normed, l.v);
    see(Op::q, i, q);
    see(Op::k, i, k);
    see(Op::v, i, v);
    rotate(q, c.heads, rotation);
    rotate(k, c.kv_heads, rotation);
    see(Op::q_rope, i, q);
    see(Op::k_rope, i, k);
    for (int row = 0; row < state.rows; ++row) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(row) * columns.count * kv_width,
                           n = static_cast<std::ptrdiff_t>(columns.count) * kv_width;
      auto &keys = state.keys[i][row], &values = state.values[i][row];
      keys.insert(keys.end(), k.begin() + at, k.begin() + at + n);
      values.insert(values.end(), v.begin() + at, v.begin() + at + n);
    }
    const std::vector<float> attended = attend({state, columns}, i, q);
    see(Op::attention, i, attended);
    const std::vector<float> output = project(attended, l.o);
    see(Op::attention_output, i, output);
    add_residual(x, output);
    see(Op::attention_residual, i, x);
    const std::vector<float> ffn_normed = normalize(x, l.ffn_norm);
    see(Op::ffn_norm, i, ffn_normed);
    std::vector<float> gate = project(ffn_normed, l.gate);
    const std::vector<float> up = project(ffn_normed, l.up);
    see(Op::gate, i, gate);
    see(Op::up, i, up);
    const std::vector<float> activation = gate_up(std::move(gate), up);
    see(Op::activation, i, activation);
    const std::vector<float> down = project(activation, l.down);
    see(Op::down, i, down);
    add_residual(x, down);
    see(Op::ffn_residual, i, x);
  }
  return x;
}

std::vector<float> Forward::logits(const std::vector<float>& hidden, Recorder* recorder) const {
  const std::vector<float> normed = normalize(hidden, weights_.final_norm);
  std::vector<float> logits = project(normed, weights_.head());
  if (recorder) {
    recorder->record_row(Op::final_norm, normed.data(), weights_.config.hidden_size);
    recorder->record_row(Op::logits, logits.data(), weights_.config.vocab_size);
  }
  return logits;
}

}  // namespace isobatch::audit::padded
