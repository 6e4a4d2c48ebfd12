#include "model/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/float16.h"

namespace isobatch::model {
namespace {

kernels::Rounding rounding_of(DType dtype) {
  if (dtype == DType::bf16) return kernels::Rounding::bf16;
  return dtype == DType::f16 ? kernels::Rounding::f16 : kernels::Rounding::none;
}

float round_to(kernels::Rounding rounding, float x) {
  if (rounding == kernels::Rounding::bf16) return round_to_bf16(x);
  return rounding == kernels::Rounding::f16 ? round_to_f16(x) : x;
}

// GGUF files of architecture "llama" hold the rows of Q and K with the two halves of each head interleaved;
// N-ROPE wants the halves one after the other, as Hugging Face has them.
WeightLoader::RowOrder halves_order(int head_dim) {
  return [head_dim](int row) {
    const int head = row / head_dim, in_head = row % head_dim;
    return head * head_dim + in_head % 2 * (head_dim / 2) + in_head / 2;
  };
}

}  // namespace

std::string Decoder::tensor_name(int index, const char* part, const char* suffix) {
  return fmt::format("blk.{}.{}.{}", index, part, suffix);
}

Decoder::Decoder(const DecoderConfig& config, DecoderTraits traits, const Semantics& semantics)
    : config_(config),
      traits_(std::move(traits)),
      rounding_(rounding_of(semantics.dtype)),
      int8_activations_(semantics.dtype == DType::native8) {
  info_.context = semantics.context;
}

Norm Decoder::make_norm(WeightLoader& loader, const std::string& name, int n) const {
  return {.weight = traits_.norms_add_one ? loader.vector_plus_one(name, n) : loader.vector(name, n),
          .eps = config_.norm_eps,
          .rounds_once = traits_.norms_add_one};
}

Norm Decoder::load_norm(WeightLoader& loader, int index, const char* part, int n) const {
  return make_norm(loader, tensor_name(index, part), n);
}

Linear Decoder::load_linear(WeightLoader& loader, int index, const char* part, int outputs, int depth,
                            const WeightLoader::RowOrder& order) const {
  Linear linear{.weights = loader.matrix(tensor_name(index, part), outputs, depth, order), .bias = {}};
  const std::string bias = tensor_name(index, part, "bias");
  if (loader.has(bias)) linear.bias = loader.vector(bias, outputs, order);
  return linear;
}

AttentionWeights Decoder::load_attention(WeightLoader& loader, int index) const {
  const int hidden = config_.hidden_size, q = config_.heads * config_.head_dim,
            kv = config_.kv_heads * config_.head_dim;
  const Source& source = loader.source();
  const bool interleaved = !source.is_hugging_face() && source.architecture() == "llama";
  const auto order = interleaved ? halves_order(config_.head_dim) : WeightLoader::RowOrder();
  return {.q = load_linear(loader, index, "attn_q", q, hidden, order),
          .k = load_linear(loader, index, "attn_k", kv, hidden, order),
          .v = load_linear(loader, index, "attn_v", kv, hidden),
          .o = load_linear(loader, index, "attn_output", hidden, q)};
}

FeedForwardWeights Decoder::load_feed_forward(WeightLoader& loader, int index) const {
  const int hidden = config_.hidden_size, ffn = config_.ffn_size;
  return {.gate = load_linear(loader, index, "ffn_gate", ffn, hidden),
          .up = load_linear(loader, index, "ffn_up", ffn, hidden),
          .down = load_linear(loader, index, "ffn_down", hidden, ffn)};
}

void Decoder::count(std::initializer_list<const Linear*> matrices) {
  for (const Linear* linear : matrices) {
    const kernels::PackedMatrix& m = linear->weights;
    const std::uint64_t macs = static_cast<std::uint64_t>(m.outputs) * m.depth;
    info_.matmul_bytes += packed_bytes(m);
    info_.matmul_macs += macs;
    if (is_quantized(m.type)) info_.quantized_macs += macs;
  }
}

void Decoder::load(WeightLoader& loader) {
  const int hidden = config_.hidden_size, vocab = config_.vocab_size;
  embedding_ = loader.matrix("token_embd.weight", vocab, hidden);
  for (int i = 0; i < config_.layers; ++i) load_layer(loader, i);
  final_norm_ = make_norm(loader, "output_norm.weight", hidden);
  const bool tied = loader.source().get_bool("tie_word_embeddings").value_or(false);
  if (tied) loader.ignore("output.weight");  // a copy, or what training has left behind
  if (!tied && loader.has("output.weight")) {
    head_.weights = loader.matrix("output.weight", vocab, hidden);
  } else {
    head_.weights = embedding_;
  }
  loader.check_all_used();

  info_.architecture = loader.source().architecture();
  info_.parameters = loader.parameters();
  info_.weight_types = loader.type_summary();
  info_.layers = config_.layers;
  info_.heads = config_.heads;
  info_.kv_heads = config_.kv_heads;
  info_.head_dim = config_.head_dim;
  info_.hidden_size = hidden;
  info_.vocab_size = vocab;
  count({&head_});
  info_.head_macs = static_cast<std::uint64_t>(vocab) * hidden;
  memory_ = loader.take_memory();
  info_.weight_bytes = memory_.used();
}

void Decoder::prepare(const Step& step, const Execution& execution) const {
  Workspace& w = execution.workspace;
  const std::size_t rows = step.tokens.size();
  const std::size_t q = static_cast<std::size_t>(config_.heads) * config_.head_dim,
                    kv = static_cast<std::size_t>(config_.kv_heads) * config_.head_dim;
  for (auto* buffer : {&w.x, &w.normed, &w.projected}) Workspace::grow(*buffer, rows * config_.hidden_size);
  for (auto* buffer : {&w.q, &w.attended}) Workspace::grow(*buffer, rows * q);
  for (auto* buffer : {&w.k, &w.v}) Workspace::grow(*buffer, rows * kv);
  for (auto* buffer : {&w.gate, &w.up}) Workspace::grow(*buffer, rows * config_.ffn_size);
  w.attention_scratch.resize(execution.threads.size());
  w.key_blocks.resize(execution.threads.size());
  if (w.rope.empty()) {
    for (const Rope& rope : traits_.ropes) w.rope.emplace_back(rope, rounding_);
  }
  const int positions = 1 + *std::max_element(step.positions.begin(), step.positions.end());
  for (RopeTable& table : w.rope) table.extend(positions);
}

void Decoder::embed(const Pass& pass) const {
  const ProfileScope stage(pass.execution.profile, Stage::embedding);
  const kernels::KernelTable& kernels = pass.execution.kernels;
  const auto unpack_row = kernels.unpack_row;
  const float scale = round_to(rounding_, traits_.embedding_scale);
  for_rows(pass.execution, pass.rows(), 16, [&](int begin, int end) {
    for (int r = begin; r < end; ++r) {
      float* x = pass.w().x.data() + static_cast<std::ptrdiff_t>(r) * config_.hidden_size;
      unpack_row(embedding_, pass.step.tokens[r], x);
      if (scale != 0.0f) kernels.scale[rounding_](x, config_.hidden_size, scale, x);
    }
  });
  finish_operation(pass, "embedding", pass.w().x.data(), config_.hidden_size);
}

// Logits of the rows that are wanted: they move to the front, and only they take the last residual.
void Decoder::run_head(const Pass& pass, float* logits) const {
  Workspace& w = pass.w();
  const int wanted = static_cast<int>(pass.step.logits_rows.size()), hidden = config_.hidden_size;
  if (wanted == 0) return;
  const kernels::KernelTable& kernels = pass.execution.kernels;
  ProfileScope stage(pass.execution.profile, Stage::norm);
  for_rows(pass.execution, wanted, 4, [&](int begin, int end) {
    for (int i = begin; i < end; ++i) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(pass.step.logits_rows[i]) * hidden;
      kernels.add[rounding_](w.x.data() + at, w.projected.data() + at, hidden,
                             w.normed.data() + static_cast<std::ptrdiff_t>(i) * hidden);
    }
  });
  const auto see = [&](std::string_view operation, const float* results, int width) {
    if (Observer* observer = pass.execution.observer) observer->see(operation, -1, results, wanted, width);
  };
  see("residual add", w.normed.data(), hidden);
  normalize(pass, final_norm_, w.normed.data(), wanted, w.normed.data());
  see("norm", w.normed.data(), hidden);
  stage.next(Stage::head);
  const Projection head[] = {{&head_, logits}};
  multiply(pass, prepare_operands(pass, {w.normed.data()}, wanted, head), wanted, head);
  for (int i = 0; i < wanted && rounding_ == kernels::Rounding::f16 && !pass.execution.overflows.empty();
       ++i) {
    const float* row = logits + static_cast<std::ptrdiff_t>(i) * config_.vocab_size;
    Overflow& overflow = pass.execution.overflows[i];
    const bool finite = std::all_of(row, row + config_.vocab_size, [](float x) { return std::isfinite(x); });
    if (!finite && !overflow.operation) overflow.operation = "head";
  }
  if (traits_.logit_soft_cap != 0.0f) {
    for_rows(pass.execution, wanted, 1, [&](int begin, int end) {
      float* rows = logits + static_cast<std::ptrdiff_t>(begin) * config_.vocab_size;
      const std::size_t n = static_cast<std::size_t>(end - begin) * config_.vocab_size;
      kernels.soft_cap[rounding_](rows, n, traits_.logit_soft_cap, rows);
    });
  }
  see("head", logits, config_.vocab_size);
}

void Decoder::forward(const Step& step, const KvMemory& kv, const Execution& execution, float* logits) const {
  prepare(step, execution);
  Pass pass{.step = step,
            .kv = kv,
            .execution = execution,
            .rounding = rounding_,
            .int8_activations = int8_activations_,
            .shape = {config_.heads, config_.kv_heads, config_.head_dim, config_.attention_scale,
                      traits_.attention_soft_cap}};
  std::ranges::fill(execution.overflows, Overflow{});
  const ProfileScope stage(execution.profile, Stage::rest);
  embed(pass);
  for (int i = 0; i < config_.layers; ++i) {
    pass.layer = i;
    run_layer(i, pass);
  }
  pass.layer = -1;
  run_head(pass, logits);
}

}  // namespace isobatch::model
