#include "text/bpe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "isobatch/error.h"
#include "text/byte_alphabet.h"

namespace isobatch::text {
namespace {

struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<std::string> merges;
  TokenIndex index;

  void finish() {
    for (std::size_t i = 0; i < tokens.size(); ++i) index.emplace(tokens[i], static_cast<TokenId>(i));
  }
};

// Letters a to d and random merges of what exists already.
Vocabulary random_vocabulary(std::mt19937& random, int merges) {
  Vocabulary v{{"a", "b", "c", "d"}, {}, {}};
  while (static_cast<int>(v.merges.size()) < merges) {
    const std::string left = v.tokens[random() % v.tokens.size()],
                      right = v.tokens[random() % v.tokens.size()];
    const std::string merge = left + " " + right;
    if (std::ranges::find(v.merges, merge) != v.merges.end()) continue;
    if (std::ranges::find(v.tokens, left + right) == v.tokens.end()) v.tokens.push_back(left + right);
    v.merges.push_back(merge);
  }
  std::ranges::shuffle(v.merges, random);
  v.finish();
  return v;
}

// The definition, word for word, in quadratic time.
std::vector<TokenId> encode_slowly(const Vocabulary& v, std::string_view word) {
  std::vector<std::string> symbols;
  for (const char c : word) symbols.emplace_back(1, c);
  for (;;) {
    std::size_t best = v.merges.size(), at = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = std::ranges::find(v.merges, symbols[i] + " " + symbols[i + 1]);
      const auto rank = static_cast<std::size_t>(found - v.merges.begin());
      if (rank < best) best = rank, at = i;
    }
    if (best == v.merges.size()) break;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
  std::vector<TokenId> ids;
  for (const std::string& symbol : symbols) ids.push_back(v.index.at(symbol));
  return ids;
}

TEST(Bpe, EqualsTheDefinition) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const Vocabulary v = random_vocabulary(random, 30);
    const Bpe bpe(v.index, v.merges);
    Bpe::Scratch scratch;
    for (int i = 0; i < 20; ++i) {
      std::string word(random() % 60, 'a');
      for (char& c : word) c = static_cast<char>('a' + random() % 4);
      std::vector<TokenId> ids;
      bpe.encode(word, scratch, ids);
      ASSERT_EQ(ids, encode_slowly(v, word)) << word;
    }
  }
}

TEST(Bpe, LeavesOutBytesWithoutAToken) {
  Vocabulary v{{"a", "b", "ab"}, {"a b"}, {}};
  v.finish();
  Bpe::Scratch scratch;
  std::vector<TokenId> ids;
  Bpe(v.index, v.merges).encode("a?b?", scratch, ids);
  EXPECT_EQ(ids, std::vector<TokenId>{2});
}

TEST(Bpe, ALongWordTakesNotQuadraticTime) {
  Vocabulary v{{"a", "aa", "aaaa", "aaaaaaaa"}, {"a a", "aa aa", "aaaa aaaa"}, {}};
  v.finish();
  Bpe::Scratch scratch;
  std::vector<TokenId> ids;
  const auto start = std::chrono::steady_clock::now();
  Bpe(v.index, v.merges).encode(std::string(1 << 20, 'a'), scratch, ids);
  EXPECT_EQ(ids, std::vector<TokenId>(1 << 17, 3));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(Bpe, RefusesMergesThatMakeNoSense) {
  Vocabulary v{{"a", "b", "ab"}, {}, {}};
  v.finish();
  for (const std::string merge : {"a x", "x a", "b a", "ab", "a b ab", "", " "}) {
    EXPECT_THROW(Bpe(v.index, std::vector<std::string>{merge}), Error) << merge;
  }
}

}  // namespace
}  // namespace isobatch::text
