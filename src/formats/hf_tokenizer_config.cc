// tokenizer_config.json and generation_config.json.
#include <charconv>
#include <span>

#include "formats/hf_tokenizer_parts.h"
#include "formats/json_file.h"

namespace isobatch::formats {
namespace {

// A token is a string, or an object with its flags.
std::optional<std::string> read_token_name(const JsonNode& root, std::string_view key) {
  const auto node = root.find(key);
  if (!node) return std::nullopt;
  return node->value().is_object() ? node->require("content").string() : node->string();
}

std::optional<bool> read_flag(const JsonNode& root, std::string_view key) {
  const auto node = root.find(key);
  return node ? std::optional(node->boolean()) : std::nullopt;
}

std::optional<std::string> read_chat_template(const JsonNode& root) {
  const auto node = root.find("chat_template");
  if (!node) return std::nullopt;
  if (node->value().is_string()) return node->string();
  for (const JsonNode& named : node->elements()) {
    if (named.require("name").string() == "default") return named.require("template").string();
  }
  return std::nullopt;
}

HfTokenizerConfig read(const nlohmann::json& json, const std::string& name) {
  const JsonNode root(json, name);
  HfTokenizerConfig config;
  config.bos = read_token_name(root, "bos_token");
  config.eos = read_token_name(root, "eos_token");
  config.unknown = read_token_name(root, "unk_token");
  config.add_bos = read_flag(root, "add_bos_token");
  config.add_eos = read_flag(root, "add_eos_token");
  config.chat_template = read_chat_template(root);
  if (const auto added = root.find("added_tokens_decoder")) {
    if (!added->value().is_object()) added->fail_type("an object");
    for (const auto& [key, value] : added->value().items()) {
      std::int32_t id = -1;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      const JsonNode token = added->require(key);
      if (error != std::errc() || end != key.data() + key.size() || id < 0)
        token.fail_type("a token id as key");
      config.added.push_back(read_added_token(token, id));
    }
  }
  return config;
}

}  // namespace

HfTokenizerConfig parse_hf_tokenizer_config(std::string_view json, const std::string& name) {
  return read(parse_json_object(std::as_bytes(std::span(json)), name), name);
}

HfTokenizerConfig read_hf_tokenizer_config(const std::filesystem::path& path) {
  return read(read_json_object(path), path.string());
}

std::vector<std::int32_t> read_hf_end_tokens(const std::filesystem::path& generation_config) {
  const nlohmann::json json = read_json_object(generation_config);
  const auto node = JsonNode(json, generation_config.string()).find("eos_token_id");
  std::vector<std::int32_t> ids;
  if (!node) return ids;
  if (!node->value().is_array()) return {read_token_id(*node)};
  for (const JsonNode& id : node->elements()) ids.push_back(read_token_id(id));
  return ids;
}

}  // namespace isobatch::formats
