#include "engine/tokenizer_from_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>

#include "isobatch/error.h"

namespace isobatch::engine {
namespace {

// Control tokens at which generation ends even where the metadata does not say so.
constexpr std::string_view kEndNames[] = {"<|im_end|>",    "<|eot_id|>",    "<|eom_id|>",     "<|end|>",
                                          "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>"};

std::optional<TokenId> token_id(const formats::GgufFile& file, std::string_view key) {
  const auto id = file.get_int(key);
  if (!id) return std::nullopt;
  if (*id < 0 || *id > std::numeric_limits<TokenId>::max()) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: {}: expected a token id, found {}", file.path().string(), key, *id));
  }
  return static_cast<TokenId>(*id);
}

std::vector<text::TokenType> token_types(const formats::GgufFile& file) {
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  std::vector<text::TokenType> types;
  for (const std::int64_t type : file.get_ints(kKey).value_or(std::vector<std::int64_t>{})) {
    if (type < static_cast<int>(text::TokenType::normal) || type > static_cast<int>(text::TokenType::byte)) {
      throw Error(ErrorCode::corrupt_file,
                  fmt::format("{}: {}: expected 1 to 6, found {}", file.path().string(), kKey, type));
    }
    types.push_back(static_cast<text::TokenType>(type));
  }
  return types;
}

std::vector<TokenId> end_tokens(const formats::GgufFile& file, const text::TokenizerSpec& spec) {
  std::vector<TokenId> ends;
  const auto add = [&](TokenId id) {
    if (std::ranges::find(ends, id) == ends.end()) ends.push_back(id);
  };
  if (spec.eos) add(*spec.eos);
  for (const std::string_view key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (const auto id = token_id(file, key)) add(*id);
  }
  for (std::size_t id = 0; id < std::min(spec.types.size(), spec.tokens.size()); ++id) {
    if (spec.types[id] == text::TokenType::control &&
        std::ranges::find(kEndNames, spec.tokens[id]) != std::end(kEndNames)) {
      add(static_cast<TokenId>(id));
    }
  }
  return ends;
}

}  // namespace

text::TokenizerSpec tokenizer_spec(const formats::GgufFile& file) {
  const auto strings = [&](std::string_view key) {
    const std::vector<std::string>* values = file.get_strings(key);
    return values == nullptr ? std::vector<std::string>() : *values;
  };
  const auto string = [&](std::string_view key) {
    const std::string* value = file.get_string(key);
    return value == nullptr ? std::string() : *value;
  };
  text::TokenizerSpec spec;
  spec.model = string("tokenizer.ggml.model");
  spec.pre_tokenizer = string("tokenizer.ggml.pre");
  spec.tokens = strings("tokenizer.ggml.tokens");
  spec.types = token_types(file);
  spec.merges = strings("tokenizer.ggml.merges");
  spec.bos = token_id(file, "tokenizer.ggml.bos_token_id");
  spec.eos = token_id(file, "tokenizer.ggml.eos_token_id");
  spec.unknown = token_id(file, "tokenizer.ggml.unknown_token_id");
  spec.add_bos = file.get_bool("tokenizer.ggml.add_bos_token").value_or(false);
  spec.add_eos = file.get_bool("tokenizer.ggml.add_eos_token").value_or(false);
  spec.end_tokens = end_tokens(file, spec);
  return spec;
}

std::optional<text::ChatTemplate> chat_template(const formats::GgufFile& file,
                                                const text::Tokenizer& tokenizer) {
  const std::string* source = file.get_string("tokenizer.chat_template");
  if (source == nullptr) return std::nullopt;
  const auto name = [&](std::optional<TokenId> id) {
    return id ? tokenizer.spec().tokens[static_cast<std::size_t>(*id)] : std::string();
  };
  return text::ChatTemplate(*source, name(tokenizer.spec().bos), name(tokenizer.spec().eos));
}

}  // namespace isobatch::engine
