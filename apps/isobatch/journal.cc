#include "journal.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>
#include <nlohmann/json.hpp>

namespace isobatch::cli {
namespace {

constexpr std::string_view kMagic = "isobatch-journal ";
constexpr std::string_view kVersion = "1 ";
constexpr std::size_t kHexDigits = 16;

std::string hex(std::uint64_t value) { return fmt::format("{:016x}", value); }

std::string sealed(const std::string& text) {
  return fmt::format("{} {}\n", text, hex(XXH3_64bits(text.data(), text.size())));
}

// The line without its check, if that is right.
std::optional<std::string_view> unsealed(std::string_view line) {
  if (line.size() < kHexDigits + 1 || line[line.size() - kHexDigits - 1] != ' ') return std::nullopt;
  const std::string_view text = line.substr(0, line.size() - kHexDigits - 1);
  if (line.substr(line.size() - kHexDigits) != hex(XXH3_64bits(text.data(), text.size()))) {
    return std::nullopt;
  }
  return text;
}

// Takes a line apart word by word; after a word that does not fit, nothing does.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}

  std::string_view word() {
    const std::size_t end = std::min(rest_.find(' '), rest_.size());
    const std::string_view result = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return result;
  }
  std::uint64_t number(int base) {
    const std::string_view text = word();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) fits_ = false;
    return value;
  }
  bool failed() {
    const std::string_view text = word();
    if (text != "ok" && text != "failed") fits_ = false;
    return text == "failed";
  }
  std::string rest() { return std::string(std::exchange(rest_, {})); }
  bool fits() const { return fits_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool fits_ = true;
};

}  // namespace

std::string encode_header(const JobIdentity& identity) {
  using Json = nlohmann::json;
  return sealed(fmt::format("{}{}{}", kMagic, kVersion,
                            Json(identity).dump(-1, ' ', true, Json::error_handler_t::replace)));
}

std::optional<JobIdentity> decode_header(std::string_view line) {
  const auto text = unsealed(line);
  const std::string begin = fmt::format("{}{}", kMagic, kVersion);
  if (!text || !text->starts_with(begin)) return std::nullopt;
  const auto json = nlohmann::json::parse(text->substr(begin.size()), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  JobIdentity identity;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string()) return std::nullopt;
    identity[name] = value.get<std::string>();
  }
  return identity;
}

bool may_be_journal(std::string_view text) {
  return text.substr(0, kMagic.size()) == kMagic.substr(0, text.size());
}

std::string encode_entry(const JournalEntry& e) {
  const char* const status = e.failed ? "failed" : "ok";
  switch (e.kind) {
    case JournalEntry::Kind::wrote:
      return sealed(fmt::format("wrote {} {} {} {} {}", e.index, status, hex(e.input_hash), e.output_bytes,
                                hex(e.output_hash)));
    case JournalEntry::Kind::waits:
      return sealed(fmt::format("waits {} {} {} {}", e.index, status, hex(e.input_hash), e.record));
    case JournalEntry::Kind::ended:
      return sealed(fmt::format("ended {} {}", e.output_bytes, hex(e.output_hash)));
  }
  return {};
}

std::optional<JournalEntry> decode_entry(std::string_view line) {
  const auto text = unsealed(line);
  if (!text) return std::nullopt;
  Words words(*text);
  const std::string_view kind = words.word();
  JournalEntry e;
  if (kind == "wrote" || kind == "waits") {
    e.kind = kind == "wrote" ? JournalEntry::Kind::wrote : JournalEntry::Kind::waits;
    e.index = words.number(10);
    e.failed = words.failed();
    e.input_hash = words.number(16);
  } else if (kind == "ended") {
    e.kind = JournalEntry::Kind::ended;
  } else {
    return std::nullopt;
  }
  if (e.kind == JournalEntry::Kind::waits) {
    e.record = words.rest();
  } else {
    e.output_bytes = words.number(10);
    e.output_hash = words.number(16);
  }
  if (!words.fits()) return std::nullopt;
  return e;
}

}  // namespace isobatch::cli
