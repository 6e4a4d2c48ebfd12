#include <fmt/format.h>

#include <algorithm>

#include "isobatch/error.h"
#include "isobatch/score.h"

namespace isobatch::openai {
namespace {

TokenId require_beginning(const Model& model) {
  const std::optional<TokenId> token = model.beginning();
  if (!token) {
    throw Error(ErrorCode::unsupported,
                "the model has no bos or eos token, which would stand before the first token that is scored");
  }
  return *token;
}

Request scoring(std::vector<TokenId> tokens, std::size_t scored_from) {
  Request request;
  request.prompt = std::move(tokens);
  request.max_tokens = 0;
  request.prompt_logprobs = true;
  request.scored_from = static_cast<int>(scored_from);
  return request;
}

// The last token needs no position.
std::size_t most_tokens(const Model& model) { return static_cast<std::size_t>(model.info().context) + 1; }

// A context and what must stand before it in tokens.
struct Context {
  std::vector<TokenId> before;
  std::string text;
};

Context context_of(const ScoreLine& line, const Model& model) {
  if (const auto* chat = std::get_if<ChatInput>(&line.context)) {
    return {{}, model.render_chat(*chat)};
  }
  Context context;
  context.text = std::get<std::string>(line.context);
  if (model.adds_bos() || context.text.empty()) context.before = {require_beginning(model)};
  return context;
}

Request score_continuation(const Context& context, const std::string& continuation, const Model& model) {
  constexpr const char* kSpaces = " \t\n\v\f\r";
  // White space belongs to the word behind it, for most tokenizers.
  const std::size_t end = context.text.find_last_not_of(kSpaces) + 1;  // 0 when there is nothing else
  std::vector<TokenId> tokens = context.before;
  std::size_t from =
      context.before.size() + model.encode(std::string_view(context.text).substr(0, end)).size();
  const std::vector<TokenId> whole = model.encode(context.text + continuation);
  tokens.insert(tokens.end(), whole.begin(), whole.end());
  if (from == 0) {
    tokens.insert(tokens.begin(), require_beginning(model));
    from = 1;
  }
  if (tokens.size() <= from) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the continuation adds no token to the {} of its context", from));
  }
  const std::size_t most = most_tokens(model);
  if (tokens.size() - from >= most) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the continuation has {} tokens, but the context has {} positions",
                            tokens.size() - from, model.info().context));
  }
  if (tokens.size() > most) {
    const std::size_t lost = tokens.size() - most;
    tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(lost));
    from -= lost;
  }
  return scoring(std::move(tokens), from);
}

std::vector<Request> score_text(const std::string& text, const Model& model) {
  std::vector<TokenId> tokens = model.encode(text);
  tokens.insert(tokens.begin(), require_beginning(model));
  const std::size_t window = most_tokens(model);  // and one token of it stands before
  std::vector<Request> requests;
  for (std::size_t scored = 1; scored < tokens.size();) {
    const std::size_t end = std::min(tokens.size(), scored + window - 1);
    const std::size_t begin = end - std::min(end, window);
    requests.push_back(scoring({tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                                tokens.begin() + static_cast<std::ptrdiff_t>(end)},
                               scored - begin));
    scored = end;
  }
  return requests;
}

}  // namespace

std::vector<Request> score_requests(const ScoreLine& line, const Model& model) {
  if (line.text) return score_text(*line.text, model);
  const Context context = context_of(line, model);
  std::vector<Request> requests;
  for (const std::string& continuation : line.continuations) {
    requests.push_back(score_continuation(context, continuation, model));
  }
  return requests;
}

}  // namespace isobatch::openai
