#include "formats/hf_tokenizer.h"

#include <fmt/format.h>

#include <span>

#include "formats/hf_tokenizer_parts.h"
#include "formats/json_file.h"

namespace isobatch::formats {
namespace {

void read_added_tokens(const JsonNode& added, HfTokenizer& tokenizer) {
  for (const JsonNode& node : added.elements()) {
    const std::int32_t id = read_token_id(node.require("id"));
    HfAddedToken token = read_added_token(node, id);
    if (token.content.empty()) continue;  // never found in text
    const auto place = static_cast<std::size_t>(id);
    if (tokenizer.tokens.size() <= place) tokenizer.tokens.resize(place + 1);
    std::string& known = tokenizer.tokens[place];
    if (!known.empty() && known != token.content) {
      node.fail(
          ErrorCode::corrupt_file,
          fmt::format("token {}: the model has \"{}\", the added token is \"{}\"", id, known, token.content));
    }
    known = token.content;
    tokenizer.added.push_back(std::move(token));
  }
  if (!tokenizer.scores.empty()) tokenizer.scores.resize(tokenizer.tokens.size(), 0);
}

HfTokenizer read(const nlohmann::json& json, const std::string& name) {
  const JsonNode root(json, name);
  root.allow_only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                   "post_processor", "decoder", "model"});
  // Truncation and padding belong to whoever calls; Hugging Face transformers set them anew for each text.
  HfTokenizer tokenizer;
  read_model(root.require("model"), tokenizer);
  if (const auto added = root.find("added_tokens")) read_added_tokens(*added, tokenizer);
  if (const auto normalizer = root.find("normalizer")) read_normalizer(*normalizer, tokenizer);
  if (const auto pre_tokenizer = root.find("pre_tokenizer")) read_pre_tokenizer(*pre_tokenizer, tokenizer);
  const auto decoder = root.find("decoder");
  if (!decoder) root.fail(ErrorCode::unsupported, "without a decoder");
  read_decoder(*decoder, tokenizer);
  if (const auto post_processor = root.find("post_processor"))
    read_post_processor(*post_processor, tokenizer);

  const bool only_nfc = tokenizer.charsmap.empty() && !tokenizer.strips_end &&
                        tokenizer.joined_space.empty() && !tokenizer.escape_spaces;
  if (tokenizer.byte_level && !only_nfc) root.require("normalizer").refuse("NFC before ByteLevel");
  if (!tokenizer.byte_level && tokenizer.ignore_merges)
    root.require("model").refuse("ignore_merges with ByteLevel");
  if (tokenizer.byte_level && tokenizer.byte_fallback)
    root.require("model").refuse("byte_fallback without ByteLevel");
  if (tokenizer.byte_level && tokenizer.unknown) root.require("model").refuse("no unk_token with ByteLevel");
  if (tokenizer.byte_level && tokenizer.model != HfTokenizer::Model::bpe)
    root.require("model").refuse("BPE with ByteLevel");
  if (!tokenizer.byte_level && !tokenizer.escape_spaces && !tokenizer.metaspace) {
    root.fail(ErrorCode::unsupported, "neither ByteLevel nor U+2581 for spaces");
  }
  if (tokenizer.metaspace && tokenizer.escape_spaces)
    root.require("pre_tokenizer").refuse("Metaspace or Replace, not both");
  if (tokenizer.byte_fallback != tokenizer.decodes_bytes) {
    root.require("decoder").refuse("ByteFallback in both model and decoder, or in neither");
  }
  return tokenizer;
}

}  // namespace

HfTokenizer parse_hf_tokenizer(std::string_view json, const std::string& name) {
  return read(parse_json_object(std::as_bytes(std::span(json)), name), name);
}

HfTokenizer read_hf_tokenizer(const std::filesystem::path& path) {
  return read(read_json_object(path), path.string());
}

}  // namespace isobatch::formats
