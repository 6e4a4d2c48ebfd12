// Chat messages to the prompt text, by the Jinja template that the model brings.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "isobatch/chat.h"

namespace isobatch::text {

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
