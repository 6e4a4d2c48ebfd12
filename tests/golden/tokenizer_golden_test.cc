// The tokenizer of the default model against the Hugging Face `tokenizers` package
// (tools/make_tokenizer_golden.py).
#include <gtest/gtest.h>

#include <sstream>

#include "engine/tokenizer_from_gguf.h"
#include "tests/golden/golden_file.h"
#include "tests/golden/golden_model.h"
#include "text/stream_decoder.h"
#include "text/utf8.h"

namespace isobatch {
namespace {

std::vector<nlohmann::json> golden_lines() {
  std::vector<nlohmann::json> lines;
  std::istringstream file(golden::read_file("tokenizer_smollm2.jsonl"));
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

class TokenizerGolden : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(golden::model_path()))
      GTEST_SKIP() << golden::model_path() << " is not there";
    file_.emplace(formats::GgufFile::open(golden::model_path()));
    spec_ = engine::tokenizer_spec(*file_);
  }

  std::optional<formats::GgufFile> file_;
  text::TokenizerSpec spec_;
};

TEST_F(TokenizerGolden, IdsAreEqual) {
  const auto lines = golden_lines();
  ASSERT_GE(lines.size(), 400u);
  for (const std::string name : {"smollm", "gpt-2"}) {
    text::TokenizerSpec spec = spec_;
    spec.pre_tokenizer = name;
    const auto tokenizer = text::Tokenizer::create(std::move(spec));
    for (const auto& line : lines) {
      EXPECT_EQ(tokenizer->encode(line.at("text").get<std::string>(), false, true),
                line.at(name).get<std::vector<TokenId>>())
          << name << " " << line.at("text");
    }
  }
}

TEST_F(TokenizerGolden, DecodesAsThere) {
  const auto tokenizer = text::Tokenizer::create(spec_);
  for (const auto& line : golden_lines()) {
    const auto ids = line.at("smollm").get<std::vector<TokenId>>();
    EXPECT_EQ(tokenizer->decode(ids), line.at("decoded")) << line.at("text");
    text::StreamDecoder decoder(*tokenizer);
    std::string joined;
    for (const TokenId id : ids) joined += decoder.push(id);
    EXPECT_EQ(joined + decoder.finish(), line.at("decoded"));
  }
}

// Bytes for which the vocabulary has no token are lost, as in the reference; they are none of printable text.
TEST_F(TokenizerGolden, RoundTrip) {
  const auto tokenizer = text::Tokenizer::create(spec_);
  for (const auto& line : golden_lines()) {
    const std::string text = line.at("text");
    const bool lossy = text.find_first_of("\x04\x06\x13\x14\x16\x1d\xf1\xf2") != text.npos;
    if (lossy) continue;
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, false, false)), text);
  }
}

TEST_F(TokenizerGolden, SpecOfTheModel) {
  EXPECT_EQ(spec_.pre_tokenizer, "smollm");
  EXPECT_EQ(spec_.bos, 1);
  EXPECT_EQ(spec_.eos, 2);
  EXPECT_EQ(spec_.end_tokens, (std::vector<TokenId>{2, 0}));  // <|im_end|> and <|endoftext|>
  EXPECT_FALSE(spec_.add_bos);
  const auto tokenizer = text::Tokenizer::create(spec_);
  EXPECT_EQ(tokenizer->vocab_size(), 49152);
  const auto chat = engine::chat_template(*file_, *tokenizer);
  ASSERT_TRUE(chat);
  const std::vector<ChatMessage> messages = {{"user", "Hello"}};
  EXPECT_EQ(chat->render(messages, true),
            golden::read_json("chat_smollm2.json").at("cases").at(1).at("text"));
}

// Gemma 3's tokenizer against sentencepiece and `tokenizers`, both made of the file's own metadata
// (tools/make_gemma_golden.py).
TEST(Gemma3TokenizerGolden, EqualsSentencePieceAndHuggingFace) {
  if (!std::filesystem::exists(golden::gemma3_path()))
    GTEST_SKIP() << golden::gemma3_path() << " is not there";
  const auto tokenizer =
      text::Tokenizer::create(engine::tokenizer_spec(formats::GgufFile::open(golden::gemma3_path())));
  EXPECT_EQ(tokenizer->vocab_size(), 262144);
  EXPECT_EQ(tokenizer->spec().end_tokens, (std::vector<TokenId>{1, 106}));  // <eos> and <end_of_turn>
  EXPECT_EQ(tokenizer->encode("", true, true), std::vector<TokenId>{2});
  const nlohmann::json data = golden::read_json("tokenizer_gemma3.json");
  const auto texts = data.at("texts").get<std::vector<std::string>>();
  ASSERT_GE(texts.size(), 250u);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto plain = data.at("sentencepiece").at(i).get<std::vector<TokenId>>();
    EXPECT_EQ(tokenizer->encode(texts[i], false, false), plain) << nlohmann::json(texts[i]);
    EXPECT_EQ(tokenizer->decode(plain), data.at("decoded").at(i));
    if (const auto& special = data.at("tokenizers").at(i); !special.is_null()) {
      EXPECT_EQ(tokenizer->encode(texts[i], false, true), special.get<std::vector<TokenId>>())
          << nlohmann::json(texts[i]);
    }
  }
}

}  // namespace
}  // namespace isobatch
