// What a chat template is given.
#pragma once

#include <ctime>
#include <optional>
#include <span>
#include <string>

#include "isobatch/value.h"

namespace isobatch {

struct ChatMessage {
  std::string role;
  std::string content;
};

// The arguments of Hugging Face's apply_chat_template.
struct ChatInput {
  Value::List messages;  // dicts: role, content, and what else the template knows (tool_calls …)
  Value tools;           // null, or a list of JSON schemas
  Value documents;       // null, or a list of dicts
  bool add_generation_prompt = true;
  Value::Dict variables;       // further ones, such as enable_thinking; may replace bos_token and eos_token
  std::optional<std::tm> now;  // for strftime_now; without it, the local time
};

// Messages of role and content alone.
ChatInput chat_of(std::span<const ChatMessage> messages);

}  // namespace isobatch
