#include "text/byte_level_tokenizer.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "isobatch/error.h"
#include "text/byte_alphabet.h"
#include "text/utf8.h"

namespace isobatch::text {

ByteLevelTokenizer::ByteLevelTokenizer(TokenizerSpec spec, const TokenIndex& index)
    : Tokenizer(std::move(spec)), pre_tokenizer_(spec_.pre_tokenizer), bpe_(index, spec_.merges) {
  spec_.merges = {};
  byte_end_.reserve(spec_.tokens.size());
  for (std::size_t id = 0; id < spec_.tokens.size(); ++id) {
    const std::string& token = spec_.tokens[id];
    const TokenType type = spec_.types.empty() ? TokenType::normal : spec_.types[id];
    const bool special = type == TokenType::control || type == TokenType::user_defined;
    if (special && !token.empty()) special_.add(token, static_cast<TokenId>(id));
    bytes_ += special ? token : alphabet_to_bytes(token).value_or(token);
    byte_end_.push_back(bytes_.size());
  }
  special_.prepare();
  bytes_.shrink_to_fit();
}

std::vector<TokenId> ByteLevelTokenizer::encode(std::string_view text, bool add_special,
                                                bool parse_special) const {
  if (text.size() > std::numeric_limits<std::int32_t>::max()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("text to tokenize: expected at most 2^31 - 1 bytes, found {}", text.size()));
  }
  require_utf8(text, "text to tokenize");
  std::vector<TokenId> ids;
  Bpe::Scratch scratch;
  if (add_special && spec_.add_bos) ids.push_back(*spec_.bos);
  std::size_t done = 0;
  if (parse_special) {
    while (const auto match = special_.find(text, done)) {
      encode_plain(text.substr(done, match->offset - done), scratch, ids);
      ids.push_back(match->id);
      done = match->offset + match->length;
    }
  }
  encode_plain(text.substr(done), scratch, ids);
  if (add_special && spec_.add_eos) ids.push_back(*spec_.eos);
  return ids;
}

void ByteLevelTokenizer::encode_plain(std::string_view text, Bpe::Scratch& scratch,
                                      std::vector<TokenId>& ids) const {
  pre_tokenizer_.split(text, [&](std::string_view piece) { bpe_.encode(piece, scratch, ids); });
}

std::string_view ByteLevelTokenizer::bytes(TokenId id) const {
  require_id(id);
  const std::size_t begin = id == 0 ? 0 : byte_end_[id - 1];
  return std::string_view(bytes_).substr(begin, byte_end_[id] - begin);
}

}  // namespace isobatch::text
