#include "text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "isobatch/error.h"
#include "text/byte_level_tokenizer.h"
#include "text/utf8.h"

namespace isobatch::text {
namespace {

using Create = std::unique_ptr<Tokenizer> (*)(TokenizerSpec, const TokenIndex&);

struct Kind {
  std::string_view model;
  Create create;
};

constexpr Kind kKinds[] = {
    {"gpt2",
     [](TokenizerSpec spec, const TokenIndex& index) -> std::unique_ptr<Tokenizer> {
       return std::make_unique<ByteLevelTokenizer>(std::move(spec), index);
     }},
};

const Kind& find_kind(std::string_view model) {
  std::string known;
  for (const Kind& kind : kKinds) {
    if (kind.model == model) return kind;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", kind.model);
  }
  throw Error(ErrorCode::unsupported,
              fmt::format("tokenizer model \"{}\" is not known; known are: {}", model, known));
}

[[noreturn]] void corrupt(const std::string& message) {
  throw Error(ErrorCode::corrupt_file, "tokenizer: " + message);
}

void check_id(const TokenizerSpec& spec, std::string_view name, std::optional<TokenId> id) {
  if (id && (*id < 0 || static_cast<std::size_t>(*id) >= spec.tokens.size())) {
    corrupt(fmt::format("{} token id: expected less than the {} tokens, found {}", name, spec.tokens.size(),
                        *id));
  }
}

void check_spec(const TokenizerSpec& spec) {
  if (spec.tokens.empty()) corrupt("no tokens");
  if (spec.tokens.size() > std::numeric_limits<TokenId>::max()) {
    corrupt(fmt::format("{} tokens are more than an id can count", spec.tokens.size()));
  }
  if (!spec.types.empty() && spec.types.size() != spec.tokens.size()) {
    corrupt(fmt::format("expected a type for each of {} tokens, found {}", spec.tokens.size(),
                        spec.types.size()));
  }
  check_id(spec, "bos", spec.bos);
  check_id(spec, "eos", spec.eos);
  check_id(spec, "unknown", spec.unknown);
  for (const TokenId id : spec.end_tokens) check_id(spec, "end", id);
  if (spec.add_bos && !spec.bos) corrupt("a bos token is to be added, but its id is not given");
  if (spec.add_eos && !spec.eos) corrupt("an eos token is to be added, but its id is not given");
}

TokenIndex index_tokens(const TokenizerSpec& spec) {
  TokenIndex index;
  index.reserve(spec.tokens.size());
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    const auto [found, inserted] = index.emplace(spec.tokens[id], static_cast<TokenId>(id));
    if (!inserted)
      corrupt(fmt::format("tokens {} and {} are both \"{}\"", found->second, id, spec.tokens[id]));
  }
  return index;
}

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::create(TokenizerSpec spec) {
  const Kind& kind = find_kind(spec.model);
  check_spec(spec);
  const TokenIndex index = index_tokens(spec);  // its views stay valid: moving a vector keeps its strings
  return kind.create(std::move(spec), index);
}

void Tokenizer::require_id(TokenId id) const {
  if (id < 0 || id >= vocab_size()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("token id: expected 0 to {}, found {}", vocab_size() - 1, id));
  }
}

bool Tokenizer::is_control(TokenId id) const {
  require_id(id);
  return !spec_.types.empty() && spec_.types[id] == TokenType::control;
}

bool Tokenizer::is_end(TokenId id) const {
  return std::ranges::find(spec_.end_tokens, id) != spec_.end_tokens.end();
}

std::string Tokenizer::decode(std::span<const TokenId> ids) const {
  std::string joined;
  for (const TokenId id : ids) {
    if (!is_control(id)) joined += bytes(id);
  }
  return to_valid_utf8(joined);
}

}  // namespace isobatch::text
