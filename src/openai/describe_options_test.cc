#include <gtest/gtest.h>

#include "isobatch/openai.h"

namespace isobatch::openai {
namespace {

TEST(DescribeOptions, NothingIsSaidOfDefaults) { EXPECT_EQ(describe_options({}, 1), "{}"); }

TEST(DescribeOptions, ReadAsABodyTheyAreTheSameRequest) {
  Request request;
  request.max_tokens = 9;
  request.min_tokens = 3;
  request.stop = {"\n", "é"};
  request.ignore_eos = true;
  request.logprobs = true;
  request.top_logprobs = 4;
  request.sampling = {.temperature = 0.1f,
                      .top_k = 5,
                      .top_p = 0.9f,
                      .min_p = 1e-30f,
                      .repetition_penalty = 1.1f,
                      .presence_penalty = -0.3f,
                      .frequency_penalty = 1.0f / 3,
                      .logit_bias = {{7, -100}, {12, 0.7f}},
                      .seed = ~std::uint64_t(0)};
  const std::string options = describe_options(request, 3);
  const BatchLine line = parse_batch_line("{\"prompt\":\"p\"," + options.substr(1), 1, Request{});
  ASSERT_EQ(line.error, "");
  EXPECT_EQ(line.choices, 3);
  EXPECT_EQ(describe_options(line.request, line.choices), options);
  EXPECT_EQ(line.request.sampling.logit_bias, request.sampling.logit_bias);
  EXPECT_EQ(line.request.sampling.temperature, request.sampling.temperature);
  EXPECT_EQ(line.request.sampling.min_p, request.sampling.min_p);
  EXPECT_EQ(line.request.sampling.frequency_penalty, request.sampling.frequency_penalty);
  EXPECT_EQ(line.request.stop, request.stop);
}

}  // namespace
}  // namespace isobatch::openai
