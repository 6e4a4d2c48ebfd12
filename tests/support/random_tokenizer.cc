#include "tests/support/random_tokenizer.h"

#include <algorithm>

#include "tests/support/random_model.h"

namespace isobatch::test {
namespace {

constexpr std::int32_t kNormal = 1;
constexpr std::int32_t kControl = 3;
constexpr std::int32_t kUnused = 5;

// "Ġ" is the byte-level alphabet's space.
const std::vector<std::string> kMerges = {"Ġ t", "Ġ a",  "h e", "i n", "r e",   "o n", "Ġt he", "e r",
                                          "Ġ s", "a t",  "Ġ w", "o u", "i s",   "n d", "Ġ o",   "e n",
                                          "e s", "in g", "l l", "o r", "Ġa nd", "Ġ b", "Ġ c",   "Ġ p"};
static_assert(kRandomModelTokens == 3 + 256 + 24);

constexpr const char* kChatTemplate =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif "
    "%}";

std::string utf8(unsigned code) {  // below 0x800
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

// GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes for 256, 257 … in their order.
std::vector<std::string> byte_alphabet() {
  std::vector<std::string> letters;
  unsigned next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
    letters.push_back(utf8(printable ? byte : next++));
  }
  return letters;
}

}  // namespace

void add_random_tokenizer(GgufWriter& writer, int vocab_size) {
  std::vector<std::string> tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  std::vector<std::int32_t> types(tokens.size(), kControl);
  for (std::string& letter : byte_alphabet()) tokens.push_back(std::move(letter));
  for (std::string merged : kMerges) {
    merged.erase(merged.find(' '), 1);
    tokens.push_back(std::move(merged));
  }
  types.resize(tokens.size(), kNormal);
  while (static_cast<int>(tokens.size()) < vocab_size) {
    tokens.push_back("[PAD" + std::to_string(tokens.size()) + "]");
  }
  types.resize(tokens.size(), kUnused);

  writer.add("tokenizer.ggml.model", "gpt2");
  writer.add("tokenizer.ggml.pre", "smollm");
  writer.add_array("tokenizer.ggml.tokens", tokens);
  writer.add_array("tokenizer.ggml.token_type", types);
  writer.add_array("tokenizer.ggml.merges", kMerges);
  writer.add("tokenizer.ggml.bos_token_id", std::uint32_t{1});
  writer.add("tokenizer.ggml.eos_token_id", std::uint32_t{2});
  writer.add("tokenizer.ggml.unknown_token_id", std::uint32_t{0});
  writer.add("tokenizer.ggml.add_bos_token", false);
  writer.add("tokenizer.chat_template", kChatTemplate);
}

}  // namespace isobatch::test
