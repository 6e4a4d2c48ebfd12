// Any bytes as text: refused when not UTF-8, else decoding gives it back, whole and piece by piece, unless
// there are normalization rules. The same bytes as token ids: the pieces of a stream, joined, equal the
// whole. The same bytes as normalization rules: refused, or they make UTF-8 of UTF-8.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/error.h"
#include "text/apply_charsmap.h"
#include "text/normalization.h"
#include "text/stream_decoder.h"
#include "text/tokenizer_test_support.h"
#include "text/utf8.h"

namespace {

using isobatch::TokenId;
using isobatch::text::Tokenizer;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_decoders(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  isobatch::text::StreamDecoder decoder(tokenizer);
  std::string joined;
  for (const TokenId id : ids) joined += decoder.push(id);
  joined += decoder.finish();
  require(joined == tokenizer.decode(ids) && !isobatch::text::find_invalid_utf8(joined));
}

// One of each kind, with all that changes text and can be undone.
std::vector<std::unique_ptr<Tokenizer>> make_tokenizers() {
  using namespace isobatch::text;
  std::vector<std::unique_ptr<Tokenizer>> tokenizers;
  tokenizers.push_back(Tokenizer::create(small_spec()));
  TokenizerSpec gemma = small_sentencepiece_spec(
      "llama", {"he", "ll", "hell", "▁t", "▁th", "the", "h", "e", "l", "▁", "é", "éé", "\n\n", "  ", "    "});
  for (std::size_t id = gemma.tokens.size() - 3; id < gemma.tokens.size(); ++id) {
    gemma.types[id] = TokenType::user_defined;
  }
  gemma.types[kSmallFirst + 3] = TokenType::unused;
  gemma.escape_special = true;
  tokenizers.push_back(Tokenizer::create(gemma));
  TokenizerSpec llama = gemma;
  llama.types.assign(llama.types.size() - 3, TokenType::normal);
  std::copy_n(gemma.types.begin(), kSmallFirst, llama.types.begin());
  llama.tokens.resize(llama.types.size());
  llama.scores.resize(llama.types.size());
  llama.escape_special = false;
  llama.space_prefix = SpacePrefix::every;
  llama.strip_decoded_space = true;
  tokenizers.push_back(Tokenizer::create(llama));
  llama.model = "t5";
  tokenizers.push_back(Tokenizer::create(llama));
  llama.split_at_spaces = true;
  tokenizers.push_back(Tokenizer::create(llama));
  llama.model = "llama";
  llama.scores.clear();
  llama.merges = {"h e", "l l", "he ll", "▁ t", "é é"};
  llama.tokens.push_back("t");
  llama.types.push_back(TokenType::normal);
  tokenizers.push_back(Tokenizer::create(llama));
  TokenizerSpec rules = gemma;
  rules.charsmap =
      make_charsmap({{"h", ""}, {"he", "th"}, {"é", "l  l"}, {"\n", " "}, {"e\u0301", "é"}, {"t", "  "}});
  rules.space_prefix = SpacePrefix::every;
  rules.remove_extra_whitespaces = true;
  tokenizers.push_back(Tokenizer::create(rules));
  rules.charsmap_of_graphemes = true;
  rules.strip_end = true;
  rules.joined_space = " ";
  rules.special_rules = {{.id = 1, .normalized = true}};
  tokenizers.push_back(Tokenizer::create(rules));
  return tokenizers;
}

bool has_rules(const Tokenizer& tokenizer) { return tokenizer.spec().remove_extra_whitespaces; }

void check(const Tokenizer& tokenizer, std::string_view text) {
  try {
    const std::vector<TokenId> plain = tokenizer.encode(text, false, false);
    const bool escapes = tokenizer.spec().model != "gpt2";
    const std::string expected = escapes ? isobatch::text::unescape_spaces(text) : std::string(text);
    require(has_rules(tokenizer) || tokenizer.decode(plain) == expected);
    check_decoders(tokenizer, plain);
    check_decoders(tokenizer, tokenizer.encode(text, true, true));
  } catch (const isobatch::Error&) {
    require(isobatch::text::find_invalid_utf8(text).has_value());
  }
  std::vector<TokenId> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  check_decoders(tokenizer, ids);
}

void check_rules(std::string_view blob) {
  using namespace isobatch::text;
  try {
    const Charsmap rules(blob);
    for (const std::string_view text :
         {"abac the e\u0301a\u0323\u0301 \u00e9\u3042 ", "\u1100\u1161\u11a8\r\n"}) {
      require(!find_invalid_utf8(apply_to_graphemes(rules, text)));
      require(!find_invalid_utf8(normalize_sentencepiece_text(text, rules, {}, {}, true)));
    }
  } catch (const isobatch::Error& error) {
    require(error.code() == isobatch::ErrorCode::corrupt_file);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::unique_ptr<Tokenizer>> tokenizers = make_tokenizers();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& tokenizer : tokenizers) check(*tokenizer, text);
  check_rules(text);
  return 0;
}
