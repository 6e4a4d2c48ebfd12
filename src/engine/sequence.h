// A request on its way: its tokens, its pages, and what has come out so far.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/constraints.h"
#include "engine/digest.h"
#include "engine/draft.h"
#include "engine/stop_matcher.h"
#include "isobatch/engine.h"
#include "kv/page_pool.h"
#include "text/stream_decoder.h"

namespace isobatch::engine {

struct Sequence {
  // `context`: positions. The tokenizer must outlive the sequence. Throws Error(invalid_argument) when the
  // request can never run.
  Sequence(Engine::RequestId id, Request request, Engine::OnText on_text, const text::Tokenizer& tokenizer,
           int vocab_size, int context);

  int length() const { return static_cast<int>(tokens.size()); }
  int prompt_length() const { return static_cast<int>(request.prompt.size()); }
  int generated() const { return length() - prompt_length(); }
  // Most positions that are ever computed: the last token is chosen, or only scored, but not computed.
  int max_positions() const { return prompt_length() + max_new - 1; }
  // Tokens that can be computed now.
  int computable() const { return max_new == 0 ? prompt_length() - 1 : length(); }
  // Positions that get pages on admission: one token more than it has, unless that is never computed.
  int admission_positions() const {
    return length() < max_positions() ? length() + 1 : std::min(length(), max_positions());
  }
  bool scoring() const { return request.prompt_logprobs && scored < prompt_length() - 1; }
  bool finished() const { return finish_reason.has_value(); }

  // Appends a chosen token and returns the text that is ready because of it; may finish the sequence.
  std::string append(TokenId token);
  // Guesses up to `most` tokens that may come next, fewer near the end of what is asked for.
  void guess(int most);
  // Ends one that wants scores alone.
  void finish_scoring() { finish(FinishReason::length, {}); }
  // Ends it because no token could be chosen.
  std::string fail(std::string error);
  // Moves out the result of a finished sequence.
  Result take_result();

  Engine::RequestId id;
  Request request;
  Engine::OnText on_text;
  const text::Tokenizer& tokenizer;
  int max_new;  // max_tokens, cut by the context

  std::vector<TokenId> tokens;  // prompt and generated
  std::vector<TokenId> draft;   // guesses of the tokens after them
  DraftIndex draft_index;
  int computed = 0;   // tokens whose K and V are in the pages
  int published = 0;  // pages that the prefix cache knows
  std::vector<kv::PageIndex> pages;
  bool decoding = false;   // has generated a token since it was admitted
  bool preempted = false;  // has ever lost its pages
  std::uint64_t last_step = 0;

  LogitsDigest digest;
  int scored = 0;  // rows before this one have no score to give, or have given it
  text::StreamDecoder decoder;
  StopMatcher stop_matcher;
  std::optional<ConstrainedText> constrained;  // set when the request has a constraint
  std::optional<FinishReason> finish_reason;
  Result result;  // scores, text and error grow here

 private:
  std::string finish(FinishReason reason, std::string ready);
};

}  // namespace isobatch::engine
