#include "engine/end_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace isobatch::engine {
namespace {

// Control tokens at which generation ends even where the model's files do not say so.
constexpr std::string_view kEndNames[] = {"<|im_end|>",    "<|eot_id|>",    "<|eom_id|>",     "<|end|>",
                                          "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>"};

}  // namespace

std::vector<TokenId> end_tokens(const text::TokenizerSpec& spec, std::span<const TokenId> named) {
  std::vector<TokenId> ends;
  const auto add = [&](TokenId id) {
    if (std::ranges::find(ends, id) == ends.end()) ends.push_back(id);
  };
  if (spec.eos) add(*spec.eos);
  for (const TokenId id : named) add(id);
  for (std::size_t id = 0; id < std::min(spec.types.size(), spec.tokens.size()); ++id) {
    if (spec.types[id] == text::TokenType::control &&
        std::ranges::find(kEndNames, spec.tokens[id]) != std::end(kEndNames)) {
      add(static_cast<TokenId>(id));
    }
  }
  return ends;
}

std::string unused_token_name(std::size_t id) { return fmt::format("[PAD{}]", id); }

}  // namespace isobatch::engine
