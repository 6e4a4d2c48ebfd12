#include "text/chat_template.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "isobatch/error.h"
#include "text/jinja/template.h"
#include "text/utf8.h"

namespace isobatch {

ChatInput chat_of(std::span<const ChatMessage> messages) {
  ChatInput input;
  for (const ChatMessage& message : messages) {
    input.messages.push_back({Value::Dict{{"role", {message.role}}, {"content", {message.content}}}});
  }
  return input;
}

}  // namespace isobatch

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

namespace {

// Makes the interpreter's values; `where` names the value in messages.
class Converter {
 public:
  explicit Converter(jinja::Context& context) : context_(context) {}

  jinja::Value convert(const Value& value, const std::string& where, int depth = 0) {
    if (depth > jinja::kMaxValueDepth) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: expected at most {} levels, found more", where, jinja::kMaxValueDepth));
    }
    return std::visit([&](const auto& data) { return make(data, where, depth); }, value.data);
  }

 private:
  jinja::Value make(std::monostate, const std::string&, int) { return jinja::None{}; }
  jinja::Value make(bool value, const std::string&, int) { return value; }
  jinja::Value make(std::int64_t value, const std::string&, int) { return value; }
  jinja::Value make(double value, const std::string&, int) { return value; }
  jinja::Value make(const std::string& value, const std::string& where, int) {
    require_utf8(value, where);
    return context_.string(value);
  }
  jinja::Value make(const Value::List& list, const std::string& where, int depth) {
    std::vector<jinja::Value> items;
    for (std::size_t i = 0; i < list.size(); ++i) {
      items.push_back(convert(list[i], fmt::format("{}[{}]", where, i), depth + 1));
    }
    return context_.list(std::move(items));
  }
  jinja::Value make(const Value::Dict& dict, const std::string& where, int depth) {
    std::vector<std::pair<jinja::Value, jinja::Value>> items;
    for (const auto& [key, value] : dict) {
      require_utf8(key, fmt::format("a key of {}", where));
      items.emplace_back(context_.string(key), convert(value, fmt::format("{}.{}", where, key), depth + 1));
    }
    return context_.dict(std::move(items));
  }

  jinja::Context& context_;
};

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local = {};
  ::localtime_r(&now, &local);
  return local;
}

}  // namespace

std::string ChatTemplate::render(const ChatInput& input) const {
  return impl_->parsed.render([&](jinja::Context& context) {
    context.set_now(input.now ? *input.now : local_time());
    Converter converter(context);
    // The names that Hugging Face transformers give to templates.
    jinja::Template::Variables variables{{"messages", converter.convert({input.messages}, "messages")},
                                         {"tools", converter.convert(input.tools, "tools")},
                                         {"documents", converter.convert(input.documents, "documents")},
                                         {"add_generation_prompt", input.add_generation_prompt},
                                         {"bos_token", context.string(impl_->bos_token)},
                                         {"eos_token", context.string(impl_->eos_token)}};
    for (const auto& [name, value] : input.variables) {
      require_utf8(name, "the name of a template variable");
      variables.emplace_back(name, converter.convert(value, name));
    }
    return variables;
  });
}

std::string ChatTemplate::render(std::span<const ChatMessage> messages, bool add_generation_prompt) const {
  ChatInput input = chat_of(messages);
  input.add_generation_prompt = add_generation_prompt;
  return render(input);
}

}  // namespace isobatch::text
