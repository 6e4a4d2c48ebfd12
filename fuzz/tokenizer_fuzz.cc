// Any bytes as text: refused when not UTF-8, else decoding gives it back, whole and piece by piece. The same
// bytes as token ids: the pieces of a stream, joined, equal the whole.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/error.h"
#include "text/stream_decoder.h"
#include "text/tokenizer_test_support.h"
#include "text/utf8.h"

namespace {

using isobatch::TokenId;
using isobatch::text::Tokenizer;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_decoders(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  isobatch::text::StreamDecoder decoder(tokenizer);
  std::string joined;
  for (const TokenId id : ids) joined += decoder.push(id);
  joined += decoder.finish();
  require(joined == tokenizer.decode(ids) && !isobatch::text::find_invalid_utf8(joined));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<Tokenizer> tokenizer = Tokenizer::create(isobatch::text::small_spec());
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const std::vector<TokenId> plain = tokenizer->encode(text, false, false);
    require(tokenizer->decode(plain) == text);
    check_decoders(*tokenizer, plain);
    check_decoders(*tokenizer, tokenizer->encode(text, true, true));
  } catch (const isobatch::Error&) {
    require(isobatch::text::find_invalid_utf8(text).has_value());
  }
  check_decoders(*tokenizer, std::vector<TokenId>(data, data + size));
  return 0;
}
