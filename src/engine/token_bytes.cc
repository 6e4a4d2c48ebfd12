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

}  // namespace isobatch
