// What is said to a child that is an engine under test, and what its answers must be: docs/audit-adapters.md.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/audit/engine.h"
#include "isobatch/audit/engines.h"

namespace isobatch::audit {

using Json = nlohmann::json;

inline constexpr int kProtocolVersion = 1;

Json describe_messages(const std::vector<ChatMessage>& messages);  // as OpenAI has them

Json start_question(const EngineOptions& options);
Json tokenize_question(const Prompt& prompt);
// Rows with tokens for engines that take them, with prompts for others. Throws Error(invalid_argument) for a
// row that has not what the engine needs.
Json generate_question(const Batch& batch, const Setting& setting, bool with_tokens);
Json trace_question(const Batch& batch, int row, const Setting& setting, int steps);

// Readers of answers. All throw Error(invalid_argument), which says where, what was expected and what came.

// `name` is the engine's, or empty where the answer says it.
EngineInfo read_info(const Json& answer, std::string_view name);
std::vector<TokenId> read_tokens(const Json& answer, const EngineInfo& info);
// `values` are the logits of all rows, one step after the other.
std::vector<Answer> read_answers(const Json& answer, std::span<const float> values, const Batch& batch,
                                 const EngineInfo& info);
// `values` are those of all operations, in their order.
Trace read_trace(const Json& answer, std::span<const float> values, int steps);

// Values that may follow an answer to these questions.
std::size_t most_logits(const Batch& batch, const EngineInfo& info);
inline constexpr std::size_t kMostTraceValues = std::size_t{1} << 30;

}  // namespace isobatch::audit
