#include "text/chat_template.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "isobatch/error.h"
#include "text/jinja/template.h"
#include "text/utf8.h"

namespace isobatch::text {

struct ChatTemplate::Impl {
  jinja::Template parsed;
  std::string bos_token;
  std::string eos_token;
};

ChatTemplate::ChatTemplate(std::string source, std::string bos_token, std::string eos_token)
    : impl_(
          std::make_unique<Impl>(Impl{jinja::Template(source), std::move(bos_token), std::move(eos_token)})) {
}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(std::span<const ChatMessage> messages, bool add_generation_prompt) const {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    require_utf8(messages[i].role, fmt::format("role of message {}", i));
    require_utf8(messages[i].content, fmt::format("content of message {}", i));
  }
  // The names that Hugging Face transformers give to templates.
  return impl_->parsed.render([&](jinja::Context& context) {
    std::vector<jinja::Value> list;
    for (const ChatMessage& message : messages) {
      list.push_back(context.dict({{context.string("role"), context.string(message.role)},
                                   {context.string("content"), context.string(message.content)}}));
    }
    return jinja::Template::Variables{{"messages", context.list(std::move(list))},
                                      {"tools", jinja::None{}},
                                      {"documents", jinja::None{}},
                                      {"add_generation_prompt", add_generation_prompt},
                                      {"bos_token", context.string(impl_->bos_token)},
                                      {"eos_token", context.string(impl_->eos_token)}};
  });
}

}  // namespace isobatch::text
