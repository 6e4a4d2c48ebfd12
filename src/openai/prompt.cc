// The part of a body that the model reads.
#include <fmt/format.h>

#include <cstdint>
#include <limits>

#include "isobatch/error.h"
#include "openai/body.h"

namespace isobatch::openai {
namespace {

[[noreturn]] void invalid(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

TokenId read_token(const Json& value, const std::string& path) {
  const bool fits = value.is_number_unsigned() &&
                    value.get<std::uint64_t>() <= std::uint64_t(std::numeric_limits<TokenId>::max());
  if (!fits) invalid(fmt::format("{}: expected a token id, got {}", path, excerpt(value)));
  return value.get<TokenId>();
}

}  // namespace

Prompt read_prompt(JsonObject& body) {
  const Json& prompt = body.require("prompt");
  if (prompt.is_string()) return prompt.get<std::string>();
  const bool one_text = prompt.is_array() && prompt.size() == 1 && prompt[0].is_string();
  if (one_text) return prompt[0].get<std::string>();
  if (!prompt.is_array() || prompt.empty() || !prompt[0].is_number()) {
    body.fail("prompt", "one text or one list of token ids", prompt);
  }
  std::vector<TokenId> ids;
  for (const Json& id : prompt) ids.push_back(read_token(id, body.path_of("prompt")));
  return ids;
}

std::vector<TokenId> read_input_ids(JsonObject& body) {
  const Json& ids = body.require("input_ids");
  if (!ids.is_array()) body.fail("input_ids", "a list of token ids", ids);
  std::size_t begin = 0;
  std::size_t end = ids.size();
  if (const Json* mask = body.find("attention_mask")) {
    if (!mask->is_array()) body.fail("attention_mask", "a list of 0 and 1", *mask);
    if (mask->size() != ids.size()) {
      invalid(fmt::format("{}: expected {} values, as in input_ids, got {}", body.path_of("attention_mask"),
                          ids.size(), mask->size()));
    }
    for (std::size_t i = 0; i < mask->size(); ++i) {
      if ((*mask)[i].is_number_integer() && ((*mask)[i] == 0 || (*mask)[i] == 1)) continue;
      body.fail(fmt::format("attention_mask[{}]", i), "0 or 1", (*mask)[i]);
    }
    while (begin < end && (*mask)[begin] == 0) ++begin;
    while (begin < end && (*mask)[end - 1] == 0) --end;
    for (std::size_t i = begin; i < end; ++i) {
      if ((*mask)[i] == 1) continue;
      invalid(fmt::format("{}: expected one run of ones, got 0 between ones at index {}",
                          body.path_of("attention_mask"), i));
    }
  }
  if (begin == end) invalid(fmt::format("{}: no token is left to read", body.path_of("input_ids")));
  std::vector<TokenId> tokens;
  for (std::size_t i = begin; i < end; ++i) {
    tokens.push_back(read_token(ids[i], body.path_of(fmt::format("input_ids[{}]", i))));
  }
  return tokens;
}

}  // namespace isobatch::openai
