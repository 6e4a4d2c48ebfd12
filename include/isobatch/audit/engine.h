// An engine under test: what the auditor asks of any engine, its own included. An adapter translates; it
// measures nothing and decides nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "isobatch/audit/trace.h"
#include "isobatch/model.h"
#include "isobatch/request.h"

namespace isobatch::audit {

// What may change an answer. The first two are what is asked; the others are how it is run and should not
// matter.
enum class Factor {
  dtype,
  kv_dtype,
  rerun,       // nothing changed
  batch_size,  // how many run at once; for a server: concurrent requests
  order,       // the same batch, other slots
  neighbours,  // other content beside it, of the same shape
  padding_side,
  padding_value,
  padding_amount,
  kv_cache,
  prefill_chunk,
  threads,
  prefix_cache,
};
inline constexpr int kFactors = 13;
std::string_view name_of(Factor factor);  // "batch size", as people read it
std::string_view key_of(Factor factor);   // "batch_size", as JSON and options have it
std::optional<Factor> factor_of_key(std::string_view key);

enum class PaddingSide { left, right };

// How a batch is run. What an engine does not offer (EngineInfo::factors) keeps its default here.
struct Setting {
  std::string dtype;     // one of EngineInfo::dtypes; empty: the first
  std::string kv_dtype;  // one of EngineInfo::kv_dtypes; empty: the first
  PaddingSide padding_side = PaddingSide::left;
  std::optional<TokenId> padding_value;  // none: the engine's own
  int extra_padding = 0;                 // columns beyond those that the longest row needs
  bool kv_cache = true;
  int prefill_chunk = 0;  // tokens; 0: the engine's own
  int threads = 0;        // 0: the engine's own
  bool prefix_cache = false;
  bool operator==(const Setting&) const = default;
};

// A question. Exactly one of messages, text and tokens says what is asked.
struct Prompt {
  std::string id;
  std::vector<ChatMessage> messages;
  std::string text;
  std::vector<TokenId> tokens;
  std::string answer;  // the word that a right answer begins with; empty: not known
};

// A prompt in a batch. Greedy choice, always.
struct Row {
  const Prompt* prompt = nullptr;  // for engines without tokens; null in a row of the auditor's own making
  std::vector<TokenId> tokens;     // of the prompt, at least one; empty where the engine has none
  int max_tokens = 32;
  bool ignore_eos = false;
};

struct Batch {
  std::vector<Row> rows;
  int logits_steps = 0;  // keep the logits of so many first new tokens of each row
};

struct Answer {
  std::vector<TokenId> tokens;  // new ones, the end token included; empty where the engine has none
  std::string text;
  bool stopped = false;  // by an end token; else by max_tokens
  // [steps][vocab], at most Batch::logits_steps, from which tokens[step] was chosen. Empty where not offered.
  std::vector<std::vector<float>> logits;
  // [tokens] difference of the two greatest log-probabilities; empty where not offered.
  std::vector<float> margins;
};

struct EngineInfo {
  std::string name;                 // "hf"; unique in a report
  std::string version;              // "transformers 5.23.0, torch 2.15.0"
  std::string model;                // as the user knows it
  std::vector<std::string> dtypes;  // offered; the first is the default. At least one, "default" if unknown
  std::vector<std::string> kv_dtypes;  // likewise; may be empty
  std::set<Factor> factors;            // that can be varied
  bool tokens = false;                 // takes and gives token ids
  bool logits = false;
  bool traces = false;
  // Batches are rectangles that run until their last row has finished (Hugging Face), so their shape is known
  // from the outside; others (continuous batching) drop rows as they finish.
  bool rectangular = false;
  int vocab_size = 0;  // 0: not known
  int threads = 0;     // by default; 0: not known
  // Whatever else is needed to repeat it: command, options, file hash. Shown as it is.
  std::vector<std::pair<std::string, std::string>> details;
};

class EngineUnderTest {
 public:
  virtual ~EngineUnderTest() = default;
  virtual const EngineInfo& info() const = 0;

  // The tokens of a prompt, its chat template applied. Only where info().tokens.
  virtual std::vector<TokenId> tokenize(const Prompt& prompt) = 0;

  // Runs the rows of `batch` at the same time. Answers in the order of rows. What is kept between calls
  // is only what `setting` allows: with prefix_cache false, no call may see another's work. Throws Error when
  // the engine fails, dies, hangs beyond its limit of time, or answers nonsense.
  virtual std::vector<Answer> generate(const Batch& batch, const Setting& setting) = 0;

  // Forgets what the prefix cache has kept.
  virtual void clear_prefix_cache() {}

  // The operations behind row `row` of `batch`: prompt as step 0, then each new token as a step, at most
  // `steps` steps in all. Only where info().traces.
  virtual Trace trace(const Batch& batch, int row, const Setting& setting, int steps);
};

}  // namespace isobatch::audit
