// Small tokenizers of each kind, read from tokenizer.json and from GGUF, against Hugging Face `tokenizers`
// and sentencepiece (tools/make_small_tokenizers.py).
#include <gtest/gtest.h>

#include <fstream>

#include "engine/tokenizer_from_directory.h"
#include "engine/tokenizer_from_gguf.h"
#include "isobatch/error.h"
#include "tests/golden/golden_file.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/temp_dir.h"
#include "text/normalization.h"
#include "text/stream_decoder.h"

namespace isobatch {
namespace {

using text::Tokenizer;
using text::TokenizerSpec;
using text::TokenType;
using Ids = std::vector<TokenId>;

struct Golden {
  std::vector<std::string> texts;
  nlohmann::json data;
  std::vector<Ids> ids(const char* key) const { return data.at(key).get<std::vector<Ids>>(); }
};

Golden read_golden(const std::string& name) {
  Golden golden;
  golden.texts = golden::read_json("tokenizers/texts.json").get<std::vector<std::string>>();
  golden.data = golden::read_json("tokenizers/golden/" + name + ".json");
  for (const nlohmann::json& text : golden.data.value("more_texts", nlohmann::json::array()))
    golden.texts.push_back(text);
  return golden;
}

void write_json(const std::filesystem::path& path, const nlohmann::json& json) {
  std::ofstream(path) << json;
}

TokenizerSpec spec_from_json(const Golden& golden) {
  const test::TempDir folder;
  nlohmann::json json =
      golden::read_json("tokenizers/" + golden.data.at("base").get<std::string>() + ".json");
  json.merge_patch(golden.data.at("patch"));
  write_json(folder.path() / "tokenizer.json", json);
  write_json(folder.path() / "tokenizer_config.json", golden.data.at("config"));
  return engine::tokenizer_spec_from_directory(folder.path());
}

// As converters write it: user-defined tokens have spaces as they are.
TokenizerSpec through_gguf(const TokenizerSpec& spec, const std::string& pre,
                           const std::string& architecture = "llama") {
  test::GgufWriter writer;
  writer.add("general.architecture", architecture);
  writer.add("tokenizer.ggml.model", spec.model);
  writer.add("tokenizer.ggml.pre", pre);
  std::vector<std::string> tokens = spec.tokens;
  std::vector<std::int32_t> types;
  std::vector<float> scores(spec.scores.begin(), spec.scores.end());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    types.push_back(static_cast<std::int32_t>(spec.types[id]));
    if (spec.model != "gpt2" && spec.types[id] == TokenType::user_defined)
      tokens[id] = text::unescape_spaces(tokens[id]);
    if (spec.model == "llama")
      scores.push_back(-static_cast<float>(id));  // what sentencepiece gives to its merges
  }
  writer.add_array("tokenizer.ggml.tokens", tokens);
  writer.add_array("tokenizer.ggml.token_type", types);
  if (spec.model == "gpt2") {
    writer.add_array("tokenizer.ggml.merges", spec.merges);
  } else {
    writer.add_array("tokenizer.ggml.scores", scores);
    writer.add("tokenizer.ggml.remove_extra_whitespaces", spec.remove_extra_whitespaces);
    // As old and new converters write it.
    if (spec.model == "llama" && !spec.charsmap.empty()) {
      writer.add_array("tokenizer.ggml.precompiled_charsmap",
                       std::vector<std::int8_t>(spec.charsmap.begin(), spec.charsmap.end()));
    } else if (!spec.charsmap.empty()) {
      writer.add_array("tokenizer.ggml.precompiled_charsmap",
                       std::vector<std::uint8_t>(spec.charsmap.begin(), spec.charsmap.end()));
    }
    writer.add("tokenizer.ggml.add_space_prefix", spec.space_prefix != text::SpacePrefix::never);
  }
  const auto add_id = [&](const char* key, std::optional<TokenId> id) {
    if (id) writer.add(key, static_cast<std::uint32_t>(*id));
  };
  add_id("tokenizer.ggml.bos_token_id", spec.bos);
  add_id("tokenizer.ggml.eos_token_id", spec.eos);
  add_id("tokenizer.ggml.unknown_token_id", spec.unknown);
  writer.add("tokenizer.ggml.add_bos_token", spec.add_bos);
  writer.add("tokenizer.ggml.add_eos_token", spec.add_eos);
  const test::TempDir folder;
  writer.write(folder.path() / "t.gguf");
  return engine::tokenizer_spec(formats::GgufFile::open(folder.path() / "t.gguf"));
}

void expect_ids_of_json(const std::string& name) {
  const Golden golden = read_golden(name);
  const auto tokenizer = Tokenizer::create(spec_from_json(golden));
  const std::vector<Ids> ids = golden.ids("ids");
  ASSERT_EQ(ids.size(), golden.texts.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(tokenizer->encode(golden.texts[i], false, true), ids[i]) << nlohmann::json(golden.texts[i]);
  }
  EXPECT_EQ(tokenizer->encode(golden.texts[2], true, true), golden.data.at("with_special").get<Ids>());
}

class SmallTokenizer : public ::testing::TestWithParam<const char*> {};

TEST_P(SmallTokenizer, FromJsonEqualsHuggingFace) { expect_ids_of_json(GetParam()); }

// Special tokens that are found in normalized text. `tokenizers` leaves them in decoded text, special or not,
// and this program does not, so decoding is not compared.
TEST(SmallTokenizerOfOldFiles, FromJsonEqualsHuggingFace) {
  expect_ids_of_json("llama2-old");
  expect_ids_of_json("rules-late");
}

TEST_P(SmallTokenizer, DecodesAsHuggingFace) {
  const Golden golden = read_golden(GetParam());
  const auto tokenizer = Tokenizer::create(spec_from_json(golden));
  const std::vector<Ids> ids = golden.ids("ids");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string expected = golden.data.at("decoded").at(i);
    EXPECT_EQ(tokenizer->decode(ids[i]), expected);
    text::StreamDecoder decoder(*tokenizer);
    std::string joined;
    for (const TokenId id : ids[i]) joined += decoder.push(id);
    EXPECT_EQ(joined + decoder.finish(), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(All, SmallTokenizer,
                         ::testing::Values("gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-llm", "llama2",
                                           "llama2-first", "llama2-words", "gemma", "unigram",
                                           "unigram-words", "rules-unigram", "rules-words", "rules-bpe"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// GGUF cannot say which tokens take white space or are found in normalized text, so texts with those are left
// out.
bool has_special_rule(const TokenizerSpec& spec, std::string_view text) {
  return std::ranges::any_of(spec.special_rules, [&](const text::SpecialTokenRule& rule) {
    return text.find(spec.tokens[static_cast<std::size_t>(rule.id)]) != text.npos;
  });
}

TEST(SmallTokenizerGguf, ByteLevelGivesTheSameIds) {
  for (const std::string name : {"gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-llm"}) {
    const Golden golden = read_golden(name);
    const TokenizerSpec spec = spec_from_json(golden);
    const auto tokenizer = Tokenizer::create(through_gguf(spec, name));
    const std::vector<Ids> ids = golden.ids("ids");
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (has_special_rule(spec, golden.texts[i])) continue;
      EXPECT_EQ(tokenizer->encode(golden.texts[i], false, true), ids[i])
          << name << nlohmann::json(golden.texts[i]);
    }
    EXPECT_EQ(tokenizer->encode(golden.texts[2], true, true), golden.data.at("with_special").get<Ids>());
  }
}

TEST(SmallTokenizerGguf, LlamaGivesTheSameIds) {
  const Golden golden = read_golden("llama2");
  // Of the family whose special tokens take the white space after them.
  const auto tokenizer = Tokenizer::create(through_gguf(spec_from_json(golden), "default", "phi3"));
  const std::vector<Ids> ids = golden.ids("ids");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(tokenizer->encode(golden.texts[i], false, true), ids[i]) << nlohmann::json(golden.texts[i]);
  }
}

// Hugging Face merges spaces by the list, sentencepiece takes the longest user-defined token, so they differ
// where more spaces stand together than a token has. GGUF means sentencepiece, which the next test holds it
// to.
TEST(SmallTokenizerGguf, GemmaGivesTheSameIds) {
  const Golden golden = read_golden("gemma");
  const auto tokenizer = Tokenizer::create(through_gguf(spec_from_json(golden), "default"));
  const std::vector<Ids> ids = golden.ids("ids");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (text::escape_spaces(golden.texts[i]).find(text::escape_spaces(std::string(21, ' '))) !=
        std::string::npos)
      continue;
    EXPECT_EQ(tokenizer->encode(golden.texts[i], false, true), ids[i]) << nlohmann::json(golden.texts[i]);
  }
}

TEST(SmallTokenizerGguf, RefusesRulesThatAreNone) {
  TokenizerSpec spec = spec_from_json(read_golden("rules-unigram"));
  spec.charsmap.resize(100);
  EXPECT_THROW(Tokenizer::create(through_gguf(spec, "default")), Error);
}

TEST(SmallTokenizerGguf, EqualsSentencePiece) {
  for (const char* name : {"llama2", "gemma", "unigram", "rules-unigram", "rules-bpe"}) {
    const Golden golden = read_golden(name);
    TokenizerSpec spec = spec_from_json(golden);
    spec.remove_extra_whitespaces = golden.data.value("remove_extra_whitespaces", false);
    const auto tokenizer = Tokenizer::create(through_gguf(spec, "default"));
    const std::vector<Ids> ids = golden.ids("sentencepiece");
    for (std::size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ(tokenizer->encode(golden.texts[i], false, false), ids[i])
          << name << nlohmann::json(golden.texts[i]);
    }
  }
}

}  // namespace
}  // namespace isobatch
