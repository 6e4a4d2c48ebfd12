#include "text/bpe.h"

#include "text/byte_alphabet.h"

namespace isobatch::text {

Bpe::Bpe(const TokenIndex& tokens, std::span<const std::string> merges) : merges_(tokens, merges) {
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = tokens.find(byte_to_alphabet(static_cast<unsigned char>(byte)));
    byte_ids_[byte] = found == tokens.end() ? -1 : found->second;
  }
}

void Bpe::encode(std::string_view piece, Scratch& scratch, std::vector<TokenId>& ids) const {
  scratch.clear();
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const TokenId id = byte_ids_[static_cast<unsigned char>(piece[i])];
    if (id >= 0) scratch.add(id, i);
  }
  using Symbol = Scratch::Symbol;
  merge_symbols(
      scratch, piece.size(),
      [&](const Symbol& left, const Symbol& right, std::size_t) { return merges_.find(left.id, right.id); },
      [&](const Symbol& symbol) { ids.push_back(symbol.id); });
}

}  // namespace isobatch::text
