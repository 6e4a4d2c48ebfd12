// Where generation ends, and names for ids that no token has.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace isobatch::engine {

// eos, then those that the model names, then control tokens whose name says that a turn or text is over.
std::vector<TokenId> end_tokens(const text::TokenizerSpec& spec, std::span<const TokenId> named);

// "[PAD7]", as converters to GGUF write it.
std::string unused_token_name(std::size_t id);

}  // namespace isobatch::engine
