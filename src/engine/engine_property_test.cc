// Whatever runs beside it and however the engine is tuned, a request gets what it gets alone.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "engine/engine_test_support.h"

namespace isobatch::engine {
namespace {

constexpr int kContext = 192;

// The whole range from the first case on; inRange begins with small values.
template <typename T>
T pick(T low, T high) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(low, high));
}

std::vector<TokenId> gen_prompt() {
  // Few token values and common beginnings, so that prefixes meet.
  std::vector<TokenId> prompt(pick(1, 150));
  const int period = pick(1, 3);
  for (std::size_t i = 0; i < prompt.size(); ++i) prompt[i] = 2 + static_cast<TokenId>(i) % period;
  if (*rc::gen::arbitrary<bool>()) prompt[pick<std::size_t>(0, prompt.size())] = 9;
  return prompt;
}

Request gen_request() {
  Request request;
  request.prompt = gen_prompt();
  request.max_tokens = pick(1, 60);
  request.ignore_eos = *rc::gen::arbitrary<bool>();
  request.logprobs = *rc::gen::arbitrary<bool>();
  request.prompt_logprobs = *rc::gen::weightedElement<bool>({{3, false}, {1, true}});
  if (*rc::gen::arbitrary<bool>()) request.stop = {" 40", "z", "ab"};
  request.sampling.temperature = *rc::gen::element(0.0f, 0.5f, 2.0f);
  request.sampling.top_k = *rc::gen::element(0, 5);
  request.sampling.seed = pick(0, 3);
  return request;
}

// Each token tends to be followed by the same one, so texts repeat themselves and drafts are accepted.
void repetitive_logits(std::span<const TokenId> tokens, float* logits) {
  std::uint64_t h = 1;
  for (TokenId token : tokens) h = (h ^ static_cast<std::uint64_t>(token)) * 0x9e3779b97f4a7c15u;
  for (int v = 0; v < kFakeVocab; ++v) {
    logits[v] = static_cast<float>((h ^ h >> 29) * (2 * v + 1) >> 40) * 0x1p-23f;
  }
  logits[2 + tokens.back() * 5 % 7] += 2;
}

std::size_t page_bytes(int page_size) {
  return FakeTransformer().kv_layout(KvDType::f32, page_size).page_bytes();
}

RC_GTEST_PROP(EngineProperty, ARequestGetsWhatItGetsAlone, ()) {
  const auto model = make_fake_model(kContext);
  auto transformer = std::make_shared<FakeTransformer>();
  Tuning tuning;
  tuning.threads = pick(1, 5);
  tuning.max_batch = pick(1, 9);
  tuning.max_step_rows = *rc::gen::element(1, 3, 7, 32, 100, 512);
  tuning.page_size = *rc::gen::element(32, 64, 96);
  tuning.kv_cache = *rc::gen::weightedElement<bool>({{4, true}, {1, false}});
  tuning.prefix_cache = *rc::gen::arbitrary<bool>();
  tuning.speculate = *rc::gen::element(0, 0, 1, 3, 40);
  const int full = (kContext + tuning.page_size - 1) / tuning.page_size;
  tuning.kv_bytes = page_bytes(tuning.page_size) * (full + pick(0, 12));
  // Without the KV cache a request finds its own later tokens behind the rows of a chunk, and rejected drafts
  // leave theirs.
  transformer->reads_stale_memory = tuning.kv_cache && tuning.speculate == 0;
  if (*rc::gen::arbitrary<bool>()) transformer->logits = repetitive_logits;
  EngineHooks hooks;
  hooks.transformer = transformer;
  hooks.kernels = &fake_kernels();
  if (*rc::gen::arbitrary<bool>()) hooks.prefix_hash = [](auto...) { return std::uint64_t{1}; };

  const auto engine = make_engine_with_hooks(model, tuning, hooks);
  const int requests = pick(1, 12);
  std::vector<Request> asked;
  std::vector<std::string> streamed(requests);
  for (int i = 0; i < requests; ++i) {
    asked.push_back(gen_request());
    engine->submit(asked.back(), [&streamed, i](std::string_view piece) { streamed[i] += piece; });
    const int steps = pick(0, 4);
    for (int s = 0; s < steps; ++s) engine->step();
  }
  const std::vector<Result> results = run_all(*engine);
  RC_ASSERT(results.size() == asked.size());
  RC_CLASSIFY(engine->stats().preemptions > 0, "preempted");
  RC_CLASSIFY(engine->stats().accepted_tokens > 0, "draft accepted");
  RC_CLASSIFY(engine->stats().accepted_tokens < engine->stats().drafted_tokens, "draft rejected");
  RC_CLASSIFY(engine->stats().prefix_hit_tokens > 0, "prefix hit");
  for (int i = 0; i < requests; ++i) {
    RC_ASSERT(same(results[i], run_alone(model, asked[i], hooks)));
    RC_ASSERT(streamed[i] == results[i].text);
  }
}

// A text scored afterwards has the log-probabilities that were seen while it was generated.
RC_GTEST_PROP(EngineProperty, ScoringAgreesWithGenerating, ()) {
  const auto model = make_fake_model(kContext);
  EngineHooks hooks;
  hooks.kernels = &fake_kernels();
  Request request = gen_request();
  request.logprobs = true;
  request.ignore_eos = true;
  request.stop.clear();
  const Result generated = run_alone(model, request, hooks);
  Request scoring;
  scoring.prompt = request.prompt;
  scoring.prompt.insert(scoring.prompt.end(), generated.tokens.begin(), generated.tokens.end() - 1);
  scoring.max_tokens = 1;
  scoring.prompt_logprobs = true;
  const Result scored = run_alone(model, scoring, hooks);
  RC_ASSERT(scored.prompt_logprobs.size() == scoring.prompt.size() - 1);
  for (std::size_t i = 0; i + 1 < generated.tokens.size(); ++i) {
    RC_ASSERT(scored.prompt_logprobs[request.prompt.size() - 1 + i] == generated.logprobs[i]);
  }
}

}  // namespace
}  // namespace isobatch::engine
