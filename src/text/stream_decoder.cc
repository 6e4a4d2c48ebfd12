#include "text/stream_decoder.h"

#include <utility>

#include "text/utf8.h"

namespace isobatch::text {

std::string StreamDecoder::push(TokenId id) {
  if (tokenizer_->is_control(id)) return {};
  std::string_view bytes = tokenizer_->bytes(id);
  if (strip_space_ && !bytes.empty()) {
    if (bytes.starts_with(' ')) bytes.remove_prefix(1);
    strip_space_ = false;
  }
  pending_ += bytes;
  const std::size_t complete = pending_.size() - incomplete_suffix(pending_);
  std::string text = to_valid_utf8(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return text;
}

std::string StreamDecoder::finish() { return to_valid_utf8(std::exchange(pending_, {})); }

}  // namespace isobatch::text
