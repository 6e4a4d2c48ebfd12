#include "tests/invariance/harness.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <ostream>
#include <sstream>

#include "isobatch/openai.h"

namespace isobatch::invariance {
namespace {

std::string float_difference(const char* name, const std::vector<float>& actual,
                             const std::vector<float>& expected) {
  if (actual.size() != expected.size()) {
    return fmt::format("{} {}, alone {}", actual.size(), name, expected.size());
  }
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const auto a = std::bit_cast<std::uint32_t>(actual[i]), b = std::bit_cast<std::uint32_t>(expected[i]);
    if (a != b) {
      return fmt::format("{}[{}] {} ({:08x}), alone {} ({:08x})", name, i, actual[i], a, expected[i], b);
    }
  }
  return {};
}

std::string described_constraint(const Request& request) {
  Request constrained;
  constrained.constraint = request.constraint;
  return openai::describe_options(constrained, 1);
}

std::vector<Result> finish(Engine& engine) {
  while (engine.step()) {
  }
  auto finished = engine.take_finished();
  std::ranges::sort(finished, {}, [](const auto& item) { return item.first; });
  std::vector<Result> results;
  for (auto& [id, result] : finished) results.push_back(std::move(result));
  return results;
}

}  // namespace

// All of it: equal texts are equal requests.
std::ostream& operator<<(std::ostream& out, const Request& r) {
  const Sampling& s = r.sampling;
  std::string bias;
  for (const TokenBias& b : s.logit_bias) bias += fmt::format(" {}:{}", b.token, b.bias);
  return out << fmt::format(
             "prompt {} temperature {} top_k {} top_p {} min_p {} repetition {} presence {} frequency {} "
             "bias{} "
             "seed {} choice {} max_tokens {} min_tokens {} stop {}{} logprobs {}/{} prompt_logprobs {} from "
             "{} constraint {}",
             r.prompt, s.temperature, s.top_k, s.top_p, s.min_p, s.repetition_penalty, s.presence_penalty,
             s.frequency_penalty, bias, s.seed, s.choice, r.max_tokens, r.min_tokens, r.stop,
             r.ignore_eos ? " ignore_eos" : "", r.logprobs, r.top_logprobs, r.prompt_logprobs, r.scored_from,
             described_constraint(r));
}

std::ostream& operator<<(std::ostream& out, const Scenario& scenario) {
  const Tuning& t = scenario.tuning;
  out << fmt::format(
      "model {}, table {}, threads {}, max_batch {}, max_step_rows {}, page_size {}, kv_bytes {}, kv_cache "
      "{}, "
      "prefix_cache {}, speculate {}",
      scenario.model->name, scenario.table->name, t.threads, t.max_batch, t.max_step_rows, t.page_size,
      t.kv_bytes, t.kv_cache, t.prefix_cache, t.speculate);
  for (const Arrival& arrival : scenario.arrivals) {
    out << "\n  after " << arrival.steps_before << " steps: " << arrival.request;
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const Statistics& s) {
  return out << fmt::format(
             "{} scenarios, {} requests ({} failed as they fail alone); with preemption {}, with prefix hit "
             "{}, "
             "without KV cache {}; widest decode step {} rows; {} of {} drafted tokens accepted; tables {}; "
             "threads {}; page sizes {}; {} "
             "models",
             s.scenarios, s.requests, s.failed_requests, s.with_preemption, s.with_prefix_hit,
             s.without_kv_cache, s.max_decode_rows, s.accepted_tokens, s.drafted_tokens, s.tables, s.threads,
             s.page_sizes, s.models.size());
}

std::vector<Result> Harness::run(const Scenario& scenario) {
  engine::EngineHooks hooks = variant_.hooks;
  hooks.kernels = scenario.table;
  const auto engine = make_engine_with_hooks(scenario.model->model, scenario.tuning, hooks);
  for (const Arrival& arrival : scenario.arrivals) {
    for (int i = 0; i < arrival.steps_before; ++i) engine->step();
    engine->submit(arrival.request);
  }
  std::vector<Result> results = finish(*engine);

  const EngineStats& stats = engine->stats();
  ++statistics_.scenarios;
  statistics_.requests += static_cast<int>(results.size());
  statistics_.failed_requests += static_cast<int>(
      std::ranges::count(results, FinishReason::error, [](const Result& r) { return r.finish_reason; }));
  statistics_.with_preemption += stats.preemptions > 0;
  statistics_.with_prefix_hit += stats.prefix_hit_tokens > 0;
  statistics_.without_kv_cache += !scenario.tuning.kv_cache;
  statistics_.max_decode_rows = std::max(statistics_.max_decode_rows, stats.max_decode_rows);
  statistics_.drafted_tokens += stats.drafted_tokens;
  statistics_.accepted_tokens += stats.accepted_tokens;
  statistics_.threads.insert(engine->threads());
  statistics_.page_sizes.insert(scenario.tuning.page_size);
  ++statistics_.tables[std::string(engine->kernels())];
  statistics_.models.insert(scenario.model->name);
  return results;
}

const Result& Harness::alone(const TestModelPtr& model, const Request& request) {
  std::ostringstream key;
  key << model->name << ' ' << request;
  const auto known = alone_.find(key.str());
  if (known != alone_.end()) return known->second;
  engine::EngineHooks hooks = variant_.hooks;
  hooks.kernels = variant_.tables.front();
  const auto engine = make_engine_with_hooks(model->model, Tuning{}, hooks);
  engine->submit(request);
  return alone_[key.str()] = finish(*engine).at(0);
}

std::string Harness::difference(const Scenario& scenario) {
  const std::vector<Result> results = run(scenario);
  if (results.size() != scenario.arrivals.size()) {
    return fmt::format("{} results for {} requests", results.size(), scenario.arrivals.size());
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Result& expected = alone(scenario.model, scenario.arrivals[i].request);
    const std::string found = invariance::difference(results[i], expected);
    if (!found.empty()) return fmt::format("request {}: {}", i, found);
  }
  return {};
}

std::string difference(const Result& actual, const Result& expected) {
  if (actual.digest != expected.digest) {
    return fmt::format("digest {}, alone {}", to_hex(actual.digest), to_hex(expected.digest));
  }
  if (actual.tokens != expected.tokens) {
    return fmt::format("tokens {}, alone {}", actual.tokens, expected.tokens);
  }
  if (actual.text != expected.text) return fmt::format("text '{}', alone '{}'", actual.text, expected.text);
  if (actual.finish_reason != expected.finish_reason) {
    return fmt::format("finish reason {}, alone {}", static_cast<int>(actual.finish_reason),
                       static_cast<int>(expected.finish_reason));
  }
  if (actual.error != expected.error) {
    return fmt::format("error '{}', alone '{}'", actual.error, expected.error);
  }
  if (actual.overflow != expected.overflow) {
    return fmt::format("overflow '{}', alone '{}'", actual.overflow, expected.overflow);
  }
  const std::string found = float_difference("logprobs", actual.logprobs, expected.logprobs);
  if (!found.empty()) return found;
  if (actual.prompt_greedy != expected.prompt_greedy) return "other prompt tokens are greedy";
  if (actual.top_logprobs.size() != expected.top_logprobs.size()) {
    return fmt::format("{} top_logprobs, alone {}", actual.top_logprobs.size(), expected.top_logprobs.size());
  }
  for (std::size_t i = 0; i < actual.top_logprobs.size(); ++i) {
    const auto parts = [](const std::vector<TokenLogprob>& top) {
      std::pair<std::vector<TokenId>, std::vector<float>> result;
      for (const TokenLogprob& t : top) {
        result.first.push_back(t.token);
        result.second.push_back(t.logprob);
      }
      return result;
    };
    const auto [tokens, values] = parts(actual.top_logprobs[i]);
    const auto [expected_tokens, expected_values] = parts(expected.top_logprobs[i]);
    if (tokens != expected_tokens) return fmt::format("top tokens {}, alone {}", tokens, expected_tokens);
    const std::string top = float_difference("top_logprobs", values, expected_values);
    if (!top.empty()) return top;
  }
  return float_difference("prompt_logprobs", actual.prompt_logprobs, expected.prompt_logprobs);
}

}  // namespace isobatch::invariance
