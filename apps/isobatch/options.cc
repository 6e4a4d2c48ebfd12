#include "options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cfloat>
#include <climits>
#include <filesystem>
#include <map>

#include "model_path.h"
#include "progress.h"

namespace isobatch::cli {
namespace {

const std::map<std::string, DType> kDTypes = {{"bf16", DType::bf16},
                                              {"f16", DType::f16},
                                              {"f32", DType::f32},
                                              {"native", DType::native},
                                              {"native8", DType::native8}};
const std::map<std::string, Quantize> kQuantize = {{"q4_0", Quantize::q4_0}, {"q8_0", Quantize::q8_0}};
const std::map<std::string, KvDType> kKvDTypes = {
    {"bf16", KvDType::bf16}, {"f16", KvDType::f16}, {"f32", KvDType::f32}, {"q8_0", KvDType::q8_0}};

// An option whose values are the names in `names`.
template <typename T, typename Target>
void add_named(CLI::App& app, const std::string& flag, const std::map<std::string, T>& names, Target& target,
               const std::string& help) {
  app.add_option_function<std::string>(
         flag, [&names, &target](const std::string& name) { target = names.at(name); }, help)
      ->check(CLI::IsMember(&names));
}

template <typename T>
CLI::Validator accept(std::string expected, bool (*fits)(T)) {
  const auto check = [=](std::string& text) {
    T value{};
    if (CLI::detail::lexical_cast(text, value) && fits(value)) return std::string();
    return fmt::format("expected {}, got {}", expected, text);
  };
  return CLI::Validator(check, "");
}

// CLI11 wraps a negative number into an unsigned one.
std::string refuse_sign(const std::string& text) {
  return text.starts_with('-') ? fmt::format("expected a number of at least 0, got {}", text) : std::string();
}

// TOKEN:BIAS, as often as there are tokens.
void add_logit_bias(CLI::App& app, Sampling& sampling) {
  const auto read = [&sampling](const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      const std::size_t colon = std::min(value.find(':'), value.size());
      TokenBias bias;
      if (!CLI::detail::lexical_cast(value.substr(0, colon), bias.token) || bias.token < 0 ||
          colon == value.size() || !CLI::detail::lexical_cast(value.substr(colon + 1), bias.bias)) {
        throw CLI::ValidationError("--logit-bias", fmt::format("expected TOKEN:BIAS, got {}", value));
      }
      sampling.logit_bias.push_back(bias);
    }
    std::ranges::stable_sort(sampling.logit_bias, {}, &TokenBias::token);
  };
  app.add_option_function<std::vector<std::string>>("--logit-bias", read, "TOKEN:BIAS added to that logit")
      ->take_all()
      ->allow_extra_args(false);
}

}  // namespace

CLI::Validator integer_in(int least, int most) {
  const auto check = [=](std::string& text) {
    int value = 0;
    if (CLI::detail::lexical_cast(text, value) && value >= least && value <= most) return std::string();
    return fmt::format("expected an integer from {} to {}, got {}", least, most, text);
  };
  return CLI::Validator(check, "");
}

void add_model_options(CLI::App& app, ModelOptions& options) {
  app.add_option("-m,--model", options.model,
                 "GGUF file, Hugging Face directory, or smollm2 for the cached default model")
      ->capture_default_str();
  add_named(
      app, "--dtype", kDTypes, options.semantics.dtype,
      "native (packed weights, 12-bit activations, the default), native8 (8-bit activations), bf16, f16 or "
      "f32");
  add_named(app, "--kv-dtype", kKvDTypes, options.semantics.kv_dtype,
            "f32, f16, bf16 or q8_0 (default: by --dtype)");
  add_named(app, "--quantize", kQuantize, options.semantics.quantize,
            "float weights to q8_0 or q4_0 when they are loaded");
  app.add_option("--context", options.semantics.context, "positions per request (default: the model's)")
      ->check(integer_in(1, INT_MAX));
  app.add_option("--packed-cache", options.packed_cache,
                 "folder that keeps packed weights, so that the next load maps them");
}

void add_threads_option(CLI::App& app, Tuning& tuning) {
  app.add_option("--threads", tuning.threads, "threads (default: the CPUs it may use)")
      ->check(integer_in(1, 1024));
}

void add_kernels_option(CLI::App& app, Tuning& tuning) {
  app.add_option("--kernels", tuning.kernels, "kernel table; see isobatch info")->capture_default_str();
}

void add_speculate_option(CLI::App& app, Tuning& tuning) {
  app.add_option("--speculate", tuning.speculate,
                 "most tokens a request guesses from its own text and verifies in a step; 0: off; same bits")
      ->check(integer_in(0, 1024))
      ->capture_default_str();
}

std::string describe_drafts(const EngineStats& stats) {
  if (stats.drafted_tokens == 0) return {};
  return fmt::format(", {} of {} drafted tokens accepted", stats.accepted_tokens, stats.drafted_tokens);
}

void add_chunk_option(CLI::App& app, Tuning& tuning) {
  app.add_option("--chunk", tuning.max_step_rows, "most tokens in one forward pass")
      ->check(integer_in(1, 1 << 20))
      ->capture_default_str();
}

void add_tuning_options(CLI::App& app, Tuning& tuning) {
  add_threads_option(app, tuning);
  add_kernels_option(app, tuning);
  add_chunk_option(app, tuning);
  app.add_option("--page-size", tuning.page_size, "positions in a KV page, a multiple of 32")
      ->check(integer_in(32, 1 << 20))
      ->capture_default_str();
  app.add_option("--kv-memory", tuning.kv_bytes, "KV pool: 512M, 2G (default: by memory and job)")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->transform(CLI::Validator(refuse_sign, ""))  // runs before the one above
      ->type_name("SIZE");
  add_speculate_option(app, tuning);
  app.add_flag_callback(
      "--no-kv-cache", [&tuning] { tuning.kv_cache = false; },
      "recompute everything for each token; same bits");
  app.add_flag_callback(
      "--no-prefix-cache", [&tuning] { tuning.prefix_cache = false; },
      "do not share equal prompt prefixes; same bits");
}

void add_request_options(CLI::App& app, Request& request) {
  Sampling& sampling = request.sampling;
  app.add_option("--max-tokens", request.max_tokens, "most new tokens")
      ->check(integer_in(1, INT_MAX))
      ->capture_default_str();
  app.add_option("--temperature", sampling.temperature, "0: greedy")
      ->check(accept<float>("a finite number of at least 0", [](float x) { return x >= 0 && x <= FLT_MAX; }))
      ->capture_default_str();
  app.add_option("--top-k", sampling.top_k, "0: off")->check(integer_in(0, INT_MAX))->capture_default_str();
  app.add_option("--top-p", sampling.top_p, "1: off")
      ->check(accept<float>("a number above 0, at most 1", [](float x) { return x > 0 && x <= 1; }))
      ->capture_default_str();
  app.add_option("--min-p", sampling.min_p, "0: off")
      ->check(accept<float>("a number from 0 to 1", [](float x) { return x >= 0 && x <= 1; }))
      ->capture_default_str();
  app.add_option("--repetition-penalty", sampling.repetition_penalty,
                 "divides the logits of tokens that occur, 1: off")
      ->check(accept<float>("a finite number above 0", [](float x) { return x > 0 && x <= FLT_MAX; }))
      ->capture_default_str();
  const auto from_minus_2_to_2 =
      accept<float>("a number from -2 to 2", [](float x) { return x >= -2 && x <= 2; });
  app.add_option("--presence-penalty", sampling.presence_penalty,
                 "off the logits of tokens generated, 0: off")
      ->check(from_minus_2_to_2)
      ->capture_default_str();
  app.add_option("--frequency-penalty", sampling.frequency_penalty, "the same, for each time, 0: off")
      ->check(from_minus_2_to_2)
      ->capture_default_str();
  add_logit_bias(app, sampling);
  app.add_option("--seed", sampling.seed, "of the sampler")
      ->check(CLI::Validator(refuse_sign, ""))
      ->capture_default_str();
  app.add_option("--stop", request.stop, "end before this text; may be given several times")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--min-tokens", request.min_tokens, "no end before so many new tokens")
      ->check(integer_in(0, INT_MAX))
      ->capture_default_str();
  app.add_option_function<int>(
         "--logprobs",
         [&request](int top) {
           request.logprobs = true;
           request.top_logprobs = top;
         },
         "log-probabilities of the tokens, and of so many likeliest ones")
      ->check(integer_in(0, kMaxTopLogprobs));
  add_constraint_options(app, request.constraint);
  app.add_flag("--ignore-eos", request.ignore_eos, "go on after an end token");
}

std::shared_ptr<const Model> load_model(const ModelOptions& options) {
  const std::filesystem::path path = find_model(options.model);
  ProgressBar bar("loading", 1000);
  return Model::load(path, options.semantics,
                     {.progress = [&bar](double fraction) { bar.update(std::size_t(fraction * 1000)); },
                      .packed_cache = options.packed_cache});
}

}  // namespace isobatch::cli
