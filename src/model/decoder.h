// A decoder around its layers: embedding, workspace, final norm, head. A family adds what a layer is.
#pragma once

#include <memory>
#include <vector>

#include "model/config.h"
#include "model/layers.h"
#include "model/rope_scaling.h"
#include "model/weights.h"

namespace isobatch::model {

// What a family has beyond the hyper-parameters that all have.
struct DecoderTraits {
  std::vector<Rope> ropes;          // rotate() chooses one
  bool norms_add_one = false;       // Gemma's norms: x / rms · (1 + w), rounded once
  float embedding_scale = 0.0f;     // 0: none
  float attention_soft_cap = 0.0f;  // 0: none
  float logit_soft_cap = 0.0f;      // 0: none
};

class Decoder : public Transformer {
 public:
  Decoder(const DecoderConfig& config, DecoderTraits traits, const Semantics& semantics);

  // Reads all weights.
  void load(WeightLoader& loader);

  const ModelInfo& info() const override { return info_; }
  kernels::KvLayout kv_layout(KvDType dtype, int page_size) const override {
    return {dtype, config_.layers, config_.kv_heads, config_.head_dim, page_size};
  }
  void forward(const Step& step, const KvMemory& kv, const Execution& execution, float* logits) const final;

 protected:
  virtual void load_layer(WeightLoader& loader, int index) = 0;
  // From x (and, but in the first layer, the `projected` that it has still to take) to x and `projected`.
  virtual void run_layer(int index, const Pass& pass) const = 0;

  // For load_layer: tensors of a layer by the part of their names. Biases are read where the file has them.
  Norm load_norm(WeightLoader& loader, int index, const char* part, int n) const;
  Linear load_linear(WeightLoader& loader, int index, const char* part, int outputs, int depth,
                     const WeightLoader::RowOrder& order = {}) const;
  AttentionWeights load_attention(WeightLoader& loader, int index) const;
  FeedForwardWeights load_feed_forward(WeightLoader& loader, int index) const;
  static std::string tensor_name(int index, const char* part, const char* suffix = "weight");
  // Adds the matrices to the counts of info().
  void count(const AttentionWeights& weights) { count({&weights.q, &weights.k, &weights.v, &weights.o}); }
  void count(const FeedForwardWeights& weights) { count({&weights.gate, &weights.up, &weights.down}); }

  const DecoderConfig config_;

 private:
  void count(std::initializer_list<const Linear*> matrices);
  void prepare(const Step& step, const Execution& execution) const;
  void embed(const Pass& pass) const;
  void run_head(const Pass& pass, float* logits) const;
  Norm make_norm(WeightLoader& loader, const std::string& name, int n) const;

  const DecoderTraits traits_;
  const kernels::Rounding rounding_;
  const bool int8_activations_;
  kernels::PackedMatrix embedding_;  // [vocab, hidden]
  Norm final_norm_;
  Linear head_;  // [vocab, hidden], the embedding where it is tied
  Arena memory_;
  ModelInfo info_;
};

// The model of a family, loaded. `Family` has the constructor of Decoder.
template <typename Family>
std::unique_ptr<Transformer> load_decoder(const Source& source, const DecoderConfig& config,
                                          const DecoderTraits& traits, const Semantics& semantics,
                                          const Loading& loading) {
  const auto load = [&](bool may_copy) {
    auto model = std::make_unique<Family>(config, traits, semantics);
    WeightLoader loader(source, semantics, loading, may_copy);
    model->load(loader);
    return model;
  };
  try {
    return load(true);
  } catch (const StaleCopy&) {
    return load(false);
  }
}

}  // namespace isobatch::model
