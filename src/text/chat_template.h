// Chat messages to the prompt text, by the Jinja template that the model brings.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "isobatch/model.h"  // ChatMessage

namespace isobatch::text {

struct TemplateEntry;
// A value given to a template: what JSON can say.
struct TemplateValue {
  using List = std::vector<TemplateValue>;
  using Dict = std::vector<TemplateEntry>;  // in this order; keys differ
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Dict> data;  // monostate: None
};

struct TemplateEntry {
  std::string key;
  TemplateValue value;
};

// What Hugging Face's apply_chat_template takes.
struct ChatInput {
  TemplateValue::List messages;  // dicts: role, content, and what else the template knows (tool_calls …)
  TemplateValue tools;           // None, or a list of JSON schemas
  TemplateValue documents;       // None, or a list of dicts
  bool add_generation_prompt = true;
  TemplateValue::Dict
      variables;               // further ones, such as enable_thinking; may replace bos_token and eos_token
  std::optional<std::tm> now;  // for strftime_now; without it, the local time
};

class ChatTemplate {
 public:
  // Throws Error(unsupported) with line and column when the template uses what the interpreter lacks.
  explicit ChatTemplate(std::string source, std::string bos_token = {}, std::string eos_token = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // Throws Error(invalid_argument) when the template raises an exception or runs over its bounds, or when the
  // input is not UTF-8 or nested too deeply.
  std::string render(const ChatInput& input) const;
  // Messages of role and content, without tools and documents.
  std::string render(std::span<const ChatMessage> messages, bool add_generation_prompt) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isobatch::text
