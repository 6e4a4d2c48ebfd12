#include <fmt/format.h>

#include "isobatch/error.h"
#include "isobatch/openai.h"

namespace isobatch::openai {

std::vector<TokenId> tokenize_prompt(const Prompt& prompt, const Model& model, bool raw) {
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&prompt)) return *ids;
  if (const auto* text = std::get_if<std::string>(&prompt)) return model.tokenize(*text);
  const auto& chat = std::get<ChatInput>(prompt);
  if (!raw && model.info().has_chat_template) return model.apply_chat_template(chat);
  const Value* content = chat.messages.at(0).find("content");
  const bool only_text = chat.messages.size() == 1 && content && content->string() && chat.tools.is_null() &&
                         chat.documents.is_null() && chat.variables.empty();
  if (!only_text) {
    throw Error(ErrorCode::unsupported,
                fmt::format("messages: more than the text of one needs a chat template, but {}",
                            raw ? "raw text was asked for" : "the model has none"));
  }
  return model.tokenize(*content->string());
}

}  // namespace isobatch::openai
