// The vocabulary: "model" of tokenizer.json.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "formats/hf_tokenizer_parts.h"

namespace isobatch::formats {
namespace {

// Ids may have gaps, but not so wide that a few bytes of JSON take all memory.
constexpr std::int64_t kMaxTokenId = (std::int64_t{1} << 22) - 1;

void put_token(HfTokenizer& tokenizer, std::int32_t id, const std::string& token, const JsonNode& node) {
  const auto place = static_cast<std::size_t>(id);
  if (tokenizer.tokens.size() <= place) tokenizer.tokens.resize(place + 1);
  if (token.empty()) node.fail(ErrorCode::corrupt_file, "a token is empty");
  if (!tokenizer.tokens[place].empty()) {
    node.fail(ErrorCode::corrupt_file,
              fmt::format("\"{}\" and \"{}\" have the same id {}", tokenizer.tokens[place], token, id));
  }
  tokenizer.tokens[place] = token;
}

void read_merges(const JsonNode& merges, HfTokenizer& tokenizer) {
  for (const JsonNode& merge : merges.elements()) {
    if (merge.value().is_string()) {
      tokenizer.merges.push_back(merge.string());
      continue;
    }
    const auto parts = merge.elements();
    if (parts.size() != 2) merge.fail_type("two tokens");
    for (const JsonNode& part : parts) {
      if (part.string().find(' ') != std::string::npos) part.refuse("a token without a space");
    }
    tokenizer.merges.push_back(fmt::format("{} {}", parts[0].string(), parts[1].string()));
  }
}

void read_bpe(const JsonNode& model, HfTokenizer& tokenizer) {
  model.allow_only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                    "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  if (const auto dropout = model.find("dropout"); dropout && dropout->number() != 0) dropout->refuse("0");
  for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (const auto affix = model.find(key); affix && !affix->string().empty()) affix->refuse("\"\"");
  }
  tokenizer.fuse_unknown = model.boolean_or("fuse_unk", false);
  tokenizer.byte_fallback = model.boolean_or("byte_fallback", false);
  tokenizer.ignore_merges = model.boolean_or("ignore_merges", false);
  const JsonNode vocabulary = model.require("vocab");
  if (!vocabulary.value().is_object()) vocabulary.fail_type("an object");
  for (const auto& [token, value] : vocabulary.value().items()) {
    if (!value.is_number_integer()) vocabulary.require(token).fail_type("a token id");
    const std::int64_t id = value.get<std::int64_t>();
    if (id < 0 || id > kMaxTokenId) vocabulary.require(token).fail_type("a token id");
    put_token(tokenizer, static_cast<std::int32_t>(id), token, vocabulary);
  }
  read_merges(model.require("merges"), tokenizer);
  if (const auto unknown = model.find("unk_token")) {
    const auto found = std::ranges::find(tokenizer.tokens, unknown->string());
    if (found == tokenizer.tokens.end()) unknown->fail_type("a token of the vocabulary");
    tokenizer.unknown = static_cast<std::int32_t>(found - tokenizer.tokens.begin());
  }
}

void read_unigram(const JsonNode& model, HfTokenizer& tokenizer) {
  model.allow_only({"type", "unk_id", "vocab", "byte_fallback"});
  tokenizer.model = HfTokenizer::Model::unigram;
  tokenizer.fuse_unknown = true;
  tokenizer.byte_fallback = model.boolean_or("byte_fallback", false);
  for (const JsonNode& entry : model.require("vocab").elements()) {
    const double score = entry.element(1).number();
    if (!std::isfinite(score)) entry.fail_type("a score");
    put_token(tokenizer, static_cast<std::int32_t>(tokenizer.tokens.size()), entry.element(0).string(),
              entry);
    tokenizer.scores.push_back(score);
  }
  if (const auto unknown = model.find("unk_id")) {
    tokenizer.unknown = read_token_id(*unknown);
    if (static_cast<std::size_t>(*tokenizer.unknown) >= tokenizer.tokens.size())
      unknown->fail_type("a token id");
  }
}

}  // namespace

std::int32_t read_token_id(const JsonNode& id) {
  const std::int64_t value = id.integer();
  if (value < 0 || value > kMaxTokenId) id.fail_type("a token id");
  return static_cast<std::int32_t>(value);
}

void read_model(const JsonNode& model, HfTokenizer& tokenizer) {
  const std::string type = model.string_or("type", model.find("merges") ? "BPE" : "");
  if (type == "BPE") {
    read_bpe(model, tokenizer);
  } else if (type == "Unigram") {
    read_unigram(model, tokenizer);
  } else {
    model.require("type").refuse("BPE or Unigram");
  }
}

HfAddedToken read_added_token(const JsonNode& token, std::int32_t id) {
  if (token.boolean_or("single_word", false)) token.require("single_word").refuse("false");
  const bool special = token.boolean_or("special", false);
  return {.id = id,
          .content = token.require("content").string(),
          .strip_left = token.boolean_or("lstrip", false),
          .strip_right = token.boolean_or("rstrip", false),
          .normalized = token.boolean_or("normalized", !special),
          .special = special};
}

}  // namespace isobatch::formats
