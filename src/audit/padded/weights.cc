#include "audit/padded/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/float16.h"
#include "engine/model_files.h"
#include "isobatch/error.h"
#include "kernels/packed_matrix.h"

namespace isobatch::audit::padded {
namespace {

class Reader {
 public:
  explicit Reader(const model::Source& source) : source_(source) {}

  std::vector<float> vector(const std::string& name, int n) const {
    const formats::Tensor& tensor = source_.require(name, std::array<std::int64_t, 1>{n});
    std::vector<float> values(n);
    kernels::unpack_values(tensor.data.data(), tensor.type, n, values.data());
    return values;
  }

  // `interleaved`: of each head the two halves alternate, as in GGUF files of llamas.
  Matrix matrix(const std::string& name, int outputs, int depth, int head_dim = 0,
                bool interleaved = false) const {
    const formats::Tensor& tensor = source_.require(name, std::array<std::int64_t, 2>{outputs, depth});
    Matrix matrix{outputs, depth, std::vector<float>(static_cast<std::size_t>(outputs) * depth)};
    const std::size_t row_bytes = tensor.data.size() / outputs;
    for (int row = 0; row < outputs; ++row) {
      int target = row;
      if (interleaved) {
        const int in_head = row % head_dim;
        target = row - in_head + in_head % 2 * (head_dim / 2) + in_head / 2;
      }
      kernels::unpack_values(tensor.data.data() + row * row_bytes, tensor.type, depth,
                             matrix.values.data() + static_cast<std::size_t>(target) * depth);
    }
    source_.file().release(tensor);
    return matrix;
  }

 private:
  const model::Source& source_;
};

LayerWeights read_layer(const Reader& read, const model::Source& source, const model::DecoderConfig& c,
                        int index) {
  const auto name = [index](const char* part) { return fmt::format("blk.{}.{}.weight", index, part); };
  const bool interleaved = !source.is_hugging_face();
  const int q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  return {.attention_norm = read.vector(name("attn_norm"), c.hidden_size),
          .ffn_norm = read.vector(name("ffn_norm"), c.hidden_size),
          .q = read.matrix(name("attn_q"), q, c.hidden_size, c.head_dim, interleaved),
          .k = read.matrix(name("attn_k"), kv, c.hidden_size, c.head_dim, interleaved),
          .v = read.matrix(name("attn_v"), kv, c.hidden_size),
          .o = read.matrix(name("attn_output"), c.hidden_size, q),
          .gate = read.matrix(name("ffn_gate"), c.ffn_size, c.hidden_size),
          .up = read.matrix(name("ffn_up"), c.ffn_size, c.hidden_size),
          .down = read.matrix(name("ffn_down"), c.hidden_size, c.ffn_size)};
}

}  // namespace

void round_all(Precision precision, float* values, std::size_t n) {
  if (precision == Precision::bf16) {
    for (std::size_t i = 0; i < n; ++i) values[i] = round_to_bf16(values[i]);
  } else if (precision == Precision::f16) {
    for (std::size_t i = 0; i < n; ++i) values[i] = round_to_f16(values[i]);
  }
}

Weights load_weights(const std::filesystem::path& path) {
  const auto files = engine::ModelFiles::open(path);
  const model::Source source(files->weights());
  if (source.architecture() != "llama") {
    throw Error(ErrorCode::unsupported,
                fmt::format("{}: the padded baseline runs llamas, but this is a model of "
                            "architecture '{}'",
                            path.string(), source.architecture()));
  }
  Weights weights{.config = model::read_config(source),
                  .rope = {},
                  .embedding = {},
                  .layers = {},
                  .final_norm = {},
                  .own_head = {}};
  const model::DecoderConfig& c = weights.config;
  const bool has_window = std::ranges::any_of(c.windows, [](int window) { return window > 0; });
  if (has_window || source.find("blk.0.attn_q.bias")) {
    source.fail_unsupported(has_window ? "attention in a window (by the padded baseline)"
                                       : "a bias of projections (by the padded baseline)");
  }
  weights.rope = model::read_rope(source, c.head_dim, c.context);
  const Reader read(source);
  weights.embedding = read.matrix("token_embd.weight", c.vocab_size, c.hidden_size);
  for (int i = 0; i < c.layers; ++i) weights.layers.push_back(read_layer(read, source, c, i));
  weights.final_norm = read.vector("output_norm.weight", c.hidden_size);
  if (source.find("output.weight"))
    weights.own_head = read.matrix("output.weight", c.vocab_size, c.hidden_size);
  return weights;
}

Weights rounded(const Weights& weights, Precision precision) {
  Weights copy = weights;
  const auto round = [precision](std::vector<float>& values) {
    round_all(precision, values.data(), values.size());
  };
  round(copy.embedding.values);
  round(copy.own_head.values);
  round(copy.final_norm);
  for (LayerWeights& l : copy.layers) {
    for (auto* norm : {&l.attention_norm, &l.ffn_norm}) round(*norm);
    for (Matrix* m : {&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down}) round(m->values);
  }
  return copy;
}

}  // namespace isobatch::audit::padded
