#include "text/byte_alphabet.h"

#include <array>

#include "text/utf8.h"

namespace isobatch::text {
namespace {

constexpr int kLastCharacter = 0x100 + 68 - 1;

struct Alphabet {
  std::array<std::string, 256> character;
  std::array<int, kLastCharacter + 1> byte;  // by code point; -1: not in the alphabet
};

bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

const Alphabet& alphabet() {
  static const Alphabet instance = [] {
    Alphabet a;
    a.byte.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t c = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
      append_utf8(a.character[byte], c);
      a.byte[c] = byte;
    }
    return a;
  }();
  return instance;
}

}  // namespace

std::string_view byte_to_alphabet(unsigned char byte) { return alphabet().character[byte]; }

std::optional<std::string> alphabet_to_bytes(std::string_view token) {
  const Alphabet& a = alphabet();
  std::string bytes;
  bytes.reserve(token.size());
  for (std::size_t offset = 0; offset < token.size();) {
    const CodePoint c = decode_utf8(token, offset);
    if (!c.valid || c.value > kLastCharacter || a.byte[c.value] < 0) return std::nullopt;
    bytes += static_cast<char>(a.byte[c.value]);
    offset += c.length;
  }
  return bytes;
}

}  // namespace isobatch::text
