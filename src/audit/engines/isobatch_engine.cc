#include "audit/engines/isobatch_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "audit/engines/tokenize.h"
#include "audit/engines/tracing_transformer.h"
#include "engine/hooks.h"
#include "engine/model_parts.h"
#include "isobatch/error.h"
#include "isobatch/openai.h"
#include "isobatch/system.h"

namespace isobatch::audit {
namespace {

const std::map<std::string, DType, std::less<>> kDTypes = {{"native", DType::native},
                                                           {"native8", DType::native8},
                                                           {"f32", DType::f32},
                                                           {"bf16", DType::bf16},
                                                           {"f16", DType::f16}};
const std::map<std::string, KvDType, std::less<>> kKvDTypes = {
    {"bf16", KvDType::bf16}, {"f32", KvDType::f32}, {"f16", KvDType::f16}, {"q8_0", KvDType::q8_0}};

template <typename T>
T value_of(const std::map<std::string, T, std::less<>>& names, const std::string& name) {
  const auto found = names.find(name);
  if (found != names.end()) return found->second;
  throw Error(ErrorCode::invalid_argument, fmt::format("isobatch: there is no dtype '{}'", name));
}

// As a user who pads would send them.
std::vector<TokenId> pad_and_strip(const std::vector<TokenId>& tokens, std::size_t width,
                                   const Setting& setting) {
  const std::size_t padding = width - tokens.size();
  if (padding == 0) return tokens;
  std::vector<TokenId> ids(width, setting.padding_value.value_or(0));
  std::vector<int> mask(width, 0);
  const std::size_t first = setting.padding_side == PaddingSide::left ? padding : 0;
  std::ranges::copy(tokens, ids.begin() + first);
  std::fill_n(mask.begin() + first, tokens.size(), 1);
  const nlohmann::json line = {{"input_ids", ids}, {"attention_mask", mask}};
  openai::BatchLine read = openai::parse_batch_line(line.dump(), 1, {});
  if (!read.error.empty()) throw Error(ErrorCode::invalid_argument, "isobatch: " + read.error);
  return std::get<std::vector<TokenId>>(std::move(read.prompt));
}

std::vector<float> margins_of(const Result& result) {
  std::vector<float> margins;
  for (const auto& top : result.top_logprobs) {
    if (top.size() < 2) return {};
    margins.push_back(top[0].logprob - top[1].logprob);
  }
  return margins;
}

Answer to_answer(Result result, const std::string& prompt) {
  if (result.finish_reason == FinishReason::error) {
    throw Error(ErrorCode::unsupported, fmt::format("isobatch: {}: {}", prompt, result.error));
  }
  Answer answer;
  answer.margins = margins_of(result);
  answer.tokens = std::move(result.tokens);
  answer.text = std::move(result.text);
  answer.stopped = result.finish_reason == FinishReason::stop;
  answer.logits = std::move(result.logits);
  return answer;
}

}  // namespace

IsobatchEngine::IsobatchEngine(const EngineOptions& options) : options_(options) {
  base_ = Model::load(options.model, Semantics{});
  const ModelInfo& model = base_->info();
  info_.name = "isobatch";
  info_.version = std::string(version());
  info_.model = model.name;
  info_.dtypes = {"native", "native8", "f32", "bf16", "f16"};
  info_.kv_dtypes = {"default", "f32", "f16", "bf16", "q8_0"};
  for (int factor = 0; factor < kFactors; ++factor) info_.factors.insert(static_cast<Factor>(factor));
  info_.tokens = info_.logits = info_.traces = true;
  info_.vocab_size = model.vocab_size;
  const Engine engine(base_, tuning({}, 1));
  info_.threads = engine.threads();
  info_.details = {{"file", options.model.filename().string()},
                   {"weights", model.weight_types},
                   {"fingerprint", base_->fingerprint()},
                   {"kernels", std::string(engine.kernels())}};
}

std::vector<TokenId> IsobatchEngine::tokenize(const Prompt& prompt) {
  return audit::tokenize(prompt, *base_);
}

const IsobatchEngine::ModelPtr& IsobatchEngine::model(const std::string& dtype, const std::string& kv_dtype) {
  const bool own_dtype = dtype.empty() || dtype == info_.dtypes[0];
  const bool own_kv = kv_dtype.empty() || kv_dtype == info_.kv_dtypes[0];
  if (own_dtype && own_kv) return base_;
  const std::pair key(dtype, kv_dtype);
  if (!other_.second || other_.first != key) {
    clear_prefix_cache();  // its engine holds the model
    other_ = {};           // before the next one: two models are enough in memory
    Semantics semantics;
    if (!own_dtype) semantics.dtype = value_of(kDTypes, dtype);
    if (!own_kv) semantics.kv_dtype = value_of(kKvDTypes, kv_dtype);
    other_ = {key, Model::load(options_.model, semantics)};
  }
  return other_.second;
}

Tuning IsobatchEngine::tuning(const Setting& setting, std::size_t rows) const {
  Tuning tuning;
  tuning.threads = setting.threads > 0 ? setting.threads : options_.threads;
  tuning.max_batch = static_cast<int>(std::max<std::size_t>(rows, 1));
  if (setting.prefill_chunk > 0) tuning.max_step_rows = setting.prefill_chunk;
  tuning.kv_cache = setting.kv_cache;
  tuning.prefix_cache = setting.prefix_cache;
  return tuning;
}

std::vector<Answer> IsobatchEngine::generate(const Batch& batch, const Setting& setting) {
  const ModelPtr& used = model(setting.dtype, setting.kv_dtype);
  // Tuning is what an engine is made with; the rest of the setting is in the requests.
  const auto wanted = std::tuple(used, setting.threads, setting.prefill_chunk, setting.kv_cache,
                                 setting.prefix_cache, batch.rows.size());
  if (!kept_ || wanted != kept_for_) {
    kept_.reset();
    kept_ = std::make_unique<Engine>(used, tuning(setting, batch.rows.size()));
    kept_for_ = wanted;
  }
  try {
    return run(*kept_, batch, setting);
  } catch (...) {
    clear_prefix_cache();  // what is left of the batch must not go on in the next
    throw;
  }
}

void IsobatchEngine::clear_prefix_cache() {
  kept_.reset();
  kept_for_ = {};
}

std::vector<Answer> IsobatchEngine::run(Engine& engine, const Batch& batch, const Setting& setting) const {
  std::size_t width = 0;
  for (const Row& row : batch.rows) width = std::max(width, row.tokens.size() + setting.extra_padding);
  std::map<Engine::RequestId, std::size_t> index;
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    const Row& row = batch.rows[i];
    Request request;
    request.prompt = pad_and_strip(row.tokens, width, setting);
    request.max_tokens = row.max_tokens;
    request.ignore_eos = row.ignore_eos;
    request.logits = batch.logits_steps;
    request.top_logprobs = 2;
    index[engine.submit(std::move(request))] = i;
  }
  std::vector<Answer> answers(batch.rows.size());
  while (engine.step()) {
    for (auto& [id, result] : engine.take_finished()) {
      const Row& row = batch.rows[index.at(id)];
      answers[index.at(id)] = to_answer(std::move(result), row.prompt ? row.prompt->id : "a row");
    }
  }
  return answers;
}

Trace IsobatchEngine::trace(const Batch& batch, int row, const Setting& setting, int steps) {
  const ModelPtr& used = model(setting.dtype, setting.kv_dtype);
  const model::Transformer& transformer = *used->parts().transformer;
  RequestRecorder recorder(transformer.info().layers, row, static_cast<int>(batch.rows.at(row).tokens.size()),
                           steps);
  engine::EngineHooks hooks;
  hooks.transformer = std::make_shared<TracingTransformer>(transformer, recorder);
  Setting uncached = setting;
  uncached.prefix_cache = false;  // what a hit skips has no operations
  const auto engine =
      engine::make_engine_with_hooks(used, tuning(uncached, batch.rows.size()), std::move(hooks));
  Batch cut = batch;
  cut.logits_steps = 0;
  for (Row& r : cut.rows) {
    r.max_tokens = std::max(2, steps);  // no row may finish in its prefill
    r.ignore_eos = true;
  }
  run(*engine, cut, uncached);
  return recorder.take();
}

}  // namespace isobatch::audit
