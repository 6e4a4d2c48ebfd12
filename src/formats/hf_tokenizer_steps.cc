// What is done to text before and after the model: normalizer, pre_tokenizer, decoder and post_processor of
// tokenizer.json.
#include <fmt/format.h>

#include <algorithm>

#include "formats/base64.h"
#include "formats/hf_tokenizer_parts.h"

namespace isobatch::formats {
namespace {

constexpr std::string_view kSpace = "\u2581";

// The steps of a Sequence, or the one step that it is.
std::vector<JsonNode> steps_of(const JsonNode& node, std::string_view key) {
  if (node.type() != "Sequence") return {node};
  return node.require(key).elements();
}

void require_string(const JsonNode& node, std::string_view key, std::string_view expected) {
  const JsonNode value = node.require(key);
  if (value.string() != expected) value.refuse(fmt::format("\"{}\"", expected));
}

// {"String": …} or {"Regex": …}
bool is_pattern(const JsonNode& node, std::string_view kind, std::string_view text) {
  const auto string = node.require("pattern").find(kind);
  return string && string->string() == text;
}

bool is_string_pattern(const JsonNode& node, std::string_view text) {
  return is_pattern(node, "String", text);
}

HfMetaspace read_metaspace(const JsonNode& node) {
  node.allow_only({"type", "replacement", "prepend_scheme", "add_prefix_space", "split", "str_rep"});
  require_string(node, "replacement", kSpace);
  HfMetaspace metaspace;
  metaspace.split = node.boolean_or("split", true);
  const bool add = node.boolean_or("add_prefix_space", true);
  const std::string scheme = node.string_or("prepend_scheme", add ? "always" : "never");
  using Prepend = HfMetaspace::Prepend;
  if (scheme == "always") {
    metaspace.prepend = Prepend::always;
  } else if (scheme == "first") {
    metaspace.prepend = Prepend::first;
  } else if (scheme != "never") {
    node.require("prepend_scheme").refuse("always, first or never");
  }
  return metaspace;
}

void read_byte_level(const JsonNode& node, HfTokenizer& tokenizer) {
  node.allow_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (node.boolean_or("add_prefix_space", true)) node.refuse("ByteLevel without add_prefix_space");
  if (node.boolean_or("use_regex", true)) tokenizer.splits.push_back({HfSplit::Kind::byte_level, {}});
  tokenizer.byte_level = true;
}

void read_split(const JsonNode& node, HfTokenizer& tokenizer) {
  node.allow_only({"type", "pattern", "behavior", "invert"});
  if (node.boolean_or("invert", false)) node.require("invert").refuse("false");
  // Gemma's finds nothing: its normalizer has left no space.
  if (tokenizer.escape_spaces && is_string_pattern(node, " ")) return;
  require_string(node, "behavior", "Isolated");
  const auto pattern = node.require("pattern").find("Regex");
  if (!pattern) node.require("pattern").refuse("a Regex");
  tokenizer.splits.push_back({HfSplit::Kind::pattern, pattern->string()});
}

// The order in which a tokenizer does them.
enum class NormalizerPlace { none, nfc, charsmap, strip_end, join_spaces, prepend_space, escape_spaces };

// `none`: not known.
NormalizerPlace read_normalizer_step(const JsonNode& step, HfTokenizer& tokenizer) {
  const std::string& type = step.type();
  if (type == "NFC") {
    tokenizer.nfc = true;
    return NormalizerPlace::nfc;
  }
  if (type == "Precompiled") {
    const JsonNode text = step.require("precompiled_charsmap");
    const auto charsmap = decode_base64(text.string());
    if (!charsmap || charsmap->empty()) text.fail_type("base64 of normalization rules");
    tokenizer.charsmap = *charsmap;
    return NormalizerPlace::charsmap;
  }
  if (type == "Strip") {
    if (step.require("strip_left").boolean() || !step.require("strip_right").boolean())
      step.refuse("Strip at the end");
    tokenizer.strips_end = true;
    return NormalizerPlace::strip_end;
  }
  if (type == "Prepend") {
    require_string(step, "prepend", kSpace);
    tokenizer.prepend_space = true;
    return NormalizerPlace::prepend_space;
  }
  if (type == "Replace" && is_pattern(step, "Regex", " {2,}")) {
    tokenizer.joined_space = step.require("content").string();
    if (tokenizer.joined_space != kSpace && tokenizer.joined_space != " ")
      step.require("content").refuse("a space or U+2581");
    return NormalizerPlace::join_spaces;
  }
  if (type == "Replace" && is_pattern(step, "String", " ")) {
    require_string(step, "content", kSpace);
    tokenizer.escape_spaces = true;
    return NormalizerPlace::escape_spaces;
  }
  return NormalizerPlace::none;
}

}  // namespace

void read_normalizer(const JsonNode& normalizer, HfTokenizer& tokenizer) {
  NormalizerPlace last = NormalizerPlace::none;
  for (const JsonNode& step : steps_of(normalizer, "normalizers")) {
    const NormalizerPlace place = read_normalizer_step(step, tokenizer);
    if (place <= last) {
      step.refuse(
          "NFC, Precompiled, Strip at the end, Replace of \" {2,}\", Prepend, Replace of \" \" in this "
          "order");
    }
    last = place;
  }
  if (tokenizer.prepend_space && !tokenizer.escape_spaces)
    normalizer.refuse("Prepend with Replace of spaces");
}

void read_pre_tokenizer(const JsonNode& pre_tokenizer, HfTokenizer& tokenizer) {
  using Kind = HfSplit::Kind;
  for (const JsonNode& step : steps_of(pre_tokenizer, "pretokenizers")) {
    const std::string& type = step.type();
    if (tokenizer.byte_level || tokenizer.metaspace) {
      step.refuse("nothing after ByteLevel or Metaspace");
    } else if (type == "ByteLevel") {
      read_byte_level(step, tokenizer);
    } else if (type == "Split") {
      read_split(step, tokenizer);
    } else if (type == "Digits") {
      const bool each = step.boolean_or("individual_digits", false);
      tokenizer.splits.push_back({each ? Kind::each_digit : Kind::digits, {}});
    } else if (type == "Metaspace") {
      tokenizer.metaspace = read_metaspace(step);
    } else {
      step.refuse("Split, Digits, ByteLevel or Metaspace");
    }
  }
  if (!tokenizer.byte_level && !tokenizer.splits.empty())
    pre_tokenizer.refuse("Split and Digits before ByteLevel");
}

void read_decoder(const JsonNode& decoder, HfTokenizer& tokenizer) {
  bool unescapes = false, unmaps_bytes = false;
  for (const JsonNode& step : steps_of(decoder, "decoders")) {
    const std::string& type = step.type();
    if (type == "ByteLevel" && tokenizer.byte_level) {
      unmaps_bytes = true;
    } else if (type == "Metaspace" && !tokenizer.byte_level) {
      unescapes = true;
      tokenizer.strips_space = read_metaspace(step).prepend != HfMetaspace::Prepend::never;
      // That decoder drops every U+2581 of the first token, not just one.
      const bool has_more = std::ranges::any_of(tokenizer.tokens, [](const std::string& token) {
        return token.find(kSpace, 1) != std::string::npos;
      });
      if (has_more) step.refuse("a Metaspace decoder for tokens that have U+2581 in front only");
    } else if (type == "Replace" && !tokenizer.byte_level && is_string_pattern(step, kSpace)) {
      require_string(step, "content", " ");
      unescapes = true;
    } else if (type == "ByteFallback" && !tokenizer.byte_level) {
      tokenizer.decodes_bytes = true;
    } else if (type == "Strip" && !tokenizer.byte_level && unescapes) {
      require_string(step, "content", " ");
      if (step.require("start").integer() != 1 || step.require("stop").integer() != 0)
        step.refuse("one space in front");
      tokenizer.strips_space = true;
    } else if (type != "Fuse") {
      step.refuse(tokenizer.byte_level ? "ByteLevel"
                                       : "Replace of U+2581, ByteFallback, Fuse, Strip or Metaspace");
    }
  }
  if (tokenizer.byte_level && !unmaps_bytes) decoder.refuse("ByteLevel");
  if (!tokenizer.byte_level && !unescapes) decoder.refuse("a decoder that makes spaces of U+2581");
}

void read_post_processor(const JsonNode& post_processor, HfTokenizer& tokenizer) {
  for (const JsonNode& step : steps_of(post_processor, "processors")) {
    if (step.type() == "ByteLevel") continue;  // it moves offsets, which do not exist here
    if (step.type() != "TemplateProcessing") step.refuse("ByteLevel or TemplateProcessing");
    bool has_text = false;
    for (const JsonNode& piece : step.require("single").elements()) {
      if (piece.find("Sequence")) {
        if (has_text) piece.refuse("one Sequence");
        has_text = true;
      } else {
        auto& tokens = has_text ? tokenizer.after : tokenizer.before;
        tokens.push_back(piece.require("SpecialToken").require("id").string());
      }
    }
    if (!has_text) step.refuse("a template with a Sequence");
  }
}

}  // namespace isobatch::formats
