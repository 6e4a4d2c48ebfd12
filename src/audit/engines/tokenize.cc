#include "audit/engines/tokenize.h"

#include "isobatch/openai.h"

namespace isobatch::audit {

std::vector<TokenId> tokenize(const Prompt& prompt, const Model& model) {
  if (!prompt.tokens.empty()) return prompt.tokens;
  if (prompt.messages.empty()) return model.tokenize(prompt.text);
  return openai::tokenize_prompt(chat_of(prompt.messages), model, /*raw=*/false);
}

}  // namespace isobatch::audit
