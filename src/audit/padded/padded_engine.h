// A classic padded-batch runner, as frameworks do it, and the carrier of the planted faults.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <vector>

#include "audit/padded/forward.h"
#include "isobatch/audit/engines.h"

namespace isobatch::audit {

class PaddedEngine final : public EngineUnderTest {
 public:
  explicit PaddedEngine(const EngineOptions& options);
  ~PaddedEngine() override;

  const EngineInfo& info() const override { return info_; }
  std::vector<TokenId> tokenize(const Prompt& prompt) override;
  std::vector<Answer> generate(const Batch& batch, const Setting& setting) override;
  void clear_prefix_cache() override { prefixes_.clear(); }
  Trace trace(const Batch& batch, int row, const Setting& setting, int steps) override;

 private:
  // A prompt that has been computed.
  struct Prefix {
    std::vector<std::vector<float>> keys, values;  // [layers][tokens · kv_heads · head_dim]
    std::vector<float> logits;                     // [vocab]
  };
  struct Job;  // a batch on its way

  const padded::Weights& weights(padded::Precision precision);
  std::vector<TokenId> key(const std::vector<TokenId>& tokens) const;
  std::vector<Answer> run(const Batch& batch, const Setting& setting, padded::Recorder* recorder, int steps);
  std::vector<float> start(Job& job, padded::Forward& forward, const Setting& setting,
                           padded::Recorder* recorder);
  std::vector<float> advance(Job& job, padded::Forward& forward, const Setting& setting,
                             padded::Recorder* recorder);
  bool resume(Job& job, std::vector<float>& logits);
  void keep(const Job& job, const std::vector<float>& logits);

  EngineInfo info_;
  padded::Faults faults_;
  std::shared_ptr<const Model> tokenizer_;
  padded::Weights weights_;
  padded::Precision rounded_to_ = padded::Precision::f32;
  std::unique_ptr<padded::Weights> rounded_;
  std::mt19937_64 order_;
  std::map<std::vector<TokenId>, Prefix> prefixes_;
};

}  // namespace isobatch::audit
