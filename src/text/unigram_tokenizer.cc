#include "text/unigram_tokenizer.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>

#include "isobatch/error.h"
#include "text/normalization.h"
#include "text/utf8.h"
#include "text/word_borders.h"
#include "text/word_cache.h"

namespace isobatch::text {
namespace {

// What a character without a token costs more than the least likely token (SentencePiece's kUnkPenalty).
constexpr double kUnknownPenalty = 10;

}  // namespace

struct UnigramTokenizer::Scratch {
  struct Node {  // the best path to a byte of the text
    double score;
    std::uint32_t begin;  // where its last token begins; kNone: no path
    TokenId id;           // -1: a character without a token
  };
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::vector<Node> nodes;
  std::vector<std::uint32_t> path;  // ends of tokens, the last first
};

UnigramTokenizer::UnigramTokenizer(TokenizerSpec spec, const TokenIndex& index)
    : Tokenizer(std::move(spec), sentencepiece_bytes), fallback_(spec_) {
  if (spec_.scores.empty()) throw Error(ErrorCode::corrupt_file, "tokenizer: expected scores, found none");
  scores_ = std::move(spec_.scores);
  spec_.scores = {};
  spec_.merges = {};
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [token, id] : index) {
    const bool found_by_name = spec_.names_in_text && !token.empty() && !find_invalid_utf8(token);
    if (!found_by_name && (type(id) != TokenType::normal || !is_plain_token(token, type(id)))) continue;
    trie_.add(token, id);
    least = std::min(least, scores_[static_cast<std::size_t>(id)]);
  }
  unknown_score_ = least - kUnknownPenalty;
}

void UnigramTokenizer::encode_segments(std::span<const Segment> segments, std::vector<TokenId>& ids) const {
  Scratch scratch;
  std::deque<std::string> prepared;  // what the cache points to
  WordCache cache;
  const auto encode = [&](std::string_view word, std::vector<TokenId>& into) {
    encode_word(word, scratch, into);
  };
  for (const Segment& segment : segments) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
      continue;
    }
    const std::string_view text =
        segment.prepared
            ? segment.text
            : prepared.emplace_back(prepare_sentencepiece_text(segment.text, spec_, segment.first));
    if (spec_.split_at_spaces) {
      split_before_spaces(text, [&](std::string_view word) { cache.append(word, ids, encode); });
    } else {
      encode_word(text, scratch, ids);
    }
  }
  fallback_.replace_marks(ids);
}

void UnigramTokenizer::encode_word(std::string_view word, Scratch& scratch, std::vector<TokenId>& ids) const {
  auto& nodes = scratch.nodes;
  nodes.assign(word.size() + 1, {0, Scratch::kNone, -1});
  for (std::size_t begin = 0; begin < word.size();) {
    const double so_far = nodes[begin].score;
    const auto character = static_cast<std::size_t>(decode_utf8(word, begin).length);
    const auto offer = [&](std::size_t length, double score, TokenId id) {
      Scratch::Node& node = nodes[begin + length];
      if (node.begin == Scratch::kNone || so_far + score > node.score) {
        node = {so_far + score, static_cast<std::uint32_t>(begin), id};
      }
    };
    bool has_character = false;
    trie_.find(word.substr(begin), [&](std::size_t length, TokenId id) {
      offer(length, scores_[static_cast<std::size_t>(id)], id);
      has_character |= length == character;
    });
    if (!has_character) offer(character, unknown_score_, -1);
    begin += character;
  }
  auto& path = scratch.path;
  path.clear();
  for (auto end = static_cast<std::uint32_t>(word.size()); end > 0; end = nodes[end].begin)
    path.push_back(end);
  for (std::size_t i = path.size(); i-- > 0;) {
    const Scratch::Node& node = nodes[path[i]];
    if (node.id >= 0) {
      ids.push_back(node.id);
    } else {
      fallback_.append(word.substr(node.begin, path[i] - node.begin), ids);
    }
  }
}

}  // namespace isobatch::text
