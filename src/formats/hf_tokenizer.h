// tokenizer.json, the format of Hugging Face's `tokenizers`, and tokenizer_config.json beside it, checked and
// reduced to what this program can do exactly; the rest is refused by name. Format:
// https://github.com/huggingface/tokenizers (serialization of Tokenizer).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isobatch::formats {

struct HfAddedToken {
  std::int32_t id = 0;
  std::string content;
  bool strip_left = false;
  bool strip_right = false;
  bool normalized = false;
  bool special = false;
  bool operator==(const HfAddedToken&) const = default;
};

// A step of the pre-tokenizer that cuts text into matches of a pattern and what lies between them.
struct HfSplit {
  enum class Kind {
    pattern,     // `pattern`, a regular expression of Oniguruma
    byte_level,  // ByteLevel's own
    each_digit,  // Digits(individual_digits=true)
    digits,      // Digits(individual_digits=false)
  };
  Kind kind;
  std::string pattern;
};

// Where a space is put before text, and whether a space begins a word.
struct HfMetaspace {
  enum class Prepend { never, first, always };
  Prepend prepend = Prepend::never;
  bool split = false;
};

struct HfTokenizer {
  enum class Model { bpe, unigram };

  Model model = Model::bpe;
  std::vector<std::string> tokens;  // by id; "" for ids that no token has
  std::vector<std::string> merges;  // bpe: "left right", best first
  std::vector<double> scores;       // unigram: by id, 0 for added tokens
  std::optional<std::int32_t> unknown;
  bool byte_fallback = false;
  bool fuse_unknown = false;
  bool ignore_merges = false;
  std::vector<HfAddedToken> added;

  // The normalizer.
  bool nfc = false;
  std::string charsmap;        // Precompiled: SentencePiece's rules in their compiled form; empty: none
  bool strips_end = false;     // white space at the end goes
  std::string joined_space;    // what two or more spaces become; empty: they stay
  bool escape_spaces = false;  // " " becomes U+2581
  bool prepend_space = false;  // U+2581 before each text that is not empty, done first

  // The pre-tokenizer.
  bool byte_level = false;
  std::vector<HfSplit> splits;  // of byte_level
  std::optional<HfMetaspace> metaspace;

  // The decoder.
  bool decodes_bytes = false;  // ByteFallback
  bool strips_space = false;   // one space at the beginning

  // The post-processor: special tokens around a text.
  std::vector<std::string> before, after;
};

struct HfTokenizerConfig {
  std::optional<std::string> bos, eos, unknown;
  std::optional<bool> add_bos, add_eos;
  std::vector<HfAddedToken> added;           // added_tokens_decoder
  std::optional<std::string> chat_template;  // of several, the one named "default"
};

// Throw Error: not_found, io, corrupt_file, unsupported, with the file and the path in it.
HfTokenizer read_hf_tokenizer(const std::filesystem::path& path);
HfTokenizerConfig read_hf_tokenizer_config(const std::filesystem::path& path);
// eos_token_id, one or several. Throws the same.
std::vector<std::int32_t> read_hf_end_tokens(const std::filesystem::path& generation_config);

// The same of a text. `name` stands for the file in messages.
HfTokenizer parse_hf_tokenizer(std::string_view json, const std::string& name);
HfTokenizerConfig parse_hf_tokenizer_config(std::string_view json, const std::string& name);

}  // namespace isobatch::formats
