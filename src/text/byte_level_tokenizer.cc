#include "text/byte_level_tokenizer.h"

#include <utility>

#include "text/byte_alphabet.h"
#include "text/word_cache.h"

namespace isobatch::text {
namespace {

bool is_special(TokenType type) { return type == TokenType::control || type == TokenType::user_defined; }

std::string token_bytes(std::string_view token, TokenType type) {
  if (is_special(type)) return std::string(token);
  return alphabet_to_bytes(token).value_or(std::string(token));
}

}  // namespace

ByteLevelTokenizer::ByteLevelTokenizer(TokenizerSpec spec, const TokenIndex& index)
    : Tokenizer(std::move(spec), token_bytes),
      pre_tokenizer_(spec_.pre_tokenizer_patterns.empty() ? PreTokenizer(spec_.pre_tokenizer)
                                                          : PreTokenizer(spec_.pre_tokenizer_patterns)),
      bpe_(index, spec_.merges) {
  spec_.merges = {};
  if (!spec_.ignore_merges) return;
  for (TokenId id = 0; id < vocab_size(); ++id) {
    const std::string& token = spec_.tokens[static_cast<std::size_t>(id)];
    if (type(id) == TokenType::normal && alphabet_to_bytes(token)) whole_pieces_.emplace(bytes(id), id);
  }
}

void ByteLevelTokenizer::encode_segments(std::span<const Segment> segments, std::vector<TokenId>& ids) const {
  Bpe::Scratch scratch;
  WordCache cache;
  const auto encode = [&](std::string_view piece, std::vector<TokenId>& into) {
    if (const auto found = whole_pieces_.find(piece); found != whole_pieces_.end()) {
      into.push_back(found->second);
    } else {
      bpe_.encode(piece, scratch, into);
    }
  };
  for (const Segment& segment : segments) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      pre_tokenizer_.split(segment.text, [&](std::string_view piece) { cache.append(piece, ids, encode); });
    }
  }
}

}  // namespace isobatch::text
