// Walks through languages.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/automaton.h"
#include "tests/support/random.h"

namespace isobatch::grammar {

inline bool accepts(Automaton& automaton, std::string_view text) {
  Term state = automaton.start();
  for (const char byte : text) state = automaton.next(state, static_cast<unsigned char>(byte));
  return state != kEmpty && automaton.accepts(state);
}

// A text of the language by random steps; after `bytes` of them, those that close what is open. Nothing when
// it does not end soon, and a failure where no byte may follow a state that does not accept.
inline std::optional<std::string> random_text(Automaton& automaton, test::Random& random, std::size_t bytes,
                                              bool* stuck) {
  std::string text;
  Term state = automaton.start();
  while (text.size() < 20 * bytes + 1000) {
    std::vector<unsigned char> ways;
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (automaton.next(state, static_cast<unsigned char>(byte)) != kEmpty) {
        ways.push_back(static_cast<unsigned char>(byte));
      }
    }
    const bool enough = text.size() >= bytes || random.below(8) == 0;
    if (automaton.accepts(state) && (enough || ways.empty())) return text;
    if (ways.empty()) {
      *stuck = true;
      return std::nullopt;
    }
    unsigned char byte = ways[random.below(ways.size())];
    if (text.size() >= bytes) {
      for (const unsigned char closing : {'"', ']', '}', '0', 'e'}) {
        if (automaton.next(state, closing) != kEmpty) {
          byte = closing;
          break;
        }
      }
    }
    text += static_cast<char>(byte);
    state = automaton.next(state, byte);
  }
  return std::nullopt;
}

}  // namespace isobatch::grammar
