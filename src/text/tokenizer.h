// Text to token ids and back: byte-level BPE, SentencePiece BPE and unigram behind one interface.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/request.h"
#include "text/charsmap.h"
#include "text/special_tokens.h"

namespace isobatch::text {

enum class TokenType { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

// How a control or user-defined token is found in text, where it is not found as it stands.
struct SpecialTokenRule {
  TokenId id;
  bool strip_left = false;   // takes the white space before it
  bool strip_right = false;  // takes the white space after it
  // Looked for after the others, in normalized text; with SpacePrefix::every, the token is normalized too: it
  // is found with a space before it, and takes that.
  bool normalized = false;
};

// Where SentencePiece tokenizers put a space before text.
enum class SpacePrefix {
  never,
  first,            // before the text, unless it begins with a special token
  every,            // before the text and after each special token
  every_if_absent,  // as `every`, unless a space is there
  first_if_absent,
};

// What a model file says about its tokenizer, free of any file format.
struct TokenizerSpec {
  std::string model;          // "gpt2": byte-level BPE; "llama": SentencePiece BPE; "t5": unigram
  std::string pre_tokenizer;  // byte-level BPE: a name that PreTokenizer knows …
  std::vector<std::string> pre_tokenizer_patterns;  // … or, instead, its patterns (PreTokenizer::knows)
  std::vector<std::string> tokens;  // index = token id; in the byte-level alphabet for normal tokens of
                                    // "gpt2", with U+2581 for a space for those of the others
  std::vector<TokenType> types;     // as long as tokens, or empty: all normal
  std::vector<std::string> merges;  // "left right", best first
  std::vector<double> scores;       // as long as tokens: "t5", and "llama" when it has no merges
  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  std::optional<TokenId> unknown;
  bool add_bos = false;
  bool add_eos = false;
  std::vector<TokenId> end_tokens;  // generation ends at any of these (eos, end of turn …)
  std::vector<SpecialTokenRule> special_rules;
  bool nfc = false;            // text is brought into Unicode's normalization form C
  bool ignore_merges = false;  // byte-level BPE: a piece that is a token becomes it, whatever the merges are

  // SentencePiece only.
  bool strip_end = false;              // white space at the end goes, after the charsmap
  std::string joined_space;            // what two or more spaces then become; empty: they stay
  std::string charsmap;                // normalization rules, as text::Charsmap reads them; empty: none
  bool charsmap_of_graphemes = false;  // applied as Hugging Face's `tokenizers` does, not as SentencePiece
  SpacePrefix space_prefix = SpacePrefix::never;
  bool strip_decoded_space = false;       // one space at the beginning of decoded text is the prefix
  bool remove_extra_whitespaces = false;  // spaces at both ends go, runs of them become one
  bool split_at_spaces = false;           // no token reaches over the beginning of a word
  bool escape_special = false;  // special tokens, too, have U+2581 for a space when they are looked for
  bool names_in_text = false;   // unigram: plain text can become control and byte tokens by their names
  bool fuse_unknown = true;     // neighbouring characters without a token become one unknown token
};

class Tokenizer {
 public:
  // Throws Error: unsupported (model or pre-tokenizer, named), corrupt_file (a merge, score, charsmap or id
  // that makes no sense).
  static std::unique_ptr<Tokenizer> create(TokenizerSpec spec);
  virtual ~Tokenizer() = default;

  // User-defined tokens in the text become their ids, and control tokens and the unknown token do when
  // `parse_special`; bos and eos are added by the model's rules when `add_special`. Throws
  // Error(invalid_argument) when text is not UTF-8.
  std::vector<TokenId> encode(std::string_view text, bool add_special, bool parse_special) const;
  // The bytes a token stands for; they need not be whole UTF-8 characters. Control tokens give their name.
  std::string_view bytes(TokenId id) const;

  // Without its merges, scores and charsmap: they are kept in the form that encoding wants.
  const TokenizerSpec& spec() const { return spec_; }
  int vocab_size() const { return static_cast<int>(spec_.tokens.size()); }
  bool is_control(TokenId id) const;  // leaves nothing in decoded text; also of the unknown token
  bool is_end(TokenId id) const;
  // Whole text; control tokens left out; bytes that form no UTF-8 become U+FFFD; without the space that
  // encoding put in front (spec().strip_decoded_space).
  std::string decode(std::span<const TokenId> ids) const;

 protected:
  // A special token (id) or plain text (id -1).
  struct Segment {
    std::string_view text;
    TokenId id;
    bool first;     // the text begins with it
    bool prepared;  // prepare_sentencepiece_text, or normalize_sentencepiece_text, has been done
  };

  // `token_bytes` are what the tokens stand for, where they are no special tokens.
  Tokenizer(TokenizerSpec spec, std::string (*token_bytes)(std::string_view token, TokenType type));
  virtual void encode_segments(std::span<const Segment> segments, std::vector<TokenId>& ids) const = 0;

  TokenType type(TokenId id) const { return spec_.types.empty() ? TokenType::normal : spec_.types[id]; }

  TokenizerSpec spec_;

 private:
  void require_id(TokenId id) const;  // Error(invalid_argument) when out of range
  void add_special_tokens();
  // Whether the space before text belongs to its normalization, as with Llama 2's, and not to what comes
  // after.
  bool normalizes_prefix() const { return spec_.model != "gpt2" && spec_.space_prefix == SpacePrefix::every; }
  // User-defined tokens are then found in normalized text, and what they stand for is kept by it.
  bool normalizes_as_sentencepiece() const { return charsmap_ && !spec_.charsmap_of_graphemes; }
  // What Hugging Face's normalizers do before they put spaces in front; `normalizes` is false only when that
  // leaves the text as it is.
  bool normalizes(std::string_view text) const;
  std::string normalize(std::string_view text) const;
  void encode_text(std::string_view text, bool parse_special, std::vector<TokenId>& ids) const;

  std::optional<Charsmap> charsmap_;
  // Special tokens to be found: [parse_special][in normalized text].
  std::array<std::array<SpecialTokens, 2>, 2> special_;
  std::string bytes_;                  // of all tokens, one after the other
  std::vector<std::size_t> byte_end_;  // [vocab_size]
};

}  // namespace isobatch::text
