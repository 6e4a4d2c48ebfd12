#include "engine/tokenizer_from_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "engine/end_tokens.h"
#include "formats/hf_tokenizer.h"
#include "isobatch/error.h"
#include "text/pre_tokenizer.h"
#include "text/sentencepiece_tokens.h"

namespace isobatch::engine {
namespace {

using formats::HfMetaspace;
using formats::HfSplit;
using formats::HfTokenizer;
using formats::HfTokenizerConfig;
using text::TokenizerSpec;
using text::TokenType;

[[noreturn]] void fail(ErrorCode code, const std::filesystem::path& path, const std::string& message) {
  throw Error(code, fmt::format("{}: {}", path.string(), message));
}

std::string pattern_of(const HfSplit& split, const std::filesystem::path& path) {
  switch (split.kind) {
    case HfSplit::Kind::byte_level:
      return text::PreTokenizer::gpt2_pattern();
    case HfSplit::Kind::each_digit:
      return text::PreTokenizer::digits_pattern(true);
    case HfSplit::Kind::digits:
      return text::PreTokenizer::digits_pattern(false);
    case HfSplit::Kind::pattern:
      break;
  }
  if (!text::PreTokenizer::knows(split.pattern)) {
    fail(ErrorCode::unsupported, path,
         fmt::format("the pre-tokenizer's pattern {} is not known; known are those of {}", split.pattern,
                     text::PreTokenizer::known_names()));
  }
  return split.pattern;
}

text::SpacePrefix space_prefix(const HfTokenizer& file) {
  if (file.prepend_space) return text::SpacePrefix::every;
  if (!file.metaspace) return text::SpacePrefix::never;
  switch (file.metaspace->prepend) {
    case HfMetaspace::Prepend::always:
      return text::SpacePrefix::every_if_absent;
    case HfMetaspace::Prepend::first:
      return text::SpacePrefix::first_if_absent;
    case HfMetaspace::Prepend::never:
      break;
  }
  return text::SpacePrefix::never;
}

// Ids that no token has become unused tokens.
void set_tokens(const HfTokenizer& file, const std::filesystem::path& path, TokenizerSpec& spec) {
  spec.tokens = file.tokens;
  spec.types.assign(spec.tokens.size(), TokenType::normal);
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.tokens[id].empty()) {
      spec.tokens[id] = unused_token_name(id);
      spec.types[id] = TokenType::unused;
    } else if (file.byte_fallback && text::parse_byte_token(spec.tokens[id])) {
      spec.types[id] = TokenType::byte;
    }
  }
  if (file.unknown) spec.types[static_cast<std::size_t>(*file.unknown)] = TokenType::unknown;
  for (const formats::HfAddedToken& token : file.added) {
    const bool is_unknown = file.unknown == token.id;
    // It is left out of text, as special tokens are.
    if (is_unknown && !token.special) {
      fail(ErrorCode::unsupported, path,
           fmt::format("the unknown token \"{}\" is not special", token.content));
    }
    TokenType& type = spec.types[static_cast<std::size_t>(token.id)];
    if (!is_unknown) type = token.special ? TokenType::control : TokenType::user_defined;
    if (token.strip_left || token.strip_right || token.normalized) {
      spec.special_rules.push_back({.id = token.id,
                                    .strip_left = token.strip_left,
                                    .strip_right = token.strip_right,
                                    .normalized = token.normalized});
    }
  }
}

std::optional<TokenId> find_token(const TokenizerSpec& spec, const std::optional<std::string>& name,
                                  const std::filesystem::path& path) {
  if (!name) return std::nullopt;
  const auto found = std::ranges::find(spec.tokens, *name);
  if (found == spec.tokens.end()) {
    fail(ErrorCode::corrupt_file, path, fmt::format("\"{}\" is no token of tokenizer.json", *name));
  }
  return static_cast<TokenId>(found - spec.tokens.begin());
}

// Whether the post-processor adds `token`; it may add nothing else.
bool adds(const std::vector<std::string>& added, std::optional<TokenId> token, const TokenizerSpec& spec,
          std::string_view name, const std::filesystem::path& path) {
  if (added.empty()) return false;
  if (added.size() != 1 || !token || added[0] != spec.tokens[static_cast<std::size_t>(*token)]) {
    fail(ErrorCode::unsupported, path,
         fmt::format("post_processor: expected at most the {} token, found {} tokens, first \"{}\"", name,
                     added.size(), added[0]));
  }
  return true;
}

void set_special(const HfTokenizer& file, const HfTokenizerConfig& config, const std::filesystem::path& path,
                 const std::filesystem::path& config_path, TokenizerSpec& spec) {
  spec.unknown = file.unknown;
  spec.bos = find_token(spec, config.bos, config_path);
  spec.eos = find_token(spec, config.eos, config_path);
  // As in Hugging Face transformers: a word in tokenizer_config.json takes the post-processor's place.
  if (config.add_bos || config.add_eos) {
    spec.add_bos = config.add_bos.value_or(false) && spec.bos;
    spec.add_eos = config.add_eos.value_or(false) && spec.eos;
  } else {
    spec.add_bos = adds(file.before, spec.bos, spec, "bos", path);
    spec.add_eos = adds(file.after, spec.eos, spec, "eos", path);
  }
  for (const formats::HfAddedToken& token : config.added) {
    if (std::ranges::find(file.added, token) == file.added.end()) {
      fail(ErrorCode::unsupported, config_path,
           fmt::format("added_tokens_decoder: token {} (\"{}\") is not the same in tokenizer.json", token.id,
                       token.content));
    }
  }
}

}  // namespace

text::TokenizerSpec make_tokenizer_spec(const HfTokenizer& file, const HfTokenizerConfig& config,
                                        std::span<const TokenId> ends,
                                        const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "tokenizer.json";
  TokenizerSpec spec;
  if (file.byte_level) {
    spec.model = "gpt2";
    for (const HfSplit& split : file.splits) spec.pre_tokenizer_patterns.push_back(pattern_of(split, path));
    if (file.splits.empty())
      fail(ErrorCode::unsupported, path, "a ByteLevel pre-tokenizer that does not split");
  } else {
    spec.model = file.model == HfTokenizer::Model::unigram ? "t5" : "llama";
  }
  spec.merges = file.merges;
  spec.scores = file.scores;
  spec.names_in_text = true;  // all of them are in the trie there
  spec.nfc = file.nfc;
  spec.charsmap = file.charsmap;
  spec.charsmap_of_graphemes = true;
  spec.strip_end = file.strips_end;
  spec.joined_space = file.joined_space;
  spec.ignore_merges = file.ignore_merges;
  spec.fuse_unknown = file.fuse_unknown;
  spec.space_prefix = space_prefix(file);
  spec.split_at_spaces = file.metaspace && file.metaspace->split;
  spec.strip_decoded_space = file.strips_space;
  const bool after_rules =
      !file.charsmap.empty() && std::ranges::any_of(file.added, &formats::HfAddedToken::normalized);
  if (after_rules && file.metaspace && file.metaspace->prepend == HfMetaspace::Prepend::first) {
    // There, "first" is where the unnormalized text would begin by a count that the rules lead astray.
    fail(ErrorCode::unsupported, path,
         "Precompiled, added tokens found in normalized text, and a space before the first text only");
  }
  set_tokens(file, path, spec);
  set_special(file, config, path, directory / "tokenizer_config.json", spec);
  spec.end_tokens = end_tokens(spec, ends);
  return spec;
}

text::TokenizerSpec tokenizer_spec_from_directory(const std::filesystem::path& directory) {
  const std::filesystem::path config_path = directory / "tokenizer_config.json";
  const std::filesystem::path generation_path = directory / "generation_config.json";
  const HfTokenizer file = formats::read_hf_tokenizer(directory / "tokenizer.json");
  HfTokenizerConfig config;
  if (std::filesystem::exists(config_path)) config = formats::read_hf_tokenizer_config(config_path);
  std::vector<TokenId> ends;
  if (std::filesystem::exists(generation_path)) ends = formats::read_hf_end_tokens(generation_path);
  return make_tokenizer_spec(file, config, ends, directory);
}

void pad_vocabulary(text::TokenizerSpec& spec, int vocab_size) {
  if (spec.types.empty()) spec.types.resize(spec.tokens.size(), TokenType::normal);
  while (static_cast<int>(spec.tokens.size()) < vocab_size) {
    spec.tokens.push_back(unused_token_name(spec.tokens.size()));
    spec.types.push_back(TokenType::unused);
    if (!spec.scores.empty()) spec.scores.push_back(0);
  }
}

std::optional<std::string> chat_template_source_from_directory(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "chat_template.jinja";
  if (std::filesystem::exists(path)) {
    std::ifstream file(path, std::ios::binary);
    std::string source{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file) fail(ErrorCode::io, path, "cannot be read");
    return source;
  }
  const std::filesystem::path config_path = directory / "tokenizer_config.json";
  if (!std::filesystem::exists(config_path)) return std::nullopt;
  return formats::read_hf_tokenizer_config(config_path).chat_template;
}

}  // namespace isobatch::engine
