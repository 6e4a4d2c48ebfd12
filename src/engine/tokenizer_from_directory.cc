#include "engine/tokenizer_from_directory.h"

#include <fmt/format.h>

#include "isobatch/error.h"

namespace isobatch::engine {

text::TokenizerSpec tokenizer_spec_from_directory(const std::filesystem::path& directory) {
  throw Error(ErrorCode::unsupported,
              fmt::format("{}: tokenizer.json cannot be read yet", directory.string()));
}

void pad_vocabulary(text::TokenizerSpec& spec, int vocab_size) {
  if (spec.types.empty()) spec.types.resize(spec.tokens.size(), text::TokenType::normal);
  while (static_cast<int>(spec.tokens.size()) < vocab_size) {
    spec.tokens.push_back(fmt::format("[PAD{}]", spec.tokens.size()));
    spec.types.push_back(text::TokenType::unused);
    if (!spec.scores.empty()) spec.scores.push_back(0);
  }
}

std::optional<std::string> chat_template_source_from_directory(const std::filesystem::path& directory) {
  throw Error(ErrorCode::unsupported,
              fmt::format("{}: the chat template cannot be read yet", directory.string()));
}

}  // namespace isobatch::engine
