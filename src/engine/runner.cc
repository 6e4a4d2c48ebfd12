#include "engine/runner.h"

#include "sample/log_prob.h"

namespace isobatch::engine {

Runner::Runner(const model::Transformer& transformer, const model::KvMemory& kv,
               const kernels::KernelTable& kernels, ThreadPool& threads, const EngineHooks& hooks)
    : transformer_(transformer),
      kv_(kv),
      kernels_(kernels),
      threads_(threads),
      hooks_(hooks),
      vocab_size_(transformer.info().vocab_size),
      workspace_(model::make_workspace()) {
  for (int i = 0; i < threads.size(); ++i) samplers_.emplace_back(vocab_size_);
}

std::span<const ChosenToken> Runner::run(std::span<const SequenceRows> batch) {
  collect_rows(batch);
  const std::size_t needed = outputs_.size() * vocab_size_;
  if (needed > logits_capacity_) {
    logits_capacity_ = 0;
    logits_.reset();  // before the new one: both at once would be the peak
    logits_ = std::make_unique_for_overwrite<float[]>(needed);
    logits_capacity_ = needed;
  }
  const model::Step step{tokens_, positions_, segments_, logits_rows_};
  transformer_.forward(step, kv_, {kernels_, threads_, *workspace_}, logits_.get());
  threads_.parallel_for(static_cast<int>(outputs_.size()),
                        [this](int i, int thread) { use_logits(outputs_[i], i, thread); });
  for (const Output& output : outputs_) {
    if (output.choice < 0) output.sequence->scored = output.position + 1;
  }
  for (const SequenceRows& item : batch) item.sequence->computed += item.rows;
  return chosen_;
}

void Runner::collect_rows(std::span<const SequenceRows> batch) {
  tokens_.clear();
  positions_.clear();
  segments_.clear();
  logits_rows_.clear();
  outputs_.clear();
  chosen_.clear();
  for (const SequenceRows& item : batch) {
    Sequence& s = *item.sequence;
    const int shift = s.preempted ? hooks_.position_shift_after_preemption : 0;
    segments_.push_back({static_cast<int>(tokens_.size()), item.rows, s.computed, s.pages});
    for (int position = s.computed; position < s.computed + item.rows; ++position) {
      const TokenId token = position < s.length() ? s.tokens[position] : s.draft[position - s.length()];
      const bool chooses = position >= s.length() - 1;
      const bool scores = s.scoring() && position >= s.scored && position < s.prompt_length() - 1;
      if (chooses || scores) {
        logits_rows_.push_back(static_cast<std::int32_t>(tokens_.size()));
        outputs_.push_back({&s, position, chooses ? static_cast<int>(chosen_.size()) : -1});
      }
      if (chooses) chosen_.push_back({&s, position, token, static_cast<int>(outputs_.size()) - 1});
      tokens_.push_back(token);
      positions_.push_back(position + shift);
    }
  }
}

void Runner::use_logits(const Output& output, int slot, int thread) noexcept {
  Sequence& s = *output.sequence;
  const std::span<const float> logits = logits_row(slot);
  if (output.choice < 0) {
    s.result.prompt_logprobs[output.position] =
        sample::log_prob(logits, s.tokens[output.position + 1], kernels_);
    return;
  }
  ChosenToken& chosen = chosen_[output.choice];
  const Sampling& own = s.request.sampling;
  chosen.token = samplers_[thread].choose(logits, hooks_.sampling ? hooks_.sampling(own, slot) : own,
                                          output.position + 1, kernels_);
  if (chosen.token >= 0 && s.request.logprobs) {
    chosen.log_prob = sample::log_prob(logits, chosen.token, kernels_);
  }
}

void Runner::fold_digests() {
  const int choices = static_cast<int>(chosen_.size());
  threads_.parallel_for(choices, [this, choices](int i, int /*thread*/) {
    Sequence* s = chosen_[i].sequence;
    if (i > 0 && chosen_[i - 1].sequence == s) return;  // one thread takes all rows of a sequence, in order
    for (; i < choices && chosen_[i].sequence == s && chosen_[i].position + 1 < s->length(); ++i) {
      s->digest.fold(logits_row(chosen_[i].slot));
    }
  });
}

std::span<const float> Runner::logits_row(int slot) const {
  return {logits_.get() + static_cast<std::size_t>(slot) * vocab_size_,
          static_cast<std::size_t>(vocab_size_)};
}

}  // namespace isobatch::engine
