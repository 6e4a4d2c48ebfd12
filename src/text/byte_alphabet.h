// The byte-level alphabet of GPT-2: each byte is written as one printable character, so that a vocabulary of
// byte strings can be stored as text. Bytes 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF stand for the character of the
// same number, the other 68, in ascending order, for U+0100 and up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace isobatch::text {

// The character of a byte, in UTF-8.
std::string_view byte_to_alphabet(unsigned char byte);

// The bytes that a token in the alphabet stands for; nullopt when a character is not in it.
std::optional<std::string> alphabet_to_bytes(std::string_view token);

}  // namespace isobatch::text
