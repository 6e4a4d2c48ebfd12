#include <fmt/format.h>

#include "isobatch/error.h"
#include "isobatch/openai.h"

namespace isobatch::openai {

std::vector<TokenId> tokenize_prompt(const Prompt& prompt, const Model& model, bool raw) {
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&prompt)) return *ids;
  if (const auto* text = std::get_if<std::string>(&prompt)) return model.tokenize(*text);
  const auto& messages = std::get<std::vector<ChatMessage>>(prompt);
  if (!raw && model.info().has_chat_template) return model.apply_chat_template(messages);
  if (messages.size() != 1) {
    throw Error(ErrorCode::unsupported,
                fmt::format("messages: {} of them need a chat template, but {}", messages.size(),
                            raw ? "raw text was asked for" : "the model has none"));
  }
  return model.tokenize(messages[0].content);
}

}  // namespace isobatch::openai
