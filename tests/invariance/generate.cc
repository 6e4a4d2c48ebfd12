#include "tests/invariance/generate.h"

#include <algorithm>

#include "isobatch/openai.h"
#include "tests/support/random.h"

namespace isobatch::invariance {
namespace {

constexpr int kFamilies = 3;  // of prompts with a common text

TokenId ordinary_token(const TestModel& model, std::uint64_t number) {
  const TokenId token = static_cast<TokenId>(3 + number % (model.vocab_size() - 3));
  return token == model.overflow_token ? 3 : token;
}

// Families differ in their first token alone: the pages behind it hold equal tokens after another beginning.
std::vector<TokenId> common_text(const TestModel& model, int family, int length) {
  test::Random random(99);
  std::vector<TokenId> tokens;
  for (int i = 0; i < length; ++i) tokens.push_back(ordinary_token(model, random.next()));
  if (!tokens.empty()) tokens[0] = ordinary_token(model, family);
  return tokens;
}

// Short ones, and lengths around the edges of blocks and pages.
int draw_length(int max) {
  const int length = *rc::gen::weightedOneOf<int>(
      {{1, rc::gen::inRange(1, 6)},
       {2, rc::gen::element(31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128, 129, 140)},
       {2, rc::gen::resize(rc::kNominalSize, rc::gen::inRange(1, 150))}});
  return std::min(length, max);
}

std::vector<TokenId> draw_prompt(const TestModel& model, int max) {
  std::vector<TokenId> prompt = common_text(model, pick(0, kFamilies), draw_length(max));
  const int tail = *rc::gen::element(0, 0, 1, 2, 7, 20);
  for (int i = 0; i < tail && static_cast<int>(prompt.size()) < max; ++i) {
    prompt.push_back(ordinary_token(model, pick(0, 1 << 20)));
  }
  if (model.overflow_token >= 0 && *rc::gen::weightedElement<bool>({{2, false}, {1, true}})) {
    prompt[pick<std::size_t>(0, prompt.size())] = model.overflow_token;
  }
  return prompt;
}

void draw_adjustments(const TestModel& model, Sampling& sampling) {
  sampling.repetition_penalty = *rc::gen::element(1.0f, 1.3f, 0.8f);
  sampling.presence_penalty = *rc::gen::element(0.0f, 0.5f, -0.5f);
  sampling.frequency_penalty = *rc::gen::element(0.0f, 0.4f, -0.2f);
  TokenId token = 0;
  for (int i = pick(0, 4); i > 0; --i) {
    token += pick(1, model.vocab_size() / 4);
    sampling.logit_bias.push_back({token, *rc::gen::element(-100.0f, -1.5f, 2.0f)});
  }
}

Sampling draw_sampling(const TestModel& model) {
  Sampling sampling;
  sampling.temperature = *rc::gen::element(0.0f, 0.7f, 1.5f);
  sampling.top_k = *rc::gen::element(0, 5, 40);
  sampling.top_p = *rc::gen::element(1.0f, 0.9f, 0.3f);
  sampling.min_p = *rc::gen::element(0.0f, 0.0f, 0.05f);
  sampling.seed = pick(0, 4);
  sampling.choice = pick(0, 2);
  if (*rc::gen::weightedElement<bool>({{2, false}, {1, true}})) draw_adjustments(model, sampling);
  return sampling;
}

Constraint draw_constraint() {
  static const std::vector<Constraint> constraints = [] {
    const auto schema = [](std::string_view text) {
      return Constraint{.schema = std::make_shared<const Value>(openai::parse_value(text))};
    };
    return std::vector<Constraint>{
        {.regex = "[a-z ]{3,60}"},
        {.regex = "(yes|no)(, because [a-z ,]{5,40})?"},
        {.regex = "(\\d{3},)*\\d+|(ab|ba)+"},
        {.choices = {"the", "then", "there are"}},
        schema(R"({"type":"array","items":{"type":"string","maxLength":6},"minItems":2})"),
        schema(
            R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"enum":["x","yy"]}},"required":["b"]})"),
        schema(R"({"$ref":"#/$defs/t","$defs":{"t":{"anyOf":[{"type":"null"},{"type":"array",)"
               R"("items":{"$ref":"#/$defs/t"}}]}}})")};
  }();
  return *rc::gen::elementOf(constraints);
}

// Pages for the largest request, and a few more: the others must wait or be preempted.
std::size_t draw_kv_bytes(const Scenario& scenario) {
  std::size_t positions = 0;
  for (const Arrival& a : scenario.arrivals) {
    positions = std::max(positions, a.request.prompt.size() + a.request.max_tokens);
  }
  const int page_size = scenario.tuning.page_size;
  const std::size_t pages = (positions + page_size - 1) / page_size + *rc::gen::element(0, 0, 1, 3);
  return pages * scenario.model->page_bytes(page_size);
}

}  // namespace

TestModelPtr draw_random_model() {
  const std::string_view name = *rc::gen::elementOf(random_model_names());
  const DType dtype = *rc::gen::element(DType::native, DType::native, DType::native8, DType::native8,
                                        DType::bf16, DType::f32, DType::f16);
  return random_model(name, dtype,
                      *rc::gen::element(KvDType::bf16, KvDType::f16, KvDType::f32, KvDType::q8_0));
}

Request draw_request(const TestModel& model, const Choices& choices) {
  Request request;
  request.prompt = draw_prompt(model, choices.max_prompt);
  request.max_tokens = pick(1, choices.max_new_tokens + 1);
  request.sampling = draw_sampling(model);
  request.min_tokens =
      *rc::gen::weightedElement<bool>({{3, false}, {1, true}}) ? pick(0, request.max_tokens + 1) : 0;
  request.ignore_eos = *rc::gen::arbitrary<bool>();
  request.logprobs = *rc::gen::arbitrary<bool>();
  request.top_logprobs = *rc::gen::element(0, 0, 3, 20);
  request.prompt_logprobs = choices.scoring && *rc::gen::weightedElement<bool>({{3, false}, {1, true}});
  if (request.prompt_logprobs) {
    const int length = static_cast<int>(request.prompt.size());
    request.scored_from = *rc::gen::element(1, pick(1, length + 1));
    const bool only_scores = request.scored_from < length && *rc::gen::element(false, true);
    if (only_scores) request.max_tokens = request.min_tokens = 0;
  }
  request.stop =
      *rc::gen::weightedElement<std::vector<std::string>>({{3, {}}, {1, {"e"}}, {1, {"ing", " the", "zz"}}});
  if (*rc::gen::weightedElement<bool>({{3, false}, {1, true}})) request.constraint = draw_constraint();
  return request;
}

Scenario draw_scenario(const Choices& choices) {
  Scenario scenario;
  scenario.model = choices.model();
  scenario.table = *rc::gen::elementOf(choices.tables);
  Tuning& tuning = scenario.tuning;
  tuning.threads = pick(1, 5);
  tuning.max_batch = *rc::gen::element(1, 2, 3, 5, 64, 64);
  tuning.max_step_rows = *rc::gen::element(1, 2, 5, 8, 17, 32, 33, 64, 100, 512);
  tuning.page_size = *rc::gen::element(32, 64, 96, 128);
  tuning.kv_cache = *rc::gen::weightedElement<bool>({{6, true}, {1, false}});
  tuning.prefix_cache = *rc::gen::weightedElement<bool>({{3, true}, {1, false}});
  if (choices.speculating) tuning.speculate = *rc::gen::element(0, 0, 1, 3, 8);
  Choices per_request = choices;
  if (!tuning.kv_cache) per_request.max_new_tokens = std::min(per_request.max_new_tokens, 6);
  const int requests = pick(2, choices.max_requests + 1);
  for (int i = 0; i < requests; ++i) {
    scenario.arrivals.push_back(
        {draw_request(*scenario.model, per_request), *rc::gen::element(0, 0, 1, 3, 8)});
  }
  const bool scarce = *rc::gen::weightedElement<bool>({{3, true}, {1, false}});
  tuning.kv_bytes = scarce ? draw_kv_bytes(scenario) : 0;
  return scenario;
}

rc::Gen<Scenario> scenarios(const Choices& choices) {
  return rc::gen::exec([choices] { return draw_scenario(choices); });
}

}  // namespace isobatch::invariance
