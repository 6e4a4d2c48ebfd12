#include "formats/hf_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "isobatch/error.h"

namespace isobatch::formats {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

json byte_level_file() {
  return json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 4, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": true,
                      "normalized": false, "special": true}],
    "normalizer": {"type": "NFC"},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "\\s+"}, "behavior": "Isolated", "invert": false},
      {"type": "Digits", "individual_digits": true},
      {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]},
    "post_processor": {"type": "TemplateProcessing", "single": [
      {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "ignore_merges": true,
              "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}})");
}

json sentencepiece_file() {
  return json::parse(R"({
    "added_tokens": [], "pre_tokenizer": null, "post_processor": null,
    "normalizer": {"type": "Sequence", "normalizers": [
      {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
    "decoder": {"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
      {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "model": {"type": "BPE", "byte_fallback": true, "fuse_unk": true, "unk_token": "<unk>",
              "vocab": {"<unk>": 0, "a": 1}, "merges": []}})");
}

TEST(HfTokenizer, ByteLevel) {
  const HfTokenizer file = parse_hf_tokenizer(byte_level_file().dump(), "t");
  EXPECT_EQ(file.model, HfTokenizer::Model::bpe);
  EXPECT_THAT(file.tokens, ElementsAre("a", "b", "ab", "", "<s>"));
  EXPECT_THAT(file.merges, ElementsAre("a b"));
  EXPECT_TRUE(file.byte_level && file.nfc && file.ignore_merges);
  ASSERT_EQ(file.splits.size(), 2u);
  EXPECT_EQ(file.splits[0].pattern, R"(\s+)");
  EXPECT_EQ(file.splits[1].kind, HfSplit::Kind::each_digit);
  EXPECT_THAT(file.before, ElementsAre("<s>"));
  ASSERT_EQ(file.added.size(), 1u);
  EXPECT_TRUE(file.added[0].special && file.added[0].strip_right && !file.added[0].strip_left);
}

TEST(HfTokenizer, SentencePiece) {
  const HfTokenizer file = parse_hf_tokenizer(sentencepiece_file().dump(), "t");
  EXPECT_TRUE(file.prepend_space && file.escape_spaces && file.strips_space && file.byte_fallback);
  EXPECT_EQ(file.unknown, 0);
  EXPECT_FALSE(file.byte_level);
}

TEST(HfTokenizer, NormalizationRules) {
  json file = sentencepiece_file();
  file["normalizer"] = json::parse(R"({"type": "Sequence", "normalizers": [
    {"type": "NFC"}, {"type": "Precompiled", "precompiled_charsmap": "Zm9v"},
    {"type": "Strip", "strip_left": false, "strip_right": true},
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]})");
  const HfTokenizer tokenizer = parse_hf_tokenizer(file.dump(), "t");
  EXPECT_EQ(tokenizer.charsmap, "foo");
  EXPECT_EQ(tokenizer.joined_space, "\u2581");
  EXPECT_TRUE(tokenizer.nfc && tokenizer.strips_end && tokenizer.escape_spaces);
}

struct Refusal {
  const char* name;
  json (*file)();
  const char* where;  // JSON pointer
  const char* value;
  ErrorCode code;
  const char* message;
};

class HfTokenizerRefuses : public ::testing::TestWithParam<Refusal> {};

TEST_P(HfTokenizerRefuses, ByName) {
  const Refusal& refusal = GetParam();
  json file = refusal.file();
  file[json::json_pointer(refusal.where)] = json::parse(refusal.value);
  try {
    parse_hf_tokenizer(file.dump(), "t.json");
    FAIL() << refusal.where;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), refusal.code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(refusal.message));
    EXPECT_THAT(error.what(), ::testing::StartsWith("t.json: "));
  }
}

constexpr ErrorCode kCorrupt = ErrorCode::corrupt_file, kUnsupported = ErrorCode::unsupported;
INSTANTIATE_TEST_SUITE_P(
    All, HfTokenizerRefuses,
    ::testing::Values(
        Refusal{"model", byte_level_file, "/model/type", R"("WordPiece")", kUnsupported, "BPE or Unigram"},
        Refusal{"dropout", byte_level_file, "/model/dropout", "0.1", kUnsupported, "model.dropout"},
        Refusal{"suffix", byte_level_file, "/model/end_of_word_suffix", R"("</w>")", kUnsupported, "</w>"},
        Refusal{"model_key", byte_level_file, "/model/magic", "1", kUnsupported, "\"magic\""},
        Refusal{"key", byte_level_file, "/magic", "1", kUnsupported, "\"magic\""},
        Refusal{"id", byte_level_file, "/model/vocab/x", "-1", kCorrupt, "expected a token id"},
        Refusal{"huge_id", byte_level_file, "/model/vocab/x", "2000000000", kCorrupt, "expected a token id"},
        Refusal{"same_id", byte_level_file, "/model/vocab/x", "1", kCorrupt, "same id 1"},
        Refusal{"text_id", byte_level_file, "/model/vocab/x", R"("y")", kCorrupt, "expected a token id"},
        Refusal{"merge", byte_level_file, "/model/merges/0", R"(["a"])", kCorrupt, "model.merges[0]"},
        Refusal{"spaced_merge", byte_level_file, "/model/merges/0", R"(["a b", "c"])", kUnsupported,
                "without a space"},
        Refusal{"added", byte_level_file, "/added_tokens/0/id", "1", kCorrupt, "token 1"},
        Refusal{"single_word", byte_level_file, "/added_tokens/0/single_word", "true", kUnsupported,
                "single_word"},
        Refusal{"normalizer", byte_level_file, "/normalizer", R"({"type": "Lowercase"})", kUnsupported,
                "Lowercase"},
        Refusal{"precompiled", sentencepiece_file, "/normalizer/normalizers/0",
                R"({"type": "Precompiled", "precompiled_charsmap": "AA"})", kCorrupt, "base64"},
        Refusal{"no_rules", sentencepiece_file, "/normalizer/normalizers/0",
                R"({"type": "Precompiled", "precompiled_charsmap": ""})", kCorrupt, "base64"},
        Refusal{"late_rules", sentencepiece_file, "/normalizer/normalizers/1",
                R"({"type": "Precompiled", "precompiled_charsmap": "AAAA"})", kUnsupported, "in this order"},
        Refusal{"byte_level_rules", byte_level_file, "/normalizer",
                R"({"type": "Precompiled", "precompiled_charsmap": "AAAA"})", kUnsupported,
                "NFC before ByteLevel"},
        Refusal{"strip_left", sentencepiece_file, "/normalizer/normalizers/0",
                R"({"type": "Strip", "strip_left": true, "strip_right": true})", kUnsupported, "at the end"},
        Refusal{"joined_space", sentencepiece_file, "/normalizer/normalizers/0",
                R"({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "_"})", kUnsupported,
                "U+2581"},
        Refusal{"pre_tokenizer", byte_level_file, "/pre_tokenizer", R"({"type": "BertPreTokenizer"})",
                kUnsupported, "BertPreTokenizer"},
        Refusal{"removed", byte_level_file, "/pre_tokenizer/pretokenizers/0/behavior", R"("Removed")",
                kUnsupported, "Isolated"},
        Refusal{"invert", byte_level_file, "/pre_tokenizer/pretokenizers/0/invert", "true", kUnsupported,
                "invert"},
        Refusal{"prefix_space", byte_level_file, "/pre_tokenizer/pretokenizers/2/add_prefix_space", "true",
                kUnsupported, "add_prefix_space"},
        Refusal{"decoder", byte_level_file, "/decoder", R"({"type": "WordPiece"})", kUnsupported,
                "WordPiece"},
        Refusal{"no_decoder", byte_level_file, "/decoder", "null", kUnsupported, "decoder"},
        Refusal{"post_processor", byte_level_file, "/post_processor", R"({"type": "BertProcessing"})",
                kUnsupported, "BertProcessing"},
        Refusal{"strip", sentencepiece_file, "/decoder/decoders/3/start", "2", kUnsupported, "one space"},
        Refusal{"bytes_undecoded", sentencepiece_file, "/model/byte_fallback", "false", kUnsupported,
                "ByteFallback"},
        Refusal{"unknown", sentencepiece_file, "/model/unk_token", R"("nope")", kCorrupt, "nope"},
        Refusal{"no_spaces", sentencepiece_file, "/normalizer", "null", kUnsupported, "U+2581"},
        Refusal{"ignore_merges", sentencepiece_file, "/model/ignore_merges", "true", kUnsupported,
                "ignore_merges"},
        Refusal{"scores", sentencepiece_file, "/model", R"({"type": "Unigram", "vocab": [["a", "b"]]})",
                kCorrupt, "expected a number"}),
    [](const auto& info) { return info.param.name; });

TEST(HfTokenizer, TextThatIsNoJsonIsRefused) {
  for (const char* text : {"", "{", "[]", "{\"model\": 1}", "{}", "{\"model\":{\"type\":\"BPE\"}}"}) {
    EXPECT_THROW(parse_hf_tokenizer(text, "t"), Error) << text;
  }
}

TEST(HfTokenizerConfig, TokensAndTemplates) {
  const HfTokenizerConfig config = parse_hf_tokenizer_config(R"({
    "bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "</s>", "unk_token": null, "add_bos_token": true,
    "chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}],
    "added_tokens_decoder": {"7": {"content": "<x>", "special": true}}, "model_max_length": 1e30})",
                                                             "c");
  EXPECT_EQ(config.bos, "<s>");
  EXPECT_EQ(config.eos, "</s>");
  EXPECT_EQ(config.unknown, std::nullopt);
  EXPECT_EQ(config.add_bos, true);
  EXPECT_EQ(config.add_eos, std::nullopt);
  EXPECT_EQ(config.chat_template, "d");
  ASSERT_EQ(config.added.size(), 1u);
  EXPECT_EQ(config.added[0].id, 7);
  EXPECT_FALSE(config.added[0].normalized);
  EXPECT_EQ(parse_hf_tokenizer_config(R"({"chat_template": "x"})", "c").chat_template, "x");
  for (const char* text : {R"({"bos_token": 1})", R"({"add_bos_token": "yes"})", R"({"chat_template": 3})",
                           R"({"added_tokens_decoder": {"x": {"content": "y"}}})"}) {
    EXPECT_THROW(parse_hf_tokenizer_config(text, "c"), Error) << text;
  }
}

}  // namespace
}  // namespace isobatch::formats
