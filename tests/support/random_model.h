// Small models with random weights, as GGUF files that the whole program runs on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor_type.h"

namespace isobatch::test {

struct RandomModelOptions {
  std::string family = "llama";  // as GGUF calls it
  int layers = 2;
  int hidden_size = 64;
  int heads = 4;  // a multiple of kv_heads
  int kv_heads = 2;
  int head_dim = 0;  // even; 0: hidden_size / heads
  int ffn_size = 96;
  int vocab_size = 288;  // at least kRandomModelTokens
  int context = 256;
  double rope_base = 10000.0;
  int window = 0;            // of the layers that have one in this family; 0: none
  std::string rope_scaling;  // "linear", "yarn", "longrope"; empty: none
  bool tied_head = true;     // else output.weight has the matrices' type
  // A matrix whose rows are not whole blocks of its type is stored as F16.
  TensorType matrix_type = TensorType::q8_0;
  TensorType embedding_type = TensorType::q8_0;
  // Of attn_v and ffn_down, which mixed files give more bits than the rest; default: matrix_type.
  std::optional<TensorType> value_type;
  // A token whose V in layer 0 overflows to inf, which no other token's does; -1: none. It needs an embedding
  // of a float type and matrices of F32 or BF16.
  int overflow_token = -1;
  std::uint64_t seed = 1;
};

// Tokens that the tokenizer needs; the rest of the vocabulary is made of unused tokens.
// 0 <|endoftext|> (unknown), 1 <|im_start|> (bos), 2 <|im_end|> (eos), then the 256 bytes, then merges.
inline constexpr int kRandomModelTokens = 3 + 256 + 24;

// Tensor names and metadata as llama.cpp's converter writes them. Matrices are normal with standard deviation
// about 1/sqrt(row length), norm weights are about 1. A llama file holds the rows of attn_q and attn_k of a
// head interleaved for its rope; random rows are as good in one order as in the other.
// Equal options give equal bytes on every machine. Throws std::invalid_argument for impossible options.
std::vector<std::byte> random_model(const RandomModelOptions& options);
void write_random_model(const std::filesystem::path& path, const RandomModelOptions& options);

}  // namespace isobatch::test
