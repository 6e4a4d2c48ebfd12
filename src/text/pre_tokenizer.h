// Cuts text into the pieces within which BPE may merge, by the regular expressions a model was trained with.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace isobatch::text {

class PreTokenizer {
 public:
  using OnPiece = std::function<void(std::string_view piece)>;

  // Throws Error(unsupported) naming the pre-tokenizer and the known ones.
  explicit PreTokenizer(std::string_view name);
  // Each pattern cuts the pieces of the one before into its matches and what lies between them. Throws
  // Error(unsupported) when knows() does not hold for one.
  explicit PreTokenizer(std::span<const std::string> patterns);
  // Whether a pattern of the Oniguruma library, as tokenizer.json has them, is known to match here as there.
  static bool knows(std::string_view pattern);
  static std::string known_names();  // "gpt-2, smollm, …"
  // The patterns that stand for pieces of tokenizer.json which are not written as patterns.
  static std::string gpt2_pattern();             // ByteLevel's own
  static std::string digits_pattern(bool each);  // Digits
  ~PreTokenizer();
  PreTokenizer(PreTokenizer&&) noexcept;
  PreTokenizer& operator=(PreTokenizer&&) noexcept;

  // Calls `on_piece` for each piece in order; the pieces, joined, are the text. `text` must be UTF-8.
  // May be called by several threads at once.
  void split(std::string_view text, const OnPiece& on_piece) const;

 private:
  class Stage;
  void split_from(std::size_t stage, std::string_view text, const OnPiece& on_piece, void* match_data) const;
  std::vector<Stage> stages_;
};

}  // namespace isobatch::text
