#include "isobatch/audit/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>

#include "audit/diagnosis.h"
#include "audit/experiments.h"
#include "audit/lab.h"
#include "isobatch/error.h"

namespace isobatch::audit {
namespace {

constexpr int kFailures = 3;          // in a row, after which an engine is given up
constexpr std::size_t kNoise = 2000;  // points of a plot
constexpr std::size_t kExamples = 8;
constexpr int kTracedSteps = 3;
constexpr int kTracedFaults = 4;

// The end of what is asked, which is what people look at.
std::string question_of(const Prompt& prompt) {
  std::string text = prompt.messages.empty() ? prompt.text : prompt.messages.back().content;
  constexpr std::size_t kMost = 400;
  if (text.size() <= kMost) return text;
  std::size_t begin = text.size() - kMost;
  while (begin < text.size() && (text[begin] & 0xc0) == 0x80) ++begin;  // not into a UTF-8 character
  return "…" + text.substr(begin);
}

class Auditor {
 public:
  Auditor(EngineUnderTest& engine, const std::vector<Prompt>& prompts, const AuditOptions& options,
          const AuditProgress& progress, EngineReport& report)
      : engine_(engine),
        prompts_(prompts),
        options_(options),
        progress_(progress),
        report_(report),
        lab_(engine, prompts, options),
        experiments_(plan_experiments(engine.info(), prompts.size(), options)) {
    for (const Prompt& prompt : prompts) all_.push_back(&prompt);
    rows_ = count_requests(engine.info(), prompts.size(), options);
    lab_.on_rows([this](std::size_t rows) {
      done_ += rows;
      tell();
    });
  }

  void run() {
    try {
      compare_all();
      trace();
    } catch (const Stopped&) {
      report_.error =
          fmt::format("stopped after {} of {} comparisons", report_.comparisons.size(), experiments_.size());
    }
    collect_lengths();
    report_.verdicts = diagnose(report_);
  }

 private:
  struct Stopped {};  // by whom the progress is told

  void tell() {
    if (!progress_) return;
    const double fraction = rows_ > 0 ? std::min(1.0, static_cast<double>(done_) / rows_) : 1.0;
    if (!progress_(what_, fraction)) throw Stopped{};
  }

  void compare_all() {
    for (const Experiment& experiment : experiments_) {
      if (experiment.repeats && is_settled(experiment.factor)) continue;
      report_.comparisons.push_back(compare(experiment));
      if (failures_ < kFailures) continue;
      report_.error = report_.comparisons.back().error;
      return;
    }
  }

  // Whether nothing that was tried on the factor has moved a bit. Texts alone do not show that.
  bool is_settled(Factor factor) const {
    return engine_.info().logits && std::ranges::none_of(report_.comparisons, [factor](const Comparison& c) {
             return c.factor == factor && (moved(c) || !c.error.empty());
           });
  }

  Comparison compare(const Experiment& e) {
    const EngineInfo& info = engine_.info();
    Comparison c{.factor = e.factor,
                 .reference = e.reference_label,
                 .changed = e.changed_label,
                 .conditions = {},
                 .dtype = {},
                 .batch_size = e.changed.batch_size,
                 .reference_batch_size = e.reference.batch_size,
                 .finest = e.finest,
                 .not_offered = e.not_offered,
                 .error = {},
                 .measures = {}};
    if (!e.not_offered.empty()) return c;
    c.conditions = describe_conditions(e.changed, e.factor, info);
    c.dtype = dtype_of(e.factor == Factor::dtype ? e.reference.setting : e.changed.setting, info);
    what_ = fmt::format("{}: {}", name_of(e.factor), e.changed_label);
    tell();
    try {
      const auto reference = lab_.run(e.reference, e.prompts, /*keep=*/true);
      const auto changed = lab_.run(e.changed, e.prompts, is_reference(e.changed));
      const std::vector<ComparedRow> rows = compare_rows(*reference, *changed, e.prompts);
      c.measures = measure(std::span(all_).first(e.prompts), *reference, *changed, rows);
      failures_ = 0;
      look(e, c, *reference, *changed, rows);
    } catch (const Error& error) {
      tell();  // what stops the audit may have stopped the engine, too
      c.error = error.what();
      ++failures_;
    }
    return c;
  }

  bool is_reference(const RunSpec& spec) const {
    return std::ranges::any_of(experiments_, [&](const Experiment& e) { return e.reference == spec; });
  }

  // What only the answers themselves show.
  void look(const Experiment& e, const Comparison& c, const Run& reference, const Run& changed,
            std::span<const ComparedRow> rows) {
    // Of several prompts the one to trace.
    std::size_t worst = 0;
    double greatest = -1;
    for (const ComparedRow& row : rows) {
      const double d = row.difference.nonfinite ? INFINITY : row.difference.relative;
      if (d > greatest) worst = row.prompt, greatest = d;
    }
    int shown = 0;
    for (std::size_t i = 0; i < e.prompts; ++i) {
      const Answer &a = reference.answers[i], &b = changed.answers[i];
      if (a.text == b.text || shown == 2 || report_.examples.size() >= kExamples) continue;
      const auto [x, y] = std::ranges::mismatch(a.text, b.text);
      report_.examples.push_back({.prompt_id = prompts_[i].id,
                                  .question = question_of(prompts_[i]),
                                  .factor = e.factor,
                                  .reference_label = c.reference,
                                  .changed_label = c.changed,
                                  .reference_text = a.text,
                                  .changed_text = b.text,
                                  .first_difference = static_cast<std::size_t>(x - a.text.begin())});
      ++shown;
    }
    const bool how_it_runs = e.factor != Factor::dtype && e.factor != Factor::kv_dtype;
    if (how_it_runs) {
      for (const ComparedRow& row : rows) {
        if (report_.noise.size() >= kNoise || row.difference.nonfinite || row.difference.max == 0) continue;
        report_.noise.push_back({.noise = static_cast<float>(row.difference.max),
                                 .margin = row.margin,
                                 .flipped = row.flipped,
                                 .factor = e.factor});
      }
    }
    const bool far = e.finest && how_it_runs && beyond_rounding(c);
    // Where only the rotary positions are wrong no logit may show it, so that batch and padding are always
    // traced.
    const bool always = e.finest && (e.factor == Factor::neighbours ||
                                     (e.factor == Factor::batch_size && c.batch_size == options_.batch_size));
    if (far || always || (how_it_runs && moved(c))) {
      to_trace_.push_back({&e, worst, far ? 0 : always ? 1 : 2});
    }
    if (how_it_runs && e.factor != Factor::rerun) {
      lengths_.push_back({c.measures.differ.value(),
                          fmt::format("{} {}, {}", name_of(c.factor), c.changed, c.conditions),
                          lengths(changed, e.prompts)});
    }
    if (base_lengths_.lengths.empty() && e.reference.batch_size == 1) {
      base_lengths_ = {fmt::format("alone, {}", c.dtype), lengths(reference, e.prompts)};
    }
  }

  static std::vector<int> lengths(const Run& run, std::size_t prompts) {
    std::vector<int> result;
    for (std::size_t i = 0; i < prompts; ++i) result.push_back(length_of(run.answers[i]));
    return result;
  }

  // The reference and the runs that differ most from theirs.
  void collect_lengths() {
    if (!base_lengths_.lengths.empty()) report_.lengths.push_back(base_lengths_);
    std::ranges::stable_sort(lengths_, std::greater<>(), &Lengths::differ);
    for (std::size_t i = 0; i < std::min<std::size_t>(3, lengths_.size()); ++i) {
      report_.lengths.push_back({lengths_[i].label, lengths_[i].values});
    }
  }

  void trace() {
    if (!engine_.info().traces) return;
    std::ranges::stable_sort(to_trace_, {}, &Traced::rank);
    int traced = 0, beyond = 0;
    for (const Traced& t : to_trace_) {
      const bool far = t.rank == 0;
      if (far ? beyond++ >= kTracedFaults : t.rank == 2 && traced >= 1) continue;
      const Experiment& e = *t.experiment;
      // A hit has no operations to show.
      if (e.factor == Factor::prefix_cache) continue;
      what_ = fmt::format("tracing {}", name_of(e.factor));
      tell();
      try {
        const Lab::Placed a = lab_.place(e.reference, t.prompt), b = lab_.place(e.changed, t.prompt);
        TraceComparison comparison =
            compare_traces(engine_.trace(a.batch, a.row, e.reference.setting, kTracedSteps),
                           engine_.trace(b.batch, b.row, e.changed.setting, kTracedSteps),
                           rounding_limit(dtype_of(e.changed.setting, engine_.info())));
        comparison.a = fmt::format("{} {}", name_of(e.factor), e.reference_label);
        comparison.b = fmt::format("{} {} ({})", name_of(e.factor), e.changed_label,
                                   describe_conditions(e.changed, e.factor, engine_.info()));
        comparison.factor = e.factor;
        report_.traces.push_back(std::move(comparison));
        ++traced;
      } catch (const Error& error) {
        tell();
        report_.error = fmt::format("trace: {}", error.what());
        return;
      }
    }
  }

  struct Traced {
    const Experiment* experiment;
    std::size_t prompt;
    int rank;  // 0: beyond rounding, 1: always wanted, 2: if there is nothing else
  };
  struct Lengths {
    double differ;
    std::string label;
    std::vector<int> values;
  };

  EngineUnderTest& engine_;
  const std::vector<Prompt>& prompts_;
  const AuditOptions& options_;
  const AuditProgress& progress_;
  EngineReport& report_;
  Lab lab_;
  const std::vector<Experiment> experiments_;
  std::vector<const Prompt*> all_;
  std::vector<Traced> to_trace_;
  std::vector<Lengths> lengths_;
  LengthDistribution base_lengths_;
  std::string what_;
  std::uint64_t rows_ = 0, done_ = 0;
  int failures_ = 0;
};

void check_options(const EngineInfo& engine, std::size_t prompts, const AuditOptions& options) {
  const auto fail = [](std::string what) { throw Error(ErrorCode::invalid_argument, "audit: " + what); };
  if (prompts == 0) fail("no prompts");
  if (engine.dtypes.empty()) fail(fmt::format("{} names no dtype", engine.name));
  if (!options.dtype.empty() && std::ranges::find(engine.dtypes, options.dtype) == engine.dtypes.end()) {
    fail(fmt::format("{} has no dtype '{}', but {}", engine.name, options.dtype,
                     fmt::join(engine.dtypes, ", ")));
  }
  if (options.batch_size < 2)
    fail(fmt::format("batch size must be at least 2, but is {}", options.batch_size));
  if (options.max_tokens < 1)
    fail(fmt::format("max tokens must be at least 1, but is {}", options.max_tokens));
  for (const int size : options.batch_sizes) {
    if (size < 2)
      fail(fmt::format("batch sizes are compared with 1 and must be at least 2, but one is {}", size));
  }
  const std::uint64_t requests = count_requests(engine, prompts, options);
  if (options.max_requests > 0 && requests > options.max_requests) {
    fail(fmt::format("{} requests would be sent to {}, at most {} are allowed", requests, engine.name,
                     options.max_requests));
  }
}

}  // namespace

std::uint64_t count_requests(const EngineInfo& engine, std::size_t prompts, const AuditOptions& options) {
  std::vector<std::pair<RunSpec, std::size_t>> runs;
  const auto count = [&runs](const RunSpec& spec, std::size_t rows) {
    for (auto& [known, most] : runs) {
      if (!(known == spec)) continue;
      most = std::max(most, rows);
      return;
    }
    runs.emplace_back(spec, rows);
  };
  for (const Experiment& e : plan_experiments(engine, prompts, options)) {
    if (!e.not_offered.empty()) continue;
    count(e.reference, e.prompts);
    count(e.changed, e.prompts);
  }
  std::uint64_t total = 0;
  for (const auto& [spec, rows] : runs) total += Lab::rows_of(spec, rows);
  return total;
}

EngineReport audit_engine(EngineUnderTest& engine, const std::vector<Prompt>& prompts,
                          const AuditOptions& options, const AuditProgress& progress) {
  check_options(engine.info(), prompts.size(), options);
  EngineReport report;
  report.info = engine.info();
  const auto start = std::chrono::steady_clock::now();
  try {
    Auditor(engine, prompts, options, progress, report).run();
  } catch (const Error& error) {
    report.error = error.what();
    report.verdicts = diagnose(report);
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace isobatch::audit
