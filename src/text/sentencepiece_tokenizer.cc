#include "text/sentencepiece_tokenizer.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <utility>

#include "isobatch/error.h"
#include "text/normalization.h"
#include "text/utf8.h"
#include "text/word_cache.h"

namespace isobatch::text {

struct SentencePieceTokenizer::Scratch {
  MergeScratch merge;
  std::unordered_map<TokenId, std::size_t> left_sizes;  // of unused tokens: bytes of their left part
  std::vector<std::string_view> stack;
};

SentencePieceTokenizer::SentencePieceTokenizer(TokenizerSpec spec, const TokenIndex& index)
    : Tokenizer(std::move(spec), sentencepiece_bytes), fallback_(spec_) {
  if (!spec_.merges.empty()) {
    merges_.emplace(index, spec_.merges);
  } else if (!spec_.scores.empty()) {
    rank_tokens();
  } else {
    throw Error(ErrorCode::corrupt_file, "tokenizer: expected merges or scores, found neither");
  }
  for (const auto& [token, id] : index) {
    if (!is_plain_token(token, type(id))) continue;
    index_.emplace(token, id);
    borders_.add_token(token);
    has_unused_ |= type(id) == TokenType::unused;
  }
  if (spec_.split_at_spaces) borders_.split_at_spaces();
  spec_.merges = {};
  spec_.scores = {};
}

void SentencePieceTokenizer::rank_tokens() {
  std::vector<TokenId> order(spec_.tokens.size());
  std::iota(order.begin(), order.end(), 0);
  const auto score = [&](TokenId id) { return spec_.scores[static_cast<std::size_t>(id)]; };
  std::ranges::stable_sort(order, std::greater<>(), score);
  ranks_.resize(order.size());
  std::uint32_t rank = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && score(order[i]) != score(order[i - 1])) ++rank;  // equal scores have one rank
    ranks_[static_cast<std::size_t>(order[i])] = rank;
  }
}

void SentencePieceTokenizer::encode_segments(std::span<const Segment> segments,
                                             std::vector<TokenId>& ids) const {
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
    borders_.split(text, [&](std::string_view word) { cache.append(word, ids, encode); });
  }
  fallback_.replace_marks(ids);
}

MergedPair SentencePieceTokenizer::find_joined(std::string_view text) const {
  const auto found = index_.find(text);
  if (found == index_.end()) return {};
  return {ranks_[static_cast<std::size_t>(found->second)], found->second};
}

void SentencePieceTokenizer::encode_word(std::string_view word, Scratch& scratch,
                                         std::vector<TokenId>& ids) const {
  using Symbol = MergeScratch::Symbol;
  scratch.merge.clear();
  scratch.left_sizes.clear();
  for (std::size_t at = 0; at < word.size();) {
    const auto length = static_cast<std::size_t>(decode_utf8(word, at).length);
    const auto found = index_.find(word.substr(at, length));
    scratch.merge.add(found == index_.end() ? -1 : found->second, at);
    at += length;
  }
  const auto find_pair = [&](const Symbol& left, const Symbol& right, std::size_t end) -> MergedPair {
    if (merges_) return left.id < 0 || right.id < 0 ? MergedPair{} : merges_->find(left.id, right.id);
    const MergedPair pair = find_joined(word.substr(left.begin, end - left.begin));
    if (has_unused_ && pair.rank != kNoRank && type(pair.joined) == TokenType::unused) {
      scratch.left_sizes[pair.joined] = right.begin - left.begin;
    }
    return pair;
  };
  merge_symbols(scratch.merge, word.size(), find_pair, [&](const Symbol& symbol) {
    const std::size_t end =
        symbol.next == MergeScratch::kNone ? word.size() : scratch.merge.symbols[symbol.next].begin;
    append(word.substr(symbol.begin, end - symbol.begin), symbol.id, scratch, ids);
  });
}

// An unused token serves as a step on the way to a longer one; if none came of it, its parts stay.
void SentencePieceTokenizer::append(std::string_view text, TokenId id, Scratch& scratch,
                                    std::vector<TokenId>& ids) const {
  if (id < 0) return fallback_.append(text, ids);
  if (type(id) != TokenType::unused) return ids.push_back(id);
  std::vector<std::string_view>& stack = scratch.stack;
  stack.assign(1, text);
  while (!stack.empty()) {
    const std::string_view part = stack.back();
    stack.pop_back();
    const auto found = index_.find(part);
    if (found == index_.end()) {
      fallback_.append(part, ids);
    } else if (const auto left = scratch.left_sizes.find(found->second); left == scratch.left_sizes.end()) {
      ids.push_back(found->second);
    } else {
      stack.push_back(part.substr(left->second));
      stack.push_back(part.substr(0, left->second));
    }
  }
}

}  // namespace isobatch::text
