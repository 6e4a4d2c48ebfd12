#include "engine/sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "isobatch/error.h"
#include "sample/sampler.h"
#include "text/utf8.h"

namespace isobatch::engine {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::invalid_argument, "request: " + message);
}

void validate(const Request& request, int vocab_size, int context) {
  if (request.prompt.empty()) refuse("the prompt has no tokens, but needs at least 1");
  // The last token of a prompt that is only scored needs no position.
  if (request.prompt.size() > static_cast<std::size_t>(context) + (request.max_tokens == 0 ? 1 : 0)) {
    refuse(fmt::format("the prompt has {} tokens, but the context has {} positions", request.prompt.size(),
                       context));
  }
  for (std::size_t i = 0; i < request.prompt.size(); ++i) {
    if (request.prompt[i] >= 0 && request.prompt[i] < vocab_size) continue;
    refuse(fmt::format("token {} of the prompt is {}, but must be from 0 to {}", i, request.prompt[i],
                       vocab_size - 1));
  }
  if (request.max_tokens < 0)
    refuse(fmt::format("max_tokens must be at least 0, but is {}", request.max_tokens));
  if (request.max_tokens == 0 &&
      (!request.prompt_logprobs || static_cast<std::size_t>(request.scored_from) >= request.prompt.size())) {
    refuse("max_tokens may be 0 only where a token of the prompt is scored");
  }
  if (request.min_tokens < 0 || request.min_tokens > request.max_tokens) {
    refuse(fmt::format("min_tokens must be from 0 to max_tokens, {}, but is {}", request.max_tokens,
                       request.min_tokens));
  }
  if (request.top_logprobs < 0 || request.top_logprobs > kMaxTopLogprobs) {
    refuse(
        fmt::format("top_logprobs must be from 0 to {}, but is {}", kMaxTopLogprobs, request.top_logprobs));
  }
  if (request.prompt_logprobs &&
      (request.scored_from < 1 || static_cast<std::size_t>(request.scored_from) > request.prompt.size())) {
    refuse(fmt::format("scored_from must be from 1 to the {} tokens of the prompt, but is {}",
                       request.prompt.size(), request.scored_from));
  }
  for (const std::string& stop : request.stop) {
    if (stop.empty()) refuse("a stop string must not be empty");
    text::require_utf8(stop, "stop string");
  }
  const Constraint& constraint = request.constraint;
  if (!constraint.regex.empty() + !constraint.choices.empty() + (constraint.schema != nullptr) > 1) {
    refuse("a constraint has one of a regular expression, choices and a schema, but more are set");
  }
  sample::validate(request.sampling, vocab_size);
}

}  // namespace

Sequence::Sequence(Engine::RequestId id, Request asked, Engine::OnText on_text,
                   const text::Tokenizer& tokenizer, int vocab_size, int context)
    : id(id),
      request((validate(asked, vocab_size, context), std::move(asked))),
      on_text(std::move(on_text)),
      tokenizer(tokenizer),
      // A prompt that fills the context still has a row of logits to choose one token from.
      max_new(std::min(request.max_tokens, std::max(1, context - static_cast<int>(request.prompt.size())))),
      tokens(request.prompt),
      decoder(tokenizer),
      stop_matcher(request.stop) {
  if (!request.prompt_logprobs) return;
  scored = request.scored_from - 1;
  result.prompt_logprobs.resize(request.prompt.size() - request.scored_from);
  result.prompt_greedy.resize(result.prompt_logprobs.size());
}

std::string Sequence::append(TokenId token) {
  tokens.push_back(token);
  if (!request.ignore_eos && tokenizer.is_end(token)) return finish(FinishReason::stop, {});
  std::string ready = decoder.push(token);
  if (generated() > request.min_tokens) ready = stop_matcher.push(ready);
  if (stop_matcher.stopped()) return finish(FinishReason::stop, std::move(ready));
  if (constrained && constrained->complete(std::span(tokens).subspan(prompt_length()))) {
    return finish(FinishReason::stop, std::move(ready));
  }
  if (length() == prompt_length() + max_new) return finish(FinishReason::length, std::move(ready));
  result.text += ready;
  return ready;
}

void Sequence::guess(int most) {
  draft = draft_index.draft(tokens, std::min(most, max_positions() - length()));
  if (constrained) {
    draft.resize(constrained->count_allowed(std::span(tokens).subspan(prompt_length()), draft));
  }
  if (request.ignore_eos) return;
  // Nothing is asked for behind an end token.
  draft.erase(std::ranges::find_if(draft, [this](TokenId t) { return tokenizer.is_end(t); }), draft.end());
}

std::string Sequence::fail(std::string error) {
  result.error = std::move(error);
  return finish(FinishReason::error, {});
}

std::string Sequence::finish(FinishReason reason, std::string ready) {
  finish_reason = reason;
  ready += stop_matcher.push(decoder.finish());
  ready += stop_matcher.finish();
  result.text += ready;
  return ready;
}

Result Sequence::take_result() {
  result.tokens.assign(tokens.begin() + prompt_length(), tokens.end());
  result.finish_reason = *finish_reason;
  result.digest = digest.value();
  return std::move(result);
}

}  // namespace isobatch::engine
