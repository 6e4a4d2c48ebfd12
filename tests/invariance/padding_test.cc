// Padding on either side, with any value, changes nothing: it is stripped at the door.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "isobatch/openai.h"
#include "tests/invariance/generate.h"
#include "tests/invariance/property.h"

namespace isobatch::invariance {
namespace {

// A batch line in the form of padded tensors.
std::string padded_line(const std::vector<TokenId>& prompt, int left, int right, TokenId value) {
  std::vector<TokenId> ids(left, value), mask(left, 0);
  ids.insert(ids.end(), prompt.begin(), prompt.end());
  mask.resize(ids.size(), 1);
  ids.resize(ids.size() + right, value);
  mask.resize(ids.size(), 0);
  return fmt::format(R"({{"input_ids": [{}], "attention_mask": [{}]}})", fmt::join(ids, ","),
                     fmt::join(mask, ","));
}

TEST(Padding, EitherSideAndAnyValueChangeNothing) {
  Harness harness;
  expect_holds(60, [&] {
    Scenario scenario = draw_scenario({.model = draw_random_model, .max_requests = 6});
    std::size_t longest = 0;
    for (const Arrival& a : scenario.arrivals) longest = std::max(longest, a.request.prompt.size());
    const TokenId end = scenario.model->vocab_size();
    const TokenId value = *rc::gen::element<TokenId>(0, 1, 2, end - 1, end, -1, -100);
    for (Arrival& arrival : scenario.arrivals) {
      const std::vector<TokenId> prompt = arrival.request.prompt;
      const int padding = static_cast<int>(longest - prompt.size());
      const int left = pick(0, padding + 1);
      const auto line =
          openai::parse_batch_line(padded_line(prompt, left, padding - left, value), 1, arrival.request);
      RC_ASSERT(line.error == "");
      arrival.request = line.request;
      arrival.request.prompt = openai::tokenize_prompt(line.prompt, *scenario.model->model, false);
      RC_ASSERT(arrival.request.prompt == prompt);
    }
    const std::string difference = harness.difference(scenario);
    if (!difference.empty()) RC_FAIL(difference);
  });
}

}  // namespace
}  // namespace isobatch::invariance
