// Any service that speaks OpenAI's HTTP interface. Concurrent requests are its batch.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "audit/engines/http_service.h"
#include "isobatch/audit/engine.h"
#include "isobatch/audit/engines.h"

namespace isobatch::audit {

// Texts, and the margin between the two most likely tokens where the service gives log-probabilities. Nothing
// is known of how it runs. https://platform.openai.com/docs/api-reference/chat
class OpenAiEngine : public EngineUnderTest {
 public:
  // Asks for the name of the model if there is none in `options`. Settings: "logprobs" on or off, "limit" the
  // name of the field for the greatest number of tokens. Throws Error: invalid_argument, io.
  OpenAiEngine(std::string_view name, const EngineOptions& options);

  const EngineInfo& info() const override { return info_; }
  std::vector<TokenId> tokenize(const Prompt& prompt) override;
  std::vector<Answer> generate(const Batch& batch, const Setting& setting) override;

 private:
  enum class Logprobs { unknown, given, refused };

  std::vector<HttpAnswer> post(const Batch& batch) const;
  std::string first_model() const;
  [[noreturn]] void fail(std::string_view path, const std::string& why) const;

  EngineInfo info_;
  HttpService service_;
  std::string limit_ = "max_tokens";
  Logprobs logprobs_ = Logprobs::unknown;
};

}  // namespace isobatch::audit
