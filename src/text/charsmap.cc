#include "text/charsmap.h"

#include <fmt/format.h>

#include "isobatch/error.h"
#include "text/utf8.h"

namespace isobatch::text {
namespace {

[[noreturn]] void corrupt(const std::string& message) {
  throw Error(ErrorCode::corrupt_file, "tokenizer: precompiled_charsmap: " + message);
}

std::uint32_t read_uint32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

Charsmap::Charsmap(std::string_view blob) {
  if (blob.size() < 4) corrupt(fmt::format("expected at least 4 bytes, found {}", blob.size()));
  const std::size_t size = read_uint32(blob);
  blob.remove_prefix(4);
  if (size == 0 || size % 4 != 0 || size > blob.size()) {
    corrupt(fmt::format("size of the trie: expected a multiple of 4 up to {}, found {}", blob.size(), size));
  }
  for (std::size_t at = 0; at < size; at += 4) units_.push_back(read_uint32(blob.substr(at)));
  replacements_ = blob.substr(size);
  if (const auto invalid = find_invalid_utf8(replacements_)) {
    corrupt(fmt::format("replacements: expected UTF-8, found another byte at {}", *invalid));
  }
  if (!replacements_.empty() && replacements_.back() != '\0') {
    corrupt(fmt::format("replacements: expected a zero byte at the end, found {}",
                        static_cast<unsigned char>(replacements_.back())));
  }
  check_trie();
}

void Charsmap::check_node(std::size_t node) const {
  const std::size_t base = this->base(node);
  if ((base | 0xFF) >= units_.size()) {
    corrupt(fmt::format("unit {} of the trie: expected units below {} at its base, found up to {}", node,
                        units_.size(), base | 0xFF));
  }
  if (!ends_rule(node)) return;
  if ((units_[base] & kIsValue) == 0) {
    corrupt(fmt::format("unit {} of the trie: expected a value, found a node", base));
  }
  const std::size_t value = units_[base] & ~kIsValue;
  if (value >= replacements_.size()) {
    corrupt(fmt::format("unit {} of the trie: expected a place in {} bytes of replacements, found {}", base,
                        replacements_.size(), value));
  }
  if ((static_cast<unsigned char>(replacements_[value]) & 0xC0) == 0x80) {
    corrupt(fmt::format("unit {} of the trie: expected the beginning of a character, found byte {}", base,
                        value));
  }
}

// All that can be reached from the root, and that no way leads back to where it was, so that a rule is never
// longer than the trie. Ways may join: equal ends of rules are kept once.
void Charsmap::check_trie() const {
  enum class State : std::uint8_t { unseen, on_path, done };
  struct Step {
    std::size_t node;
    unsigned next_byte;
  };
  std::vector<State> states(units_.size(), State::unseen);
  std::vector<Step> path;
  const auto enter = [&](std::size_t node) {
    check_node(node);
    states[node] = State::on_path;
    path.push_back({node, 1});
  };
  enter(0);
  while (!path.empty()) {
    Step& step = path.back();
    if (step.next_byte > 0xFF) {
      states[step.node] = State::done;
      path.pop_back();
      continue;
    }
    const auto byte = static_cast<unsigned char>(step.next_byte++);
    const std::size_t child = base(step.node) ^ byte;
    if (!is_child(child, byte)) continue;
    if (states[child] == State::on_path) {
      corrupt(fmt::format("unit {} of the trie: expected a way to the end, found a circle", child));
    }
    if (states[child] == State::unseen) enter(child);
  }
}

}  // namespace isobatch::text
