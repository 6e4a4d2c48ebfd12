#include "engine/runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "isobatch/error.h"
#include "sample/log_prob.h"

namespace isobatch::engine {

Runner::Runner(const model::Transformer& transformer, const model::KvMemory& kv,
               const kernels::KernelTable& kernels, ThreadPool& threads,
               const std::vector<TokenId>& end_tokens, const EngineHooks& hooks)
    : transformer_(transformer),
      kv_(kv),
      kernels_(kernels),
      threads_(threads),
      hooks_(hooks),
      vocab_size_(transformer.info().vocab_size),
      workspace_(model::make_workspace()) {
  for (const TokenId token : end_tokens) {
    if (token >= 0 && token < vocab_size_) end_tokens_.push_back(token);
  }
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
  overflows_.assign(outputs_.size(), {});
  const model::Step step{tokens_, positions_, segments_, logits_rows_};
  transformer_.forward(step, kv_, {kernels_, threads_, *workspace_, nullptr, overflows_}, logits_.get());
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
      if (chooses) {
        chosen_.push_back({&s, position, token, static_cast<int>(outputs_.size()) - 1});
        chosen_.back().top.resize(
            std::min(s.request.top_logprobs, vocab_size_));  // what runs in a worker cannot
        if (s.constrained) constrain(s, chosen_.back());
      }
      tokens_.push_back(token);
      positions_.push_back(position + shift);
    }
  }
}

// What may be chosen behind the row of `chosen`.
void Runner::constrain(Sequence& s, ChosenToken& chosen) {
  const std::span<const TokenId> generated = std::span(s.tokens).subspan(s.prompt_length());
  const std::size_t drafted = static_cast<std::size_t>(chosen.position + 1 - s.length());
  const int before = chosen.position + 1 - s.prompt_length();
  const bool may_end = !s.request.ignore_eos && before >= s.request.min_tokens;
  try {
    chosen.allowed = s.constrained->mask(generated, std::span(s.draft).first(drafted), may_end);
    if (chosen.allowed->count > 0) return;
    chosen.refusal = fmt::format("constraint: no token of the vocabulary may follow after {} tokens", before);
  } catch (const Error& error) {
    chosen.refusal = fmt::format("{} after {} tokens", error.what(), before);
  }
}

sample::Exclusions Runner::exclusions(const Output& output, int slot) const {
  const Sequence& s = *output.sequence;
  const Output& source = hooks_.constrain_as_neighbour ? outputs_[(slot + 1) % outputs_.size()] : output;
  const ChosenToken* chosen = source.choice < 0 ? nullptr : &chosen_[source.choice];
  if (chosen != nullptr && chosen->allowed) return {.allowed = chosen->allowed->bits};
  const bool may_end =
      s.request.ignore_eos || output.position + 1 - s.prompt_length() >= s.request.min_tokens;
  if (may_end) return {};
  return {.banned = end_tokens_};
}

void Runner::use_logits(const Output& output, int slot, int thread) noexcept {
  Sequence& s = *output.sequence;
  const std::span<float> logits = logits_row(slot);
  if (output.choice < 0) return score(s, output.position, logits);
  ChosenToken& chosen = chosen_[output.choice];
  chosen.overflow = overflows_[slot];
  const Sampling& own = s.request.sampling;
  if (!chosen.refusal.empty()) return;
  const sample::Exclusions out = exclusions(output, slot);
  const sample::History before = history(output, slot);
  sample::Sampler& sampler = samplers_[thread];
  const std::uint64_t position = output.position + 1;
  chosen.token = hooks_.sampling
                     ? sampler.choose(logits, hooks_.sampling(own, slot), before, position, out, kernels_)
                     : sampler.choose(logits, own, before, position, out, kernels_);
  if (chosen.token < 0 || (!s.request.logprobs && chosen.top.empty())) return;
  const sample::LogProbs log_probs(logits, kernels_);
  chosen.log_prob = log_probs(chosen.token);
  chosen.top.resize(sample::top_log_probs(logits, log_probs, chosen.top));
}

void Runner::score(Sequence& s, int position, std::span<const float> logits) noexcept {
  const sample::LogProbs log_probs(logits, kernels_);
  const TokenId token = s.tokens[position + 1];
  const int i = position + 1 - s.request.scored_from;
  s.result.prompt_logprobs[i] = log_probs(token);
  s.result.prompt_greedy[i] = token == log_probs.greatest();
}

sample::History Runner::history(const Output& output, int slot) const {
  const Sequence& s = *output.sequence;
  const std::span<const TokenId> tokens(s.tokens);
  const int known = std::min(output.position + 1, s.length());
  sample::History history{tokens.first(s.prompt_length()),
                          tokens.subspan(s.prompt_length(), known - s.prompt_length()),
                          std::span(s.draft).first(output.position + 1 - known)};
  if (hooks_.forget_drafted_tokens) history.drafted = {};
  if (hooks_.penalize_neighbours_tokens) {
    history.generated = outputs_[(slot + 1) % outputs_.size()].sequence->tokens;
  }
  return history;
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

std::span<float> Runner::logits_row(int slot) const {
  return {logits_.get() + static_cast<std::size_t>(slot) * vocab_size_,
          static_cast<std::size_t>(vocab_size_)};
}

}  // namespace isobatch::engine
