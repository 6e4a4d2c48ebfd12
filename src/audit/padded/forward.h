// A llama's forward pass over a rectangle of rows and columns, padding included, on OpenBLAS: what frameworks
// do.
#pragma once

#include <random>
#include <span>
#include <vector>

#include "audit/padded/faults.h"
#include "audit/padded/weights.h"
#include "isobatch/audit/trace.h"
#include "isobatch/request.h"

namespace isobatch::audit::padded {

// What a batch has come to: which columns are real, and their K and V.
struct BatchState {
  int rows = 0;
  int columns = 0;                      // so far
  int prompt_columns = 0;               // of the prompts' rectangle
  std::vector<std::vector<char>> real;  // [rows][columns]; not padding
  // [layers][rows][columns][kv_heads · head_dim], as much as `columns` says
  std::vector<std::vector<std::vector<float>>> keys, values;

  BatchState(int rows, int layers);
};

// New columns of a batch.
struct Columns {
  int count = 0;
  std::vector<TokenId> tokens;  // [rows][count]
  std::vector<int> positions;   // [rows][count]
};

// Takes down the operations of one row.
class Recorder {
 public:
  explicit Recorder(int row) : row_(row) {}
  void start_step(const BatchState& state, int count, bool last_column_only);
  // values [rows · count][width]
  void record(Op op, int layer, const float* values, int width);
  void record_row(Op op, const float* values, int width);  // [rows][width]: of each row one token
  Trace take() { return std::move(trace_); }

 private:
  int row_;
  int step_ = -1;
  int count_ = 0;
  std::vector<int> columns_;  // of the step's, those that are recorded
  Trace trace_;
};

class Forward {
 public:
  // `weights` of that precision; both must outlive it.
  Forward(const Weights& weights, Precision precision, const Faults& faults, std::mt19937_64& order);

  // Appends the columns to `state` (whose `real` has them already) and returns the hidden states before the
  // final norm [rows][count][hidden].
  std::vector<float> run(BatchState& state, const Columns& columns, Recorder* recorder);
  // [rows][vocab] of what run() returned for one column of each row [rows][hidden].
  std::vector<float> logits(const std::vector<float>& hidden, Recorder* recorder) const;

 private:
  struct Pass;
  struct Angles {
    std::vector<float> cos, sin;
  };
  void round(std::vector<float>& values) const { round_all(precision_, values.data(), values.size()); }
  std::vector<float> project(const std::vector<float>& x, const Matrix& matrix) const;
  std::vector<float> normalize(const std::vector<float>& x, const std::vector<float>& weight) const;
  Angles angles(const std::vector<int>& positions) const;
  void rotate(std::vector<float>& x, int heads, const Angles& angles) const;
  std::vector<float> attend(const Pass& pass, int layer, const std::vector<float>& q) const;
  void attend_row(const Pass& pass, int row, int head, std::span<const float> keys,
                  std::span<const float> values, const float* q, float* out) const;
  bool sees(const BatchState& state, int row, int query, int key) const;
  void add_residual(std::vector<float>& x, const std::vector<float>& projected) const;
  std::vector<float> gate_up(std::vector<float> gate, const std::vector<float>& up) const;

  const Weights& weights_;
  const Precision precision_;
  const Faults& faults_;
  std::mt19937_64& order_;
};

}  // namespace isobatch::audit::padded
