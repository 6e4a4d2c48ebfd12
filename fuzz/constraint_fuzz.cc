// Any bytes as a JSON schema or a regular expression: an error text, or an automaton that can be walked
// without getting stuck, and masks that agree with it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/matcher.h"
#include "isobatch/error.h"
#include "isobatch/openai.h"

namespace {

using namespace isobatch;
using grammar::Matcher;

// All bytes and some words, end token 0.
std::shared_ptr<const grammar::Vocabulary> make_vocabulary() {
  static std::vector<std::string> texts = {"",    "\"}",  "\": \"", "true",    ", ",
                                           "aaa", "\\\"", "0.5",    "\xc3\xa9"};
  for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const std::vector<TokenId> ends = {0};
  return std::make_shared<grammar::Vocabulary>(views, ends);
}

Constraint constraint_of(std::string_view text) {
  if (text.starts_with('{') || text.starts_with("true") || text.starts_with("false")) {
    return {.schema = std::make_shared<const Value>(openai::parse_value(text))};
  }
  return {.regex = std::string(text)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto vocabulary = make_vocabulary();
  try {
    Matcher matcher(constraint_of({reinterpret_cast<const char*>(data), size}), vocabulary, size % 2 == 0);
    Matcher::State state = matcher.start();
    for (std::size_t step = 0; step < 24 && !matcher.complete(state); ++step) {
      const auto mask = matcher.mask(state, true);
      if (mask->count == 0) std::abort();  // the vocabulary has every byte
      TokenId token =
          static_cast<TokenId>((step * 7 + size * 13) % static_cast<std::size_t>(vocabulary->size()));
      while (!mask->has(token)) token = (token + 1) % vocabulary->size();
      if (mask->has(0) != matcher.accepts(state)) std::abort();
      if (token == 0) break;
      state = matcher.advance(state, token);
      if (matcher.dead(state)) std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
