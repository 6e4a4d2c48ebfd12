// One prompt, streamed to stdout.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "isobatch/engine.h"
#include "isobatch/openai.h"
#include "options.h"

namespace isobatch::cli {
namespace {

struct Options {
  ModelOptions model;
  Tuning tuning;
  Request request;
  std::string prompt;
  bool raw = false;
  bool json = false;
};

std::string read_stdin() {
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  if (text.ends_with('\n')) text.pop_back();  // what `echo` adds is not part of the prompt
  return text;
}

void print_json(const Model& model, std::size_t prompt_tokens, const Result& result) {
  nlohmann::ordered_json json = {
      {"text", result.text},
      {"finish_reason", result.finish_reason == FinishReason::stop ? "stop" : "length"},
      {"usage", {{"prompt_tokens", prompt_tokens}, {"completion_tokens", result.tokens.size()}}},
      {"system_fingerprint", model.fingerprint()},
      {"isobatch", {{"digest", to_hex(result.digest)}, {"token_ids", result.tokens}}},
  };
  if (!result.logprobs.empty()) {
    const openai::Responder responder{{}, {}, [&model](TokenId token) { return model.token_bytes(token); }};
    json["logprobs"] = nlohmann::ordered_json::parse(openai::logprobs_json(result, responder));
  }
  fmt::print("{}\n", json.dump(2));
}

int generate(const Options& options) {
  const std::string text = options.prompt == "-" ? read_stdin() : options.prompt;
  const auto model = load_model(options.model);
  Request request = options.request;
  request.prompt =
      openai::tokenize_prompt(chat_of(std::vector<ChatMessage>{{"user", text}}), *model, options.raw);
  const std::size_t prompt_tokens = request.prompt.size();

  Tuning tuning = options.tuning;
  tuning.max_batch = 1;
  Engine engine(model, tuning);
  Engine::OnText on_text;
  if (!options.json) {
    on_text = [](std::string_view piece) {
      std::fwrite(piece.data(), 1, piece.size(), stdout);
      std::fflush(stdout);
    };
  }
  const auto start = std::chrono::steady_clock::now();
  engine.submit(std::move(request), on_text);
  while (engine.step()) {
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Result result = engine.take_finished().at(0).second;
  if (!result.overflow.empty() && result.finish_reason != FinishReason::error) {
    fmt::print(stderr, "isobatch: beyond the range of f16 from here on: {}\n", result.overflow);
  }
  if (result.finish_reason == FinishReason::error) {
    fmt::print(stderr, "isobatch: {}\n", result.error);
    return kSomeFailed;
  }
  if (options.json) {
    print_json(*model, prompt_tokens, result);
  } else {
    fmt::print("\n");
    std::fflush(stdout);
    fmt::print(stderr, "[{} + {} tokens in {:.2f} s{}, digest {}]\n", prompt_tokens, result.tokens.size(),
               seconds, describe_drafts(engine.stats()), to_hex(result.digest));
  }
  return kAnswered;
}

}  // namespace

void add_generate(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("generate", "Answer one prompt, streamed to stdout");
  command->add_option("-p,--prompt", options->prompt, "the prompt; - reads it from stdin")->required();
  command->add_flag("--raw", options->raw, "no chat template");
  command->add_flag("--json", options->json, "one JSON object at the end instead of the stream");
  add_model_options(*command, options->model);
  add_request_options(*command, options->request);
  add_tuning_options(*command, options->tuning);
  command->callback([options, &run] { run = [options] { return generate(*options); }; });
}

}  // namespace isobatch::cli
