// The llama family: Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023.
// Pre-norm decoder; grouped-query attention with rotary positions; SwiGLU feed-forward; head tied or its own.
#include "model/llama.h"

#include <fmt/format.h>

#include <cmath>

#include "isobatch/error.h"
#include "model/layers.h"
#include "model/llama_config.h"
#include "model/weights.h"
#include "model/workspace.h"

namespace isobatch::model {
namespace {

struct Layer {
  std::span<const float> attention_norm;  // [hidden]
  kernels::PackedMatrix q, k, v;          // [heads · head_dim, hidden], [kv_heads · head_dim, hidden]
  kernels::PackedMatrix o;                // [hidden, heads · head_dim]
  std::span<const float> ffn_norm;        // [hidden]
  kernels::PackedMatrix gate, up;         // [ffn, hidden]
  kernels::PackedMatrix down;             // [hidden, ffn]
};

class Llama : public Transformer {
 public:
  Llama(const formats::GgufFile& file, const LlamaConfig& config, Semantics& semantics,
        const Model::Progress& progress);
  const ModelInfo& info() const override { return info_; }
  kernels::KvLayout kv_layout(KvDType dtype, int page_size) const override {
    return {dtype, config_.layers, config_.kv_heads, config_.head_dim, page_size};
  }
  void forward(const Step& step, const KvMemory& kv, const Execution& execution,
               float* logits) const override;

 private:
  void prepare(const Step& step, const Execution& execution) const;
  void attention_block(const Layer& layer, int index, const Step& step, const KvMemory& kv,
                       const Execution& execution) const;
  void ffn_block(const Layer& layer, int rows, const Execution& execution) const;
  void head(const Step& step, const Execution& execution, float* logits) const;

  // normed = rms_norm(x + residual) · weight, and x takes the residual; no residual when null.
  void add_and_norm(const Execution& execution, int rows, const float* residual,
                    std::span<const float> weight) const;

  LlamaConfig config_;
  kernels::Rounding rounding_;  // of the results of operations
  AttentionShape shape_;
  kernels::PackedMatrix embedding_, head_;
  std::vector<Layer> layers_;
  std::span<const float> final_norm_;
  Arena memory_;
  ModelInfo info_;
};

// GGUF files of this family hold the rows of Q and K with the two halves of each head interleaved; N-ROPE
// wants the halves one after the other, as Hugging Face has them.
WeightLoader::RowOrder halves_order(int head_dim) {
  return [head_dim](int row) {
    const int head = row / head_dim, in_head = row % head_dim;
    return head * head_dim + in_head % 2 * (head_dim / 2) + in_head / 2;
  };
}

Llama::Llama(const formats::GgufFile& file, const LlamaConfig& config, Semantics& semantics,
             const Model::Progress& progress)
    : config_(config),
      rounding_(semantics.dtype == DType::bf16 ? kernels::Rounding::bf16 : kernels::Rounding::none),
      shape_{config.heads, config.kv_heads, config.head_dim,
             1.0f / std::sqrt(static_cast<float>(config.head_dim))} {
  const int hidden = config.hidden_size, ffn = config.ffn_size;
  const int q_size = config.heads * config.head_dim, kv_size = config.kv_heads * config.head_dim;
  WeightLoader loader(file, semantics.dtype, progress);
  const auto order = halves_order(config.head_dim);

  embedding_ = loader.matrix("token_embd.weight", config.vocab_size, hidden);
  for (int i = 0; i < config.layers; ++i) {
    const auto name = [i](const char* part) { return fmt::format("blk.{}.{}.weight", i, part); };
    layers_.push_back({
        .attention_norm = loader.vector(name("attn_norm"), hidden),
        .q = loader.matrix(name("attn_q"), q_size, hidden, order),
        .k = loader.matrix(name("attn_k"), kv_size, hidden, order),
        .v = loader.matrix(name("attn_v"), kv_size, hidden),
        .o = loader.matrix(name("attn_output"), hidden, q_size),
        .ffn_norm = loader.vector(name("ffn_norm"), hidden),
        .gate = loader.matrix(name("ffn_gate"), ffn, hidden),
        .up = loader.matrix(name("ffn_up"), ffn, hidden),
        .down = loader.matrix(name("ffn_down"), hidden, ffn),
    });
  }
  final_norm_ = loader.vector("output_norm.weight", hidden);
  head_ =
      loader.has("output.weight") ? loader.matrix("output.weight", config.vocab_size, hidden) : embedding_;
  loader.check_all_used();

  info_.architecture = "llama";
  info_.parameters = loader.parameters();
  info_.weight_types = loader.type_summary();
  info_.layers = config.layers;
  info_.heads = config.heads;
  info_.kv_heads = config.kv_heads;
  info_.head_dim = config.head_dim;
  info_.hidden_size = hidden;
  info_.vocab_size = config.vocab_size;
  info_.context = semantics.context;
  const auto count = [this](const kernels::PackedMatrix& m) {
    info_.matmul_bytes += packed_bytes(m);
    info_.matmul_macs += static_cast<std::uint64_t>(m.outputs) * m.depth;
    if (is_quantized(m.type)) info_.quantized_macs += static_cast<std::uint64_t>(m.outputs) * m.depth;
  };
  for (const Layer& l : layers_) {
    for (const auto* m : {&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down}) count(*m);
  }
  count(head_);
  info_.head_macs = static_cast<std::uint64_t>(head_.outputs) * head_.depth;
  memory_ = loader.take_memory();
  info_.weight_bytes = memory_.used();
}

void Llama::prepare(const Step& step, const Execution& execution) const {
  Workspace& w = execution.workspace;
  const std::size_t rows = step.tokens.size();
  Workspace::grow(w.x, rows * config_.hidden_size);
  Workspace::grow(w.normed, rows * config_.hidden_size);
  Workspace::grow(w.projected, rows * config_.hidden_size);
  Workspace::grow(w.q, rows * shape_.heads * shape_.head_dim);
  Workspace::grow(w.attended, rows * shape_.heads * shape_.head_dim);
  Workspace::grow(w.k, rows * shape_.kv_heads * shape_.head_dim);
  Workspace::grow(w.v, rows * shape_.kv_heads * shape_.head_dim);
  Workspace::grow(w.gate, rows * config_.ffn_size);
  Workspace::grow(w.up, rows * config_.ffn_size);
  w.attention_scratch.resize(execution.threads.size());
  w.key_blocks.resize(execution.threads.size());
  if (w.rope.empty()) w.rope.emplace_back(config_.head_dim, config_.rope_theta, rounding_);
  w.rope[0].extend(1 + *std::max_element(step.positions.begin(), step.positions.end()));
}

void Llama::add_and_norm(const Execution& execution, int rows, const float* residual,
                         std::span<const float> weight) const {
  const ProfileScope stage(execution.profile, Stage::norm);
  const int hidden = config_.hidden_size;
  Workspace& w = execution.workspace;
  for_rows(execution, rows, 4, [&](int begin, int end) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(begin) * hidden;
    const std::size_t n = static_cast<std::size_t>(end - begin) * hidden;
    if (residual) execution.kernels.add[rounding_](w.x.data() + at, residual + at, n, w.x.data() + at);
    execution.kernels.rms_norm[rounding_](w.x.data() + at, weight.data(), 0.0f, config_.norm_eps, end - begin,
                                          hidden, w.normed.data() + at);
  });
}

void Llama::attention_block(const Layer& layer, int index, const Step& step, const KvMemory& kv,
                            const Execution& execution) const {
  Workspace& w = execution.workspace;
  const int rows = static_cast<int>(step.tokens.size());
  ProfileScope stage(execution.profile, Stage::qkv);
  const Projection qkv[] = {{&layer.q, w.q.data()}, {&layer.k, w.k.data()}, {&layer.v, w.v.data()}};
  project(execution, rounding_, w.normed.data(), rows, qkv);

  stage.next(Stage::rope);
  for_rows(execution, rows, 8, [&](int begin, int end) {
    for (const auto& [x, heads] :
         {std::pair{w.q.data(), shape_.heads}, std::pair{w.k.data(), shape_.kv_heads}}) {
      const std::ptrdiff_t stride = heads * shape_.head_dim;
      execution.kernels.rope[rounding_](x + begin * stride, stride, w.rope[0].cos(), w.rope[0].sin(),
                                        &step.positions[begin], end - begin, heads, shape_.head_dim);
    }
  });
  store_kv(execution, step, kv, index, shape_, w.k.data(), w.v.data());
  attend(execution, rounding_, step, kv, index, shape_, w.q.data(), w.attended.data());

  stage.next(Stage::o);
  const Projection o[] = {{&layer.o, w.projected.data()}};
  project(execution, rounding_, w.attended.data(), rows, o);
}

void Llama::ffn_block(const Layer& layer, int rows, const Execution& execution) const {
  Workspace& w = execution.workspace;
  ProfileScope stage(execution.profile, Stage::gate_up);
  const Projection gate_up[] = {{&layer.gate, w.gate.data()}, {&layer.up, w.up.data()}};
  project(execution, rounding_, w.normed.data(), rows, gate_up);

  stage.next(Stage::silu_mul);
  for_rows(execution, rows, 4, [&](int begin, int end) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(begin) * config_.ffn_size;
    const std::size_t n = static_cast<std::size_t>(end - begin) * config_.ffn_size;
    execution.kernels.silu_mul[rounding_](w.gate.data() + at, w.up.data() + at, n, w.gate.data() + at);
  });

  stage.next(Stage::down);
  const Projection down[] = {{&layer.down, w.projected.data()}};
  project(execution, rounding_, w.gate.data(), rows, down);
}

// Logits of the rows that are wanted; the last residual is added only there.
void Llama::head(const Step& step, const Execution& execution, float* logits) const {
  Workspace& w = execution.workspace;
  const int wanted = static_cast<int>(step.logits_rows.size()), hidden = config_.hidden_size;
  if (wanted == 0) return;
  ProfileScope stage(execution.profile, Stage::norm);
  for_rows(execution, wanted, 4, [&](int begin, int end) {
    for (int i = begin; i < end; ++i) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(step.logits_rows[i]) * hidden;
      execution.kernels.add[rounding_](w.x.data() + at, w.projected.data() + at, hidden, w.x.data() + at);
      execution.kernels.rms_norm[rounding_](w.x.data() + at, final_norm_.data(), 0.0f, config_.norm_eps, 1,
                                            hidden,
                                            w.normed.data() + static_cast<std::ptrdiff_t>(i) * hidden);
    }
  });
  stage.next(Stage::head);
  const Projection head[] = {{&head_, logits}};
  project(execution, rounding_, w.normed.data(), wanted, head);
}

void Llama::forward(const Step& step, const KvMemory& kv, const Execution& execution, float* logits) const {
  prepare(step, execution);
  Workspace& w = execution.workspace;
  const int rows = static_cast<int>(step.tokens.size());
  const auto unpack_row = execution.kernels.unpack_row[static_cast<std::size_t>(embedding_.type)];
  ProfileScope stage(execution.profile, Stage::embedding);
  for_rows(execution, rows, 16, [&](int begin, int end) {
    for (int r = begin; r < end; ++r) {
      unpack_row(embedding_, step.tokens[r],
                 w.x.data() + static_cast<std::ptrdiff_t>(r) * config_.hidden_size);
    }
  });
  stage.next(Stage::rest);
  const float* residual = nullptr;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    add_and_norm(execution, rows, residual, layers_[i].attention_norm);
    attention_block(layers_[i], static_cast<int>(i), step, kv, execution);
    add_and_norm(execution, rows, w.projected.data(), layers_[i].ffn_norm);
    ffn_block(layers_[i], rows, execution);
    residual = w.projected.data();
  }
  head(step, execution, logits);
}

}  // namespace

std::unique_ptr<Transformer> load_llama(const formats::GgufFile& file, Semantics& semantics,
                                        const Model::Progress& progress) {
  const LlamaConfig config = read_llama_config(file);
  if (semantics.context == 0) semantics.context = config.context;
  if (semantics.context < 0 || semantics.context > config.context) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("context {}: expected 1 to {}, what the model was trained for", semantics.context,
                            config.context));
  }
  return std::make_unique<Llama>(file, config, semantics, progress);
}

}  // namespace isobatch::model
