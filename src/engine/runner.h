// Runs what the scheduler has planned: rows to the model, logits to tokens, log-probabilities and digests.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "engine/hooks.h"
#include "engine/sequence.h"
#include "kernels/kernels.h"
#include "model/transformer.h"
#include "sample/sampler.h"

namespace isobatch::engine {

struct SequenceRows {
  Sequence* sequence = nullptr;
  int rows = 0;  // the next ones that are not computed; past its tokens, those of its draft
};

// The token chosen from the logits of a sequence's newest token, or of a drafted one: -1 when there is none.
// It counts if the sequence has come to hold just what the row was computed from.
struct ChosenToken {
  Sequence* sequence = nullptr;
  int position = 0;   // of the row's token
  TokenId after = 0;  // the row's token
  int slot = 0;       // row of logits
  TokenId token = -1;
  float log_prob = 0.0f;          // when asked for
  model::Overflow overflow = {};  // on the way of its row
  std::vector<TokenLogprob> top = {};
  std::shared_ptr<const grammar::TokenMask> allowed = {};  // by the request's constraint
  std::string refusal = {};                                // why its constraint lets no token be chosen
};

class Runner {
 public:
  // `transformer`, `kernels`, `threads` and `hooks` must outlive it.
  // `end_tokens`: those that end an answer.
  Runner(const model::Transformer& transformer, const model::KvMemory& kv,
         const kernels::KernelTable& kernels, ThreadPool& threads, const std::vector<TokenId>& end_tokens,
         const EngineHooks& hooks);

  // One forward pass. Advances the scores of the sequences, and `computed`, drafted tokens included; what an
  // exception leaves behind is as if the pass had not been tried. A sequence's choices stand in order.
  std::span<const ChosenToken> run(std::span<const SequenceRows> batch);
  // Folds the rows of the last pass whose choice the sequence has appended.
  void fold_digests();
  // [vocab_size], of the last pass.
  std::span<const float> logits(const ChosenToken& chosen) const { return logits_row(chosen.slot); }

 private:
  // A row of logits and what it is for.
  struct Output {
    Sequence* sequence;
    int position;  // of the row's token
    int choice;    // index in chosen_, or -1: it scores the next token of the prompt
  };
  void collect_rows(std::span<const SequenceRows> batch);
  void constrain(Sequence& s, ChosenToken& chosen);
  sample::Exclusions exclusions(const Output& output, int slot) const;
  void use_logits(const Output& output, int slot, int thread) noexcept;
  void score(Sequence& s, int position, std::span<const float> logits) noexcept;
  sample::History history(const Output& output, int slot) const;
  std::span<float> logits_row(int slot) const;

  const model::Transformer& transformer_;
  model::KvMemory kv_;
  const kernels::KernelTable& kernels_;
  ThreadPool& threads_;
  const EngineHooks& hooks_;
  int vocab_size_;
  std::vector<TokenId> end_tokens_;  // of the vocabulary
  std::unique_ptr<model::Workspace, model::WorkspaceDeleter> workspace_;
  std::vector<sample::Sampler> samplers_;  // [threads]

  std::vector<TokenId> tokens_;
  std::vector<std::int32_t> positions_;
  std::vector<model::Segment> segments_;
  std::vector<std::int32_t> logits_rows_;
  std::vector<Output> outputs_;             // [logits_rows]
  std::vector<model::Overflow> overflows_;  // [logits_rows]
  std::vector<ChosenToken> chosen_;
  std::unique_ptr<float[]> logits_;  // [logits_rows][vocab_size]
  std::size_t logits_capacity_ = 0;
};

}  // namespace isobatch::engine
