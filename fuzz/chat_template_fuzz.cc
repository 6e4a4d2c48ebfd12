// Any bytes as a chat template: an Error, or a text.
#include <cstdint>
#include <string>
#include <vector>

#include "isobatch/error.h"
#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isobatch;
  const std::vector<ChatMessage> messages = {
      {"system", "Be brief."}, {"user", " Grüße {{ 1 }} "}, {"assistant", "Ja."}, {"user", ""}};
  try {
    const text::ChatTemplate parsed(std::string(reinterpret_cast<const char*>(data), size), "<s>", "</s>");
    parsed.render(messages, size % 2 == 0);
  } catch (const Error&) {
  }
  return 0;
}
