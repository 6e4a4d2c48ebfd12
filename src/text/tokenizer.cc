#include "text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <unordered_map>
#include <utility>

#include "isobatch/error.h"
#include "text/apply_charsmap.h"
#include "text/byte_level_tokenizer.h"
#include "text/normalization.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/unigram_tokenizer.h"
#include "text/utf8.h"

namespace isobatch::text {
namespace {

using Create = std::unique_ptr<Tokenizer> (*)(TokenizerSpec, const TokenIndex&);

struct Kind {
  std::string_view model;
  Create create;
};

template <typename T>
std::unique_ptr<Tokenizer> make(TokenizerSpec spec, const TokenIndex& index) {
  return std::make_unique<T>(std::move(spec), index);
}

constexpr Kind kKinds[] = {
    {"gpt2", make<ByteLevelTokenizer>},
    {"llama", make<SentencePieceTokenizer>},
    {"t5", make<UnigramTokenizer>},
};

const Kind& find_kind(std::string_view model) {
  std::string known;
  for (const Kind& kind : kKinds) {
    if (kind.model == model) return kind;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", kind.model);
  }
  throw Error(ErrorCode::unsupported,
              fmt::format("tokenizer model \"{}\" is not known; known are: {}", model, known));
}

[[noreturn]] void corrupt(const std::string& message) {
  throw Error(ErrorCode::corrupt_file, "tokenizer: " + message);
}

void check_id(const TokenizerSpec& spec, std::string_view name, std::optional<TokenId> id) {
  if (id && (*id < 0 || static_cast<std::size_t>(*id) >= spec.tokens.size())) {
    corrupt(fmt::format("{} token id: expected less than the {} tokens, found {}", name, spec.tokens.size(),
                        *id));
  }
}

void check_spec(const TokenizerSpec& spec) {
  if (spec.tokens.empty()) corrupt("no tokens");
  if (spec.tokens.size() > std::numeric_limits<TokenId>::max()) {
    corrupt(fmt::format("{} tokens are more than an id can count", spec.tokens.size()));
  }
  if (!spec.types.empty() && spec.types.size() != spec.tokens.size()) {
    corrupt(fmt::format("expected a type for each of {} tokens, found {}", spec.tokens.size(),
                        spec.types.size()));
  }
  check_id(spec, "bos", spec.bos);
  check_id(spec, "eos", spec.eos);
  check_id(spec, "unknown", spec.unknown);
  for (const TokenId id : spec.end_tokens) check_id(spec, "end", id);
  if (!spec.scores.empty() && spec.scores.size() != spec.tokens.size()) {
    corrupt(fmt::format("expected a score for each of {} tokens, found {}", spec.tokens.size(),
                        spec.scores.size()));
  }
  for (std::size_t id = 0; id < spec.scores.size(); ++id) {
    if (!std::isfinite(spec.scores[id])) {
      corrupt(fmt::format("score of token {}: expected a number, found {}", id, spec.scores[id]));
    }
  }
  for (const SpecialTokenRule& rule : spec.special_rules) check_id(spec, "special", rule.id);
  if (spec.add_bos && !spec.bos) corrupt("a bos token is to be added, but its id is not given");
  if (spec.add_eos && !spec.eos) corrupt("an eos token is to be added, but its id is not given");
}

TokenIndex index_tokens(const TokenizerSpec& spec) {
  TokenIndex index;
  index.reserve(spec.tokens.size());
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    const auto [found, inserted] = index.emplace(spec.tokens[id], static_cast<TokenId>(id));
    if (!inserted)
      corrupt(fmt::format("tokens {} and {} are both \"{}\"", found->second, id, spec.tokens[id]));
  }
  return index;
}

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::create(TokenizerSpec spec) {
  const Kind& kind = find_kind(spec.model);
  check_spec(spec);
  const TokenIndex index = index_tokens(spec);  // its views stay valid: moving a vector keeps its strings
  return kind.create(std::move(spec), index);
}

Tokenizer::Tokenizer(TokenizerSpec spec, std::string (*token_bytes)(std::string_view, TokenType))
    : spec_(std::move(spec)) {
  byte_end_.reserve(spec_.tokens.size());
  for (std::size_t id = 0; id < spec_.tokens.size(); ++id) {
    bytes_ += token_bytes(spec_.tokens[id], type(static_cast<TokenId>(id)));
    byte_end_.push_back(bytes_.size());
  }
  bytes_.shrink_to_fit();
  if (!spec_.charsmap.empty()) charsmap_.emplace(spec_.charsmap);
  spec_.charsmap = std::string();
  add_special_tokens();
}

void Tokenizer::add_special_tokens() {
  std::unordered_map<TokenId, SpecialTokenRule> rules;
  for (const SpecialTokenRule& rule : spec_.special_rules) rules.emplace(rule.id, rule);
  for (TokenId id = 0; id < vocab_size(); ++id) {
    const TokenType kind = type(id);
    const bool is_user_defined = kind == TokenType::user_defined;
    if (!is_user_defined && kind != TokenType::control && kind != TokenType::unknown) continue;
    const std::string& name = spec_.tokens[static_cast<std::size_t>(id)];
    if (name.empty()) continue;
    const auto found = rules.find(id);
    const SpecialTokenRule rule = found == rules.end() ? SpecialTokenRule{id} : found->second;
    const bool kept = is_user_defined && normalizes_as_sentencepiece();
    const bool escapes = kept || (spec_.escape_special && !normalizes_as_sentencepiece());
    std::string text = escapes ? escape_spaces(name) : name;
    if (rule.normalized && normalizes(text)) text = normalize(text);
    if (rule.normalized && normalizes_prefix()) text = prepare_sentencepiece_text(text, spec_, false);
    if (text.empty()) {
      throw Error(ErrorCode::unsupported,
                  fmt::format("tokenizer: token {}, found in normalized text, is empty when normalized", id));
    }
    const bool in_normalized = rule.normalized || kept;
    special_[1][in_normalized].add(text, id, rule.strip_left, rule.strip_right);
    if (is_user_defined) special_[0][in_normalized].add(text, id, rule.strip_left, rule.strip_right);
  }
  for (auto& sets : special_) {
    for (SpecialTokens& set : sets) set.prepare();
  }
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, bool add_special, bool parse_special) const {
  // Three bytes may stand for one.
  if (text.size() > std::numeric_limits<std::int32_t>::max() / 3) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("text to tokenize: expected at most {} bytes, found {}",
                            std::numeric_limits<std::int32_t>::max() / 3, text.size()));
  }
  require_utf8(text, "text to tokenize");
  std::vector<TokenId> ids;
  if (add_special && spec_.add_bos) ids.push_back(*spec_.bos);
  if (spec_.escape_special && !normalizes_as_sentencepiece()) {
    encode_text(escape_spaces(text), parse_special, ids);
  } else {
    encode_text(text, parse_special, ids);
  }
  if (add_special && spec_.add_eos) ids.push_back(*spec_.eos);
  return ids;
}

namespace {

// Calls on_segment(text, id or -1, offset) for each special token and what lies between them.
template <typename OnSegment>
void split_at_special(const SpecialTokens& special, std::string_view text, const OnSegment& on_segment) {
  std::size_t done = 0;
  while (const auto match = special.find(text, done)) {
    if (match->offset > done) on_segment(text.substr(done, match->offset - done), -1, done);
    on_segment(text.substr(match->offset, match->length), match->id, match->offset);
    done = match->offset + match->length;
  }
  if (done < text.size()) on_segment(text.substr(done), -1, done);
}

}  // namespace

bool Tokenizer::normalizes(std::string_view text) const {
  return charsmap_ || spec_.strip_end || !spec_.joined_space.empty() || (spec_.nfc && !is_surely_nfc(text));
}

std::string Tokenizer::normalize(std::string_view text) const {
  std::string normalized = spec_.nfc && !is_surely_nfc(text) ? to_nfc(text) : std::string(text);
  if (charsmap_) normalized = apply_to_graphemes(*charsmap_, normalized);
  if (spec_.strip_end) normalized.resize(without_end_space(normalized).size());
  if (!spec_.joined_space.empty()) normalized = join_spaces(normalized, spec_.joined_space);
  return normalized;
}

void Tokenizer::encode_text(std::string_view text, bool parse_special, std::vector<TokenId>& ids) const {
  const SpecialTokens& as_it_stands = special_[parse_special][0];
  const SpecialTokens& in_normalized = special_[parse_special][1];
  std::vector<Segment> segments;
  std::deque<std::string> normalized;  // what segments point to
  split_at_special(as_it_stands, text, [&](std::string_view part, TokenId id, std::size_t offset) {
    if (id >= 0) {
      segments.push_back({part, id, offset == 0, false});
      return;
    }
    bool prepared = false;
    if (normalizes_as_sentencepiece()) {
      part = normalized.emplace_back(
          normalize_sentencepiece_text(part, *charsmap_, in_normalized, spec_, offset == 0));
      prepared = true;
    } else {
      if (normalizes(part)) part = normalized.emplace_back(normalize(part));
      prepared = !in_normalized.empty() && normalizes_prefix();
      if (prepared) part = normalized.emplace_back(prepare_sentencepiece_text(part, spec_, offset == 0));
    }
    split_at_special(in_normalized, part,
                     [&](std::string_view inner, TokenId inner_id, std::size_t inner_offset) {
                       segments.push_back({inner, inner_id, offset + inner_offset == 0, prepared});
                     });
  });
  encode_segments(segments, ids);
}

std::string_view Tokenizer::bytes(TokenId id) const {
  require_id(id);
  const std::size_t begin = id == 0 ? 0 : byte_end_[id - 1];
  return std::string_view(bytes_).substr(begin, byte_end_[id] - begin);
}

void Tokenizer::require_id(TokenId id) const {
  if (id < 0 || id >= vocab_size()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("token id: expected 0 to {}, found {}", vocab_size() - 1, id));
  }
}

bool Tokenizer::is_control(TokenId id) const {
  require_id(id);
  return type(id) == TokenType::control || type(id) == TokenType::unknown;
}

bool Tokenizer::is_end(TokenId id) const {
  return std::ranges::find(spec_.end_tokens, id) != spec_.end_tokens.end();
}

std::string Tokenizer::decode(std::span<const TokenId> ids) const {
  std::string joined;
  for (const TokenId id : ids) {
    if (!is_control(id)) joined += bytes(id);
  }
  if (spec_.strip_decoded_space && joined.starts_with(' ')) joined.erase(0, 1);
  return to_valid_utf8(joined);
}

}  // namespace isobatch::text
