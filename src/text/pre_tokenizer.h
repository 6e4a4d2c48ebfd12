// Cuts text into the pieces within which BPE may merge, by the regular expressions a model was trained with.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace isobatch::text {

class PreTokenizer {
 public:
  using OnPiece = std::function<void(std::string_view piece)>;

  // Throws Error(unsupported) naming the pre-tokenizer and the known ones.
  explicit PreTokenizer(std::string_view name);
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
