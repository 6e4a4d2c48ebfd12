#include "engine/tokenizer_from_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

#include "engine/end_tokens.h"
#include "isobatch/error.h"

namespace isobatch::engine {
namespace {

// The defaults are those of the program that the files are written for, llama.cpp.
struct Defaults {
  std::optional<TokenId> bos, eos, unknown;
  bool add_bos = false, add_eos = false, add_space_prefix = false;
};

Defaults defaults_of(const text::TokenizerSpec& spec) {
  if (spec.model == "llama") {
    return {.bos = 1, .eos = 2, .unknown = 0, .add_bos = true, .add_space_prefix = true};
  }
  if (spec.model == "t5") return {.bos = {}, .eos = 1, .unknown = 2, .add_eos = true};
  Defaults defaults;
  defaults.add_bos = spec.pre_tokenizer == "llama-bpe";
  return defaults;
}

// What the name of a pre-tokenizer stands for besides its patterns.
void apply_pre_tokenizer(text::TokenizerSpec& spec) {
  spec.ignore_merges = spec.pre_tokenizer == "llama-bpe";
  spec.nfc = spec.pre_tokenizer == "qwen2";
}

// Converters write it as signed or unsigned bytes.
std::string charsmap(const formats::GgufFile& file) {
  constexpr std::string_view kKey = "tokenizer.ggml.precompiled_charsmap";
  std::string bytes;
  for (const std::int64_t byte : file.get_ints(kKey).value_or(std::vector<std::int64_t>{})) {
    if (byte < -128 || byte > 255) {
      throw Error(ErrorCode::corrupt_file,
                  fmt::format("{}: {}: expected bytes, found {}", file.path().string(), kKey, byte));
    }
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

void read_sentencepiece(const formats::GgufFile& file, const Defaults& defaults, text::TokenizerSpec& spec) {
  const auto flag = [&](std::string_view key, bool otherwise) {
    return file.get_bool(key).value_or(otherwise);
  };
  const auto refuse = [&](std::string_view key, std::string_view what) {
    throw Error(ErrorCode::unsupported, fmt::format("{}: {}: {}", file.path().string(), key, what));
  };
  constexpr std::string_view kSuffix = "tokenizer.ggml.treat_whitespace_as_suffix";
  if (flag(kSuffix, false)) refuse(kSuffix, "spaces behind words are not supported");
  spec.charsmap = charsmap(file);
  if (auto scores = file.get_floats("tokenizer.ggml.scores")) spec.scores = std::move(*scores);
  const bool prefix = flag("tokenizer.ggml.add_space_prefix", defaults.add_space_prefix);
  spec.space_prefix = prefix ? text::SpacePrefix::every : text::SpacePrefix::never;
  spec.strip_decoded_space = prefix;
  spec.remove_extra_whitespaces = flag("tokenizer.ggml.remove_extra_whitespaces", false);
  for (std::size_t id = 0; id < std::min(spec.types.size(), spec.tokens.size()); ++id) {
    spec.escape_special |=
        spec.types[id] == text::TokenType::user_defined && spec.tokens[id].find(' ') != std::string::npos;
  }
  // Phi-3's special tokens take the white space after them; its files have no key that says so.
  const std::string* architecture = file.get_string("general.architecture");
  if (architecture == nullptr || *architecture != "phi3" || spec.model != "llama") return;
  for (std::size_t id = 0; id < std::min(spec.types.size(), spec.tokens.size()); ++id) {
    const bool plain = spec.tokens[id] == "<s>" || spec.tokens[id] == "<|endoftext|>";
    if (spec.types[id] != text::TokenType::control || plain) continue;
    spec.special_rules.push_back({.id = static_cast<TokenId>(id), .strip_right = true});
  }
}

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
  const Defaults defaults = defaults_of(spec);
  const auto id_or = [&](std::string_view key, std::optional<TokenId> otherwise) {
    const std::optional<TokenId> id = token_id(file, key);
    return id ? id : otherwise;
  };
  spec.bos = id_or("tokenizer.ggml.bos_token_id", defaults.bos);
  spec.eos = id_or("tokenizer.ggml.eos_token_id", defaults.eos);
  spec.unknown = id_or("tokenizer.ggml.unknown_token_id", defaults.unknown);
  spec.add_bos = file.get_bool("tokenizer.ggml.add_bos_token").value_or(defaults.add_bos);
  spec.add_eos = file.get_bool("tokenizer.ggml.add_eos_token").value_or(defaults.add_eos);
  apply_pre_tokenizer(spec);
  if (spec.model == "llama" || spec.model == "t5") read_sentencepiece(file, defaults, spec);
  std::vector<TokenId> ends;
  for (const std::string_view key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (const auto id = token_id(file, key)) ends.push_back(*id);
  }
  spec.end_tokens = end_tokens(spec, ends);
  return spec;
}

text::ChatTemplate make_chat_template(const std::string& source, const text::Tokenizer& tokenizer) {
  const auto name = [&](std::optional<TokenId> id) {
    return id ? tokenizer.spec().tokens[static_cast<std::size_t>(*id)] : std::string();
  };
  return text::ChatTemplate(source, name(tokenizer.spec().bos), name(tokenizer.spec().eos));
}

std::optional<text::ChatTemplate> chat_template(const formats::GgufFile& file,
                                                const text::Tokenizer& tokenizer) {
  const std::string* source = file.get_string("tokenizer.chat_template");
  if (source == nullptr) return std::nullopt;
  return make_chat_template(*source, tokenizer);
}

}  // namespace isobatch::engine
