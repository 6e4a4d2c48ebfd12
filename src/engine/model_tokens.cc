// What a model says of its tokens beside text.
#include <fmt/format.h>

#include "engine/model_parts.h"
#include "isobatch/error.h"

namespace isobatch {

std::string Model::token_bytes(TokenId token) const {
  const text::Tokenizer& tokenizer = *parts_->tokenizer;
  if (token < 0 || token >= tokenizer.vocab_size()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("token {}: must be from 0 to {}", token, tokenizer.vocab_size() - 1));
  }
  return tokenizer.is_control(token) ? std::string() : std::string(tokenizer.bytes(token));
}

std::vector<TokenId> Model::encode(std::string_view text) const {
  return parts_->tokenizer->encode(text, /*add_special=*/false, /*parse_special=*/true);
}

bool Model::adds_bos() const { return parts_->tokenizer->spec().add_bos; }

std::optional<TokenId> Model::beginning() const {
  const text::TokenizerSpec& spec = parts_->tokenizer->spec();
  return spec.bos ? spec.bos : spec.eos;
}

}  // namespace isobatch
