// Our own engine under test. Padded rows come in at the same door as a user's: `input_ids` with an
// `attention_mask`, stripped by the reader of batch lines.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "isobatch/audit/engines.h"
#include "isobatch/engine.h"

namespace isobatch::audit {

class IsobatchEngine final : public EngineUnderTest {
 public:
  explicit IsobatchEngine(const EngineOptions& options);

  const EngineInfo& info() const override { return info_; }
  std::vector<TokenId> tokenize(const Prompt& prompt) override;
  std::vector<Answer> generate(const Batch& batch, const Setting& setting) override;
  void clear_prefix_cache() override;
  Trace trace(const Batch& batch, int row, const Setting& setting, int steps) override;

 private:
  using ModelPtr = std::shared_ptr<const Model>;
  const ModelPtr& model(const std::string& dtype, const std::string& kv_dtype);
  Tuning tuning(const Setting& setting, std::size_t rows) const;
  std::vector<Answer> run(Engine& engine, const Batch& batch, const Setting& setting) const;

  EngineOptions options_;
  EngineInfo info_;
  ModelPtr base_;
  std::pair<std::pair<std::string, std::string>, ModelPtr> other_;  // the last one in other dtypes
  // Between calls, as in a server: the next batch must not depend on those before it.
  std::unique_ptr<Engine> kept_;
  std::tuple<ModelPtr, int, int, bool, bool, std::size_t> kept_for_;
};

}  // namespace isobatch::audit
