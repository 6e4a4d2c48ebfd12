// Small vocabularies for tests.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "text/byte_alphabet.h"
#include "text/tokenizer.h"

namespace isobatch::text {

// Byte-level. Ids: 0 "<s>", 1 "</s>", 2 "<s>more" (all control), 3 "<tool>" (user_defined), 4 + byte, then
// "he", "ll", "hell".
inline TokenizerSpec small_spec() {
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre_tokenizer = "gpt-2";
  spec.tokens = {"<s>", "</s>", "<s>more", "<tool>"};
  spec.types = {TokenType::control, TokenType::control, TokenType::control, TokenType::user_defined};
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.emplace_back(byte_to_alphabet(static_cast<unsigned char>(byte)));
  }
  for (const char* token : {"he", "ll", "hell"}) spec.tokens.emplace_back(token);
  spec.types.resize(spec.tokens.size(), TokenType::normal);
  spec.merges = {"h e", "l l", "he ll"};
  spec.bos = 0;
  spec.eos = 1;
  spec.end_tokens = {1};
  return spec;
}

inline constexpr TokenId small_id(unsigned char byte) { return 4 + byte; }

// Of SentencePiece's kind ("llama" or "t5"). Ids: 0 <unk>, 1 <s>, 2 </s>, 3 + byte, then the tokens given,
// the first with the highest score.
inline TokenizerSpec small_sentencepiece_spec(const std::string& model,
                                              const std::vector<std::string>& tokens) {
  TokenizerSpec spec;
  spec.model = model;
  spec.tokens = {"<unk>", "<s>", "</s>"};
  spec.types = {TokenType::unknown, TokenType::control, TokenType::control};
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.push_back(fmt::format("<0x{:02X}>", byte));
    spec.types.push_back(TokenType::byte);
  }
  for (const std::string& token : tokens) spec.tokens.push_back(token);
  spec.types.resize(spec.tokens.size(), TokenType::normal);
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) spec.scores.push_back(-static_cast<double>(id));
  spec.unknown = 0;
  spec.bos = 1;
  spec.eos = 2;
  return spec;
}
inline constexpr TokenId kSmallFirst = 259;
inline constexpr TokenId small_byte_id(unsigned char byte) { return 3 + byte; }

// Normalization rules as text::Charsmap reads them; each beginning of a rule has 256 units of its own.
using RuleList = std::vector<std::pair<std::string, std::string>>;
inline std::string make_charsmap(const RuleList& rules) {
  std::map<std::string, std::size_t> bases;  // of nodes: all beginnings
  for (const auto& [text, replacement] : rules) {
    for (std::size_t size = 0; size <= text.size(); ++size) bases.emplace(text.substr(0, size), 0);
  }
  std::size_t size = 0;
  for (auto& [beginning, base] : bases) base = size += 256;
  std::vector<std::uint32_t> units(size + 256);
  const auto add_node = [&](std::size_t node, unsigned char byte, std::size_t base) {
    units[node] = static_cast<std::uint32_t>(byte | (node ^ base) << 10);
  };
  for (const auto& [beginning, base] : bases) {
    if (beginning.empty()) {
      add_node(0, 0, base);
    } else {
      const auto byte = static_cast<unsigned char>(beginning.back());
      add_node(bases.at(beginning.substr(0, beginning.size() - 1)) ^ byte, byte, base);
    }
  }
  std::string replacements;
  for (const auto& [text, replacement] : rules) {
    const auto byte = static_cast<unsigned char>(text.back());
    units[bases.at(text.substr(0, text.size() - 1)) ^ byte] |= 1u << 8;
    units[bases.at(text)] = 1u << 31 | static_cast<std::uint32_t>(replacements.size());
    replacements += replacement + '\0';
  }
  std::string blob;
  const auto put = [&](std::uint32_t value) {
    for (int i = 0; i < 4; ++i) blob += static_cast<char>(value >> 8 * i);
  };
  put(static_cast<std::uint32_t>(4 * units.size()));
  for (const std::uint32_t unit : units) put(unit);
  return blob + replacements;
}

}  // namespace isobatch::text
