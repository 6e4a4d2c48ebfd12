#include <gmock/gmock.h>

#include "isobatch/openai.h"

namespace isobatch::openai {
namespace {

using ::testing::HasSubstr;

BatchLine parse(std::string_view line, const Request& defaults = {}) {
  return parse_batch_line(line, 7, defaults);
}

std::vector<TokenId> ids(const BatchLine& line) {
  EXPECT_EQ(line.error, "");
  return std::get<std::vector<TokenId>>(line.prompt);
}

std::string text(const BatchLine& line) {
  EXPECT_EQ(line.error, "");
  return std::get<std::string>(line.prompt);
}

// The fields of a chat body beside its messages.
BatchLine with(const std::string& fields) {
  return parse(R"({"messages":[{"role":"user","content":"hi"}],)" + fields + "}");
}

TEST(BatchLine, ReadsWrappedChat) {
  const BatchLine line = parse(
      R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","max_tokens":5,)"
      R"("messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"x"},)"
      R"({"type":"text","text":"y"}]}]}})");
  ASSERT_EQ(line.error, "");
  EXPECT_EQ(line.custom_id, "a");
  EXPECT_EQ(line.request.max_tokens, 5);
  const auto& messages = std::get<ChatInput>(line.prompt).messages;
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(*messages[0].find("role")->string(), "system");
  EXPECT_EQ(*messages[1].find("content")->string(), "xy");
}

TEST(BatchLine, ReadsWrappedCompletion) {
  EXPECT_EQ(text(parse(R"({"method":"POST","url":"/v1/completions","body":{"prompt":"once"}})")), "once");
  EXPECT_EQ(ids(parse(R"({"method":"POST","url":"/v1/completions","body":{"prompt":[3,4]}})")),
            (std::vector<TokenId>{3, 4}));
}

TEST(BatchLine, ReadsBareLines) {
  EXPECT_EQ(text(parse(R"({"prompt":"once"})")), "once");
  EXPECT_EQ(parse(R"({"prompt":"once"})").custom_id, "line-7");
  EXPECT_EQ(parse(R"({"custom_id":"q","prompt":"once"})").custom_id, "q");
  EXPECT_EQ(ids(parse(R"({"input_ids":[5,6]})")), (std::vector<TokenId>{5, 6}));
}

TEST(BatchLine, StripsPadding) {
  const std::vector<TokenId> expected = {5, 6};
  EXPECT_EQ(ids(parse(R"({"input_ids":[0,0,5,6],"attention_mask":[0,0,1,1]})")), expected);
  EXPECT_EQ(ids(parse(R"({"input_ids":[5,6,-100,99999999999],"attention_mask":[1,1,0,0]})")), expected);
  EXPECT_EQ(ids(parse(R"({"input_ids":[null,5,6,"x"],"attention_mask":[0,1,1,0]})")), expected);
}

TEST(BatchLine, RefusesMasksWithoutOneRun) {
  EXPECT_THAT(parse(R"({"input_ids":[5,6,7],"attention_mask":[1,0,1]})").error, HasSubstr("one run of ones"));
  EXPECT_THAT(parse(R"({"input_ids":[5,6,7],"attention_mask":[1,1]})").error, HasSubstr("expected 3 values"));
  EXPECT_THAT(parse(R"({"input_ids":[5,6],"attention_mask":[1,2]})").error, HasSubstr("attention_mask[1]"));
  EXPECT_THAT(parse(R"({"input_ids":[5,6],"attention_mask":[1,1.0]})").error, HasSubstr("attention_mask[1]"));
  EXPECT_THAT(parse(R"({"input_ids":[5,6],"attention_mask":[0,0]})").error, HasSubstr("no token is left"));
  EXPECT_THAT(parse(R"({"input_ids":[]})").error, HasSubstr("no token is left"));
  EXPECT_THAT(parse(R"({"input_ids":[-1]})").error, HasSubstr("input_ids[0]: expected a token id, got -1"));
}

TEST(BatchLine, BodyOverridesDefaults) {
  Request defaults;
  defaults.max_tokens = 11;
  defaults.sampling.temperature = 0.5f;
  defaults.stop = {"x"};
  const BatchLine kept = parse(R"({"prompt":"p","temperature":null})", defaults);
  EXPECT_EQ(kept.request.max_tokens, 11);
  EXPECT_EQ(kept.request.sampling.temperature, 0.5f);
  EXPECT_EQ(kept.request.stop, defaults.stop);
  const BatchLine set = parse(
      R"({"prompt":"p","temperature":0.25,"top_p":0.5,"top_k":-1,"min_p":0.1,"seed":18446744073709551615,)"
      R"("max_completion_tokens":3,"max_tokens":3,"stop":["a","b"],"ignore_eos":true})",
      defaults);
  ASSERT_EQ(set.error, "");
  EXPECT_EQ(set.request.max_tokens, 3);
  EXPECT_EQ(set.request.sampling.temperature, 0.25f);
  EXPECT_EQ(set.request.sampling.top_p, 0.5f);
  EXPECT_EQ(set.request.sampling.top_k, 0);
  EXPECT_EQ(set.request.sampling.min_p, 0.1f);
  EXPECT_EQ(set.request.sampling.seed, UINT64_MAX);
  EXPECT_EQ(set.request.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(set.request.ignore_eos);
  EXPECT_EQ(parse(R"({"prompt":"p","stop":"end"})").request.stop, std::vector<std::string>{"end"});
}

TEST(BatchLine, ReadsHowToAnswer) {
  const BatchLine line =
      parse(R"({"prompt":"p","n":4,"presence_penalty":0.5,"frequency_penalty":-2,"repetition_penalty":1.5,)"
            R"("logit_bias":{"50256":-100,"7":2.5},"min_tokens":3,"logprobs":true,"top_logprobs":5})");
  ASSERT_EQ(line.error, "");
  EXPECT_EQ(line.choices, 4);
  const Sampling& sampling = line.request.sampling;
  EXPECT_EQ(sampling.presence_penalty, 0.5f);
  EXPECT_EQ(sampling.frequency_penalty, -2.0f);
  EXPECT_EQ(sampling.repetition_penalty, 1.5f);
  EXPECT_EQ(sampling.logit_bias, (std::vector<TokenBias>{{7, 2.5f}, {50256, -100}}));
  EXPECT_EQ(line.request.min_tokens, 3);
  EXPECT_TRUE(line.request.logprobs);
  EXPECT_EQ(line.request.top_logprobs, 5);
  const BatchLine completion = parse(R"({"prompt":"p","logprobs":2})");
  EXPECT_TRUE(completion.request.logprobs);
  EXPECT_EQ(completion.request.top_logprobs, 2);
}

TEST(BatchLine, AcceptsFieldsThatAskForNothing) {
  EXPECT_EQ(
      with(
          R"("n":1,"stream":false,"frequency_penalty":0,"presence_penalty":0.0,"logit_bias":{},"tools":[],)"
          R"("tool_choice":"none","response_format":{"type":"text"},"logprobs":false,"user":"u","store":true,)"
          R"("metadata":{"k":"v"},"functions":null)")
          .error,
      "");
}

TEST(BatchLine, RefusesWhatItCannotHonour) {
  for (const std::string field :
       {R"("stream":true)", R"("tool_choice":"required")", R"("response_format":{"type":"grammar"})",
        R"("reasoning_effort":"low")", R"("temprature":0)", R"("echo":true)", R"("suffix":"s")"}) {
    const std::string name = field.substr(1, field.find('"', 1) - 1);
    EXPECT_THAT(with(field).error, HasSubstr(name)) << field;
  }
}

TEST(BatchLine, RefusesValuesOutOfRange) {
  for (const std::string field : {R"("temperature":-1)",
                                  R"("temperature":"hot")",
                                  R"("temperature":1e39)",
                                  R"("top_p":0)",
                                  R"("top_p":1.5)",
                                  R"("top_k":-2)",
                                  R"("top_k":1.5)",
                                  R"("min_p":2)",
                                  R"("seed":-1)",
                                  R"("seed":1.5)",
                                  R"("max_tokens":0)",
                                  R"("max_tokens":2147483648)",
                                  R"("max_tokens":18446744073709551615)",
                                  R"("max_tokens":true)",
                                  R"("stop":5)",
                                  R"("stop":["a",""])",
                                  R"("ignore_eos":1)",
                                  R"("model":3)",
                                  R"("n":0)",
                                  R"("n":129)",
                                  R"("presence_penalty":2.5)",
                                  R"("frequency_penalty":"a")",
                                  R"("repetition_penalty":0)",
                                  R"("logit_bias":[])",
                                  R"("logit_bias":{"a":1})",
                                  R"("logit_bias":{"05":1})",
                                  R"("logit_bias":{"-1":1})",
                                  R"("min_tokens":-1)",
                                  R"("logprobs":"yes")",
                                  R"("logprobs":21)",
                                  R"("top_logprobs":1)",
                                  R"("logprobs":true,"top_logprobs":21)"}) {
    const std::size_t end = field.rfind("\":");
    const std::size_t first = field.find("logit_bias") == 1 ? 1 : field.rfind('"', end - 1) + 1;
    const std::string name = field.substr(first, field.find('"', first) - first);
    EXPECT_THAT(with(field).error, HasSubstr(name + ": expected ")) << field;
  }
  EXPECT_THAT(with(R"("logit_bias":{"5":101})").error,
              HasSubstr("logit_bias.5: expected a number from -100"));
  EXPECT_THAT(with(R"("max_tokens":1,"max_completion_tokens":2)").error, HasSubstr("max_tokens"));
}

TEST(BatchLine, RefusesOtherLines) {
  const auto error = [](std::string_view line) { return parse(line).error; };
  EXPECT_THAT(error("{"), HasSubstr("not valid JSON at byte 2"));
  EXPECT_THAT(error("{\"prompt\":\"\xff\"}"), HasSubstr("not valid UTF-8 at byte"));
  EXPECT_THAT(error("{\"prompt\":\"\\ud800\"}"), HasSubstr("not valid"));
  EXPECT_THAT(error(R"({"prompt":1e999})"), HasSubstr("out of range"));
  EXPECT_THAT(error(R"({"prompt":"a","prompt":"b"})"), HasSubstr("twice"));
  EXPECT_THAT(error(std::string(100000, '[')), HasSubstr("nested deeper"));
  EXPECT_THAT(error("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(error("{}"), HasSubstr("got none"));
  EXPECT_THAT(error(R"({"prompt":"a","messages":[]})"), HasSubstr("got several"));
  EXPECT_THAT(error(R"({"messages":[]})"), HasSubstr("at least one message"));
  EXPECT_THAT(error(R"({"messages":[{"role":"robot","content":""}]})"), HasSubstr("messages[0].role"));
  EXPECT_THAT(error(R"({"messages":[{"role":"user"}]})"), HasSubstr("messages[0].content is missing"));
  EXPECT_THAT(error(R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]})"),
              HasSubstr("only text parts are supported"));
  EXPECT_THAT(error(R"({"prompt":["a","b"]})"), HasSubstr("prompt: expected one text"));
  EXPECT_THAT(error(R"({"custom_id":5,"prompt":"a"})"), HasSubstr("custom_id: expected a string"));
  EXPECT_THAT(error(R"({"method":"POST","url":"/v1/embeddings","body":{}})"), HasSubstr("url: expected"));
  EXPECT_THAT(error(R"({"method":"GET","url":"/v1/completions","body":{"prompt":"a"}})"),
              HasSubstr("method: expected"));
  EXPECT_THAT(error(R"({"method":"POST","url":"/v1/completions","body":{"prompt":"a","n":0}})"),
              HasSubstr("body.n"));
}

TEST(BatchLine, KeepsTheCustomIdOfALineInError) {
  EXPECT_EQ(parse(R"({"custom_id":"q","prompt":5})").custom_id, "q");
  EXPECT_EQ(parse("nonsense").custom_id, "line-7");
}

}  // namespace
}  // namespace isobatch::openai
