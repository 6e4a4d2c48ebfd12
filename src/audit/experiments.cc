#include "audit/experiments.h"

#include <fmt/format.h>

#include <algorithm>

namespace isobatch::audit {
namespace {

constexpr int kUncachedTokens = 3;
constexpr int kNeighbours = 4;  // the prompt among them

// Builds the list; each member function adds the experiments of a factor.
class Plan {
 public:
  Plan(const EngineInfo& engine, std::size_t prompts, const AuditOptions& options)
      : engine_(engine), options_(options), all_(prompts) {
    base_.dtype = options.dtype.empty() ? engine.dtypes.at(0) : options.dtype;
    // Whole batches, so that a run of the probes is the beginning of a run of all.
    const std::size_t batch = options.batch_size;
    probes_ = std::min(all_, std::max(batch, options.probes / batch * batch));
    finest_ = finest_dtype(engine, options);
  }

  std::vector<Experiment> build() {
    dtypes();
    kv_dtypes();
    batch_sizes();
    // Once as people run it, once where a fault cannot hide behind rounding.
    within(base_.dtype, base_.dtype == finest_);
    if (finest_ != base_.dtype) {
      const std::size_t repeated = list_.size();
      within(finest_, true);
      for (std::size_t i = repeated; i < list_.size(); ++i) list_[i].repeats = true;
    }
    return std::move(list_);
  }

 private:
  bool wanted(Factor factor) const { return options_.factors.empty() || options_.factors.contains(factor); }
  bool offered(Factor factor) {
    if (!wanted(factor)) return false;
    if (engine_.factors.contains(factor)) return true;
    const bool known = std::ranges::any_of(list_, [&](const Experiment& e) { return e.factor == factor; });
    if (!known) {
      Experiment none;
      none.factor = factor;
      none.not_offered = fmt::format("{} does not let it be varied", engine_.name);
      list_.push_back(std::move(none));
    }
    return false;
  }
  RunSpec spec(const std::string& dtype, int batch_size) const {
    RunSpec spec;
    spec.setting = base_;
    spec.setting.dtype = dtype;
    spec.batch_size = batch_size;
    return spec;
  }
  void add(Factor factor, const RunSpec& reference, const RunSpec& changed, std::string reference_label,
           std::string changed_label, std::size_t prompts, bool finest) {
    list_.push_back({.factor = factor,
                     .reference = reference,
                     .changed = changed,
                     .reference_label = std::move(reference_label),
                     .changed_label = std::move(changed_label),
                     .prompts = std::min(prompts, all_),
                     .finest = finest,
                     .repeats = false,
                     .not_offered = {}});
  }
  // The same comparison as `reference` against a copy that `change` has changed.
  template <typename Change>
  void vary(Factor factor, const RunSpec& reference, std::string reference_label, std::string changed_label,
            std::size_t prompts, bool finest, Change&& change) {
    RunSpec changed = reference;
    change(changed);
    add(factor, reference, changed, std::move(reference_label), std::move(changed_label), prompts, finest);
  }

  void dtypes() {
    if (engine_.dtypes.size() < 2) {
      if (wanted(Factor::dtype)) offered(Factor::dtype);
      return;
    }
    if (!offered(Factor::dtype)) return;
    for (const std::string& dtype : engine_.dtypes) {
      if (dtype == base_.dtype) continue;
      vary(Factor::dtype, spec(base_.dtype, 1), base_.dtype, dtype, probes_, false,
           [&](RunSpec& s) { s.setting.dtype = dtype; });
    }
  }

  void kv_dtypes() {
    if (!offered(Factor::kv_dtype)) return;
    for (std::size_t i = 1; i < engine_.kv_dtypes.size(); ++i) {
      const std::string& kv = engine_.kv_dtypes[i];
      vary(Factor::kv_dtype, spec(base_.dtype, 1), engine_.kv_dtypes[0], kv, probes_, false,
           [&](RunSpec& s) { s.setting.kv_dtype = kv; });
    }
  }

  void batch_sizes() {
    if (!offered(Factor::batch_size)) return;
    for (const int size : options_.batch_sizes) batch_size(base_.dtype, size, all_);
    if (!engine_.factors.contains(Factor::dtype)) return;
    // The pair batch size × dtype: one size will do.
    for (const std::string& dtype : engine_.dtypes) {
      if (dtype != base_.dtype) batch_size(dtype, options_.batch_size, probes_);
    }
  }
  void batch_size(const std::string& dtype, int size, std::size_t prompts) {
    vary(Factor::batch_size, spec(dtype, 1), "1", std::to_string(size), prompts, dtype == finest_,
         [&](RunSpec& s) { s.batch_size = size; });
  }

  void within(const std::string& dtype, bool finest) {
    const RunSpec alone = spec(dtype, 1), batch = spec(dtype, options_.batch_size);
    rerun(alone, batch, finest);
    company(batch, finest);
    padding(alone, batch, finest);
    kv_cache(alone, batch, finest);
    for (const RunSpec& reference : {alone, batch}) tuning(reference, finest);
  }

  void rerun(const RunSpec& alone, const RunSpec& batch, bool finest) {
    if (!offered(Factor::rerun)) return;
    for (const RunSpec& reference : {alone, batch}) {
      vary(Factor::rerun, reference, "run", "run again", probes_, finest, [](RunSpec& s) { s.repeat = 1; });
    }
  }

  void company(const RunSpec& batch, bool finest) {
    if (batch.batch_size < 2) return;
    if (offered(Factor::order)) {
      vary(Factor::order, batch, "as given", "reversed", probes_, finest,
           [](RunSpec& s) { s.company = Company::reversed; });
    }
    if (offered(Factor::neighbours)) {
      // Each prompt takes a batch of its own: a small one.
      RunSpec reference = batch;
      reference.batch_size = std::min(batch.batch_size, kNeighbours);
      reference.company = Company::neighbours_a;
      vary(Factor::neighbours, reference, "some neighbours", "others of the same lengths", probes_, finest,
           [](RunSpec& s) { s.company = Company::neighbours_b; });
    }
  }

  void padding(const RunSpec& alone, const RunSpec& batch, bool finest) {
    constexpr int kExtra = 16;
    const auto name = [](TokenId value) { return fmt::format("token {}", value); };
    const TokenId other = engine_.vocab_size > 0 ? engine_.vocab_size / 3 : 1;
    if (batch.batch_size > 1 && offered(Factor::padding_side)) {
      vary(Factor::padding_side, batch, "left", "right", probes_, finest,
           [](RunSpec& s) { s.setting.padding_side = PaddingSide::right; });
    }
    if (offered(Factor::padding_value)) {
      RunSpec padded = alone;
      padded.setting.extra_padding = kExtra;
      for (const RunSpec& reference : {batch, padded}) {
        if (reference == padded && !engine_.factors.contains(Factor::padding_amount)) continue;
        vary(Factor::padding_value, reference, "its own", name(other), probes_, finest,
             [&](RunSpec& s) { s.setting.padding_value = other; });
      }
    }
    if (offered(Factor::padding_amount)) {
      for (const RunSpec& reference : {alone, batch}) {
        vary(Factor::padding_amount, reference, "no more than needed", fmt::format("{} columns more", kExtra),
             probes_, finest, [&](RunSpec& s) { s.setting.extra_padding = kExtra; });
      }
    }
  }

  void kv_cache(const RunSpec& alone, const RunSpec& batch, bool finest) {
    if (offered(Factor::kv_cache)) {
      // Without the cache each token costs a whole prompt: a few must do.
      for (RunSpec reference : {alone, batch}) {
        reference.max_tokens = kUncachedTokens;
        vary(Factor::kv_cache, reference, "on", "off", options_.batch_size, finest,
             [](RunSpec& s) { s.setting.kv_cache = false; });
      }
    }
    if (offered(Factor::prefix_cache)) {
      vary(Factor::prefix_cache, alone, "off", "all but the last token known", probes_, finest,
           [](RunSpec& s) { s.company = Company::near_hit; });
      vary(Factor::prefix_cache, alone, "off", "known", probes_, finest,
           [](RunSpec& s) { s.company = Company::hit; });
    }
  }

  void tuning(const RunSpec& reference, bool finest) {
    if (offered(Factor::prefill_chunk)) {
      vary(Factor::prefill_chunk, reference, "its own", "16 tokens", probes_, finest,
           [](RunSpec& s) { s.setting.prefill_chunk = 16; });
    }
    if (offered(Factor::threads)) {
      const int threads = engine_.threads == 1 ? 2 : 1;
      vary(Factor::threads, reference, engine_.threads > 0 ? std::to_string(engine_.threads) : "its own",
           std::to_string(threads), probes_, finest, [&](RunSpec& s) { s.setting.threads = threads; });
    }
  }

  const EngineInfo& engine_;
  const AuditOptions& options_;
  std::size_t all_, probes_;
  Setting base_;
  std::string finest_;
  std::vector<Experiment> list_;
};

}  // namespace

const std::string& dtype_of(const Setting& setting, const EngineInfo& engine) {
  return setting.dtype.empty() ? engine.dtypes.at(0) : setting.dtype;
}

std::string finest_dtype(const EngineInfo& engine, const AuditOptions& options) {
  if (std::ranges::find(engine.dtypes, "f32") != engine.dtypes.end()) return "f32";
  return options.dtype.empty() ? engine.dtypes.at(0) : options.dtype;
}

std::vector<Experiment> plan_experiments(const EngineInfo& engine, std::size_t prompts,
                                         const AuditOptions& options) {
  std::vector<Experiment> list = Plan(engine, prompts, options).build();
  std::ranges::stable_sort(list, {}, &Experiment::factor);
  return list;
}

std::string describe_conditions(const RunSpec& spec, Factor factor, const EngineInfo& engine) {
  const Setting& s = spec.setting;
  std::string text;
  const auto add = [&text](std::string part) { text += (text.empty() ? "" : ", ") + std::move(part); };
  if (factor != Factor::dtype) add(dtype_of(s, engine));
  if (factor != Factor::batch_size)
    add(spec.batch_size == 1 ? "alone" : fmt::format("batch {}", spec.batch_size));
  if (s.extra_padding > 0 && factor != Factor::padding_amount) {
    add(fmt::format("{} columns of padding", s.extra_padding));
  }
  return text;
}

}  // namespace isobatch::audit
