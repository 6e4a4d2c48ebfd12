// A llama's weights as a framework holds them: dense, row-major, in one dtype. Values of bf16 and f16 are
// kept in f32 after rounding, which is exact.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/rope_scaling.h"

namespace isobatch::audit::padded {

enum class Precision { f32, bf16, f16 };
// Rounds in place; nothing in f32.
void round_all(Precision precision, float* values, std::size_t n);

struct Matrix {
  int outputs = 0;
  int depth = 0;
  std::vector<float> values;  // [outputs][depth]
};

struct LayerWeights {
  std::vector<float> attention_norm, ffn_norm;  // [hidden]
  Matrix q, k, v, o, gate, up, down;
};

struct Weights {
  model::DecoderConfig config;
  model::Rope rope;
  Matrix embedding;  // [vocab, hidden]
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;
  Matrix own_head;  // [vocab, hidden]; empty where the embedding is the head
  const Matrix& head() const { return own_head.values.empty() ? embedding : own_head; }
};

// Quantized tensors are dequantized. Throws Error: what opening a model throws; unsupported for another
// family than llama.
Weights load_weights(const std::filesystem::path& path);
Weights rounded(const Weights& weights, Precision precision);

}  // namespace isobatch::audit::padded
