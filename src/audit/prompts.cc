#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <variant>

#include "isobatch/audit/audit.h"
#include "isobatch/error.h"
#include "isobatch/openai.h"

namespace isobatch::audit {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::filesystem::path& file, std::size_t line, const std::string& what) {
  throw Error(ErrorCode::invalid_argument, fmt::format("{}: line {}: {}", file.string(), line, what));
}

// Takes what only an audit knows out of the line, so that the rest is one that `batch` reads.
std::string take_string(json& line, const char* key) {
  const auto found = line.find(key);
  if (found == line.end()) return {};
  if (!found->is_string()) {
    throw Error(ErrorCode::invalid_argument, fmt::format("{} must be a string, is {}", key, found->dump()));
  }
  std::string value = found->get<std::string>();
  line.erase(found);
  return value;
}

// Other engines are asked in messages of role and text: what no other engine could be asked is refused.
std::vector<ChatMessage> messages_of(const ChatInput& chat) {
  const auto refuse = [](std::string_view what) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("an audit takes messages of role and text alone, not {}", what));
  };
  if (!chat.tools.is_null()) refuse("tools");
  if (!chat.documents.is_null()) refuse("documents");
  if (!chat.variables.empty()) refuse(chat.variables[0].key);
  std::vector<ChatMessage> messages;
  for (const Value& message : chat.messages) {
    for (const ValueEntry& entry : *message.dict()) {
      if ((entry.key != "role" && entry.key != "content") || !entry.value.string()) refuse(entry.key);
    }
    messages.push_back({*message.find("role")->string(), *message.find("content")->string()});
  }
  return messages;
}

Prompt read_prompt(const std::string& text, std::size_t number) {
  json line = json::parse(text, nullptr, /*allow_exceptions=*/false);
  Prompt prompt;
  std::string rest = text;
  if (line.is_object()) {
    prompt.id = take_string(line, "id");
    prompt.answer = take_string(line, "answer");
    rest = line.dump();
  }
  openai::BatchLine read = openai::parse_batch_line(rest, number, {});
  if (!read.error.empty()) throw Error(ErrorCode::invalid_argument, read.error);
  if (prompt.id.empty()) prompt.id = read.custom_id;
  if (const auto* chat = std::get_if<ChatInput>(&read.prompt)) {
    prompt.messages = messages_of(*chat);
  } else if (auto* raw = std::get_if<std::string>(&read.prompt)) {
    prompt.text = std::move(*raw);
  } else {
    prompt.tokens = std::get<std::vector<TokenId>>(std::move(read.prompt));
  }
  return prompt;
}

}  // namespace

std::vector<Prompt> read_prompts(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::not_found, fmt::format("{}: cannot be opened", path.string()));
  std::vector<Prompt> prompts;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      prompts.push_back(read_prompt(line, number));
    } catch (const Error& error) {
      fail(path, number, error.what());
    }
  }
  if (file.bad()) throw Error(ErrorCode::io, fmt::format("{}: cannot be read", path.string()));
  if (prompts.empty()) throw Error(ErrorCode::invalid_argument, fmt::format("{}: no prompts", path.string()));
  return prompts;
}

}  // namespace isobatch::audit
