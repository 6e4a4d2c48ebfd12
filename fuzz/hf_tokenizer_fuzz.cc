// Any bytes as tokenizer.json, and behind a zero byte tokenizer_config.json: an Error, or a tokenizer that
// encodes and decodes.
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/tokenizer_from_directory.h"
#include "isobatch/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isobatch;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\0');
  try {
    const formats::HfTokenizer file = formats::parse_hf_tokenizer(input.substr(0, end), "t");
    formats::HfTokenizerConfig config;
    if (end != input.npos) config = formats::parse_hf_tokenizer_config(input.substr(end + 1), "c");
    text::TokenizerSpec spec = engine::make_tokenizer_spec(file, config, {}, "d");
    engine::pad_vocabulary(spec, 300);
    const auto tokenizer = text::Tokenizer::create(spec);
    const std::vector<TokenId> ids = tokenizer->encode(" the he\u0301llo  <s> 12\n", true, true);
    tokenizer->decode(ids);
    tokenizer->encode(input.substr(0, 200), false, false);
  } catch (const Error&) {
  }
  return 0;
}
