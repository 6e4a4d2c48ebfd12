#include "engine/tokenizer_from_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "isobatch/error.h"
#include "tests/support/temp_dir.h"

namespace isobatch::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using text::TokenType;

// The seeds of the fuzzer: tokenizer.json, and behind a zero byte tokenizer_config.json.
class TokenizerFromDirectory : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    std::ofstream(folder_.path() / name, std::ios::binary) << content;
  }

  void use_seed(const std::string& name) {
    std::ifstream file(std::string(ISOBATCH_SOURCE_DIR "/fuzz/corpus/hf_tokenizer/") + name,
                       std::ios::binary);
    const std::string seed{std::istreambuf_iterator<char>(file), {}};
    const std::size_t end = seed.find('\0');
    tokenizer_ = seed.substr(0, end);
    write("tokenizer.json", tokenizer_);
    if (end != seed.npos) write("tokenizer_config.json", seed.substr(end + 1));
  }

  void replace(const std::string& from, const std::string& to) {
    const std::size_t at = tokenizer_.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    write("tokenizer.json", std::string(tokenizer_).replace(at, from.size(), to));
  }

  text::TokenizerSpec load() const { return tokenizer_spec_from_directory(folder_.path()); }

  void expect_error(ErrorCode code, const std::string& message) const {
    try {
      load();
      FAIL() << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(message));
    }
  }

  test::TempDir folder_;
  std::string tokenizer_;
};

TEST_F(TokenizerFromDirectory, ByteLevel) {
  use_seed("byte_level.json");
  write("generation_config.json", R"({"eos_token_id": [3, 5]})");
  text::TokenizerSpec spec = load();
  EXPECT_EQ(spec.model, "gpt2");
  EXPECT_EQ(spec.bos, 8);
  EXPECT_EQ(spec.eos, 3);
  EXPECT_TRUE(spec.add_bos && spec.nfc && spec.ignore_merges);
  EXPECT_FALSE(spec.add_eos);
  EXPECT_THAT(spec.end_tokens, ElementsAre(3, 5));
  EXPECT_EQ(spec.types[8], TokenType::control);
  ASSERT_EQ(spec.special_rules.size(), 1u);
  EXPECT_TRUE(spec.special_rules[0].strip_right);
  pad_vocabulary(spec, 12);
  EXPECT_EQ(spec.tokens.size(), 12u);
  EXPECT_EQ(spec.tokens[11], "[PAD11]");
  EXPECT_EQ(spec.types[11], TokenType::unused);
  const auto tokenizer = text::Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("<s> \nhell", true, true), ElementsAre(8, 8, 5));
}

TEST_F(TokenizerFromDirectory, SentencePieceAndUnigram) {
  use_seed("sentencepiece.json");
  text::TokenizerSpec spec = load();
  EXPECT_EQ(spec.model, "llama");
  EXPECT_EQ(spec.types[0], TokenType::unknown);
  EXPECT_EQ(spec.types[1], TokenType::byte);
  EXPECT_THAT(text::Tokenizer::create(spec)->encode("he1x", true, true), ElementsAre(6, 1, 0));
  use_seed("unigram.json");
  spec = load();
  EXPECT_EQ(spec.model, "t5");
  EXPECT_THAT(text::Tokenizer::create(spec)->encode("he h", true, true), ElementsAre(4, 1, 2));
}

TEST_F(TokenizerFromDirectory, NormalizationRules) {
  use_seed("precompiled.json");
  const text::TokenizerSpec spec = load();
  EXPECT_TRUE(spec.charsmap_of_graphemes && spec.strip_end);
  const auto tokenizer = text::Tokenizer::create(spec);
  // A rule makes nothing of U+3042, and "x" of "a".
  EXPECT_THAT(tokenizer->encode("\u3042he   h\u3042\u2003", false, true), ElementsAre(4, 1, 2));
  EXPECT_THAT(tokenizer->encode("he<a><x>", false, true), ElementsAre(4, 5, 5));
  replace("\"always\"", "\"first\"");
  expect_error(ErrorCode::unsupported, "Precompiled, added tokens found in normalized text");
}

TEST_F(TokenizerFromDirectory, TheConfigurationOverridesThePostProcessor) {
  use_seed("byte_level.json");
  write("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "he", "add_eos_token": true})");
  text::TokenizerSpec spec = load();
  EXPECT_FALSE(spec.add_bos);
  EXPECT_TRUE(spec.add_eos);
  write("tokenizer_config.json", R"({"bos_token": "<s>"})");
  EXPECT_TRUE(load().add_bos);
  write("tokenizer_config.json", "{}");
  expect_error(ErrorCode::unsupported, "post_processor: expected at most the bos token");
}

TEST_F(TokenizerFromDirectory, GapsBecomeUnusedTokens) {
  use_seed("byte_level.json");
  replace(R"("Ġt":7)", R"("Ġt":10)");
  const text::TokenizerSpec spec = load();
  EXPECT_EQ(spec.tokens[7], "[PAD7]");
  EXPECT_EQ(spec.types[7], TokenType::unused);
}

TEST_F(TokenizerFromDirectory, RefusesWhatItCannotDo) {
  expect_error(ErrorCode::not_found, "tokenizer.json");
  use_seed("byte_level.json");
  replace(R"([\r\n])", R"(\\w+)");
  expect_error(ErrorCode::unsupported, "pattern \\w+ is not known; known are those of gpt-2, smollm");
  use_seed("byte_level.json");
  write("tokenizer_config.json", R"({"bos_token": "<nope>"})");
  expect_error(ErrorCode::corrupt_file, "\"<nope>\" is no token");
  write("tokenizer_config.json",
        R"({"bos_token": "<s>", "added_tokens_decoder": {"8": {"content": "<s>", "special": true}}})");
  expect_error(ErrorCode::unsupported, "token 8 (\"<s>\") is not the same in tokenizer.json");
}

TEST_F(TokenizerFromDirectory, ChatTemplates) {
  EXPECT_EQ(chat_template_source_from_directory(folder_.path()), std::nullopt);
  write("tokenizer_config.json", R"({"chat_template": "from config"})");
  EXPECT_EQ(chat_template_source_from_directory(folder_.path()), "from config");
  write("chat_template.jinja", "from jinja\n");
  EXPECT_EQ(chat_template_source_from_directory(folder_.path()), "from jinja\n");
}

}  // namespace
}  // namespace isobatch::engine
