// Chat messages to the prompt text, by the Jinja template that the model brings.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "isobatch/model.h"  // ChatMessage

namespace isobatch::text {

class ChatTemplate {
 public:
  // Throws Error(unsupported) with line and column when the template uses what the interpreter lacks.
  explicit ChatTemplate(std::string source, std::string bos_token = {}, std::string eos_token = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // Throws Error(invalid_argument) when the template raises an exception or runs over its bounds.
  std::string render(std::span<const ChatMessage> messages, bool add_generation_prompt) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isobatch::text
