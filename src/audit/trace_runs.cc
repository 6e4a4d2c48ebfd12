#include <fmt/format.h>

#include <charconv>

#include "audit/diagnosis.h"
#include "audit/experiments.h"
#include "audit/lab.h"
#include "isobatch/error.h"

namespace isobatch::audit {
namespace {

[[noreturn]] void fail(std::string_view run, const std::string& what) {
  throw Error(ErrorCode::invalid_argument, fmt::format("run '{}': {}", run, what));
}

int number(std::string_view run, std::string_view key, std::string_view text, int low) {
  int value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < low) {
    fail(run, fmt::format("{} must be a number of at least {}, but is '{}'", key, low, text));
  }
  return value;
}

// Whether `text` is the first of two words; fails if it is neither.
bool either(std::string_view run, std::string_view key, std::string_view text, std::string_view yes,
            std::string_view no) {
  if (text != yes && text != no)
    fail(run, fmt::format("{} must be {} or {}, but is '{}'", key, yes, no, text));
  return text == yes;
}

void set(TracedRun& run, std::string_view key, std::string_view value) {
  Setting& s = run.setting;
  if (key == "batch") {
    run.batch_size = number(run.label, key, value, 1);
  } else if (key == "order") {
    run.reversed = either(run.label, key, value, "reversed", "given");
  } else if (key == "neighbours") {
    run.neighbours = either(run.label, key, value, "a", "b") ? "a" : "b";
  } else if (key == "dtype") {
    s.dtype = value;
  } else if (key == "kv_dtype") {
    s.kv_dtype = value;
  } else if (key == "side") {
    s.padding_side = either(run.label, key, value, "left", "right") ? PaddingSide::left : PaddingSide::right;
  } else if (key == "value") {
    s.padding_value = number(run.label, key, value, 0);
  } else if (key == "extra") {
    s.extra_padding = number(run.label, key, value, 0);
  } else if (key == "kv_cache") {
    s.kv_cache = either(run.label, key, value, "on", "off");
  } else if (key == "chunk") {
    s.prefill_chunk = number(run.label, key, value, 1);
  } else if (key == "threads") {
    s.threads = number(run.label, key, value, 1);
  } else if (key == "fault") {
    run.faults.emplace_back(value);
  } else {
    fail(run.label, fmt::format("there is no key '{}'", key));
  }
}

RunSpec spec_of(const TracedRun& run) {
  RunSpec spec;
  spec.setting = run.setting;
  spec.batch_size = run.batch_size;
  if (run.reversed) spec.company = Company::reversed;
  if (run.neighbours == "a") spec.company = Company::neighbours_a;
  if (run.neighbours == "b") spec.company = Company::neighbours_b;
  return spec;
}

Trace trace_one(EngineUnderTest& engine, const TracedRun& run, const std::vector<Prompt>& prompts,
                std::size_t index, int steps) {
  AuditOptions options;
  options.max_tokens = steps;
  const Lab lab(engine, prompts, options);
  const RunSpec spec = spec_of(run);
  const Lab::Placed placed = lab.place(spec, index);
  return engine.trace(placed.batch, placed.row, spec.setting, steps);
}

}  // namespace

TracedRun parse_traced_run(std::string_view text) {
  TracedRun run;
  run.label = text;
  const std::size_t colon = text.find(':');
  run.engine = text.substr(0, colon);
  if (run.engine.empty()) fail(text, "the name of an engine is missing");
  std::string_view rest = colon == text.npos ? std::string_view() : text.substr(colon + 1);
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    if (equals == part.npos) fail(text, fmt::format("expected key=value, got '{}'", part));
    set(run, part.substr(0, equals), part.substr(equals + 1));
  }
  return run;
}

TraceComparison trace_runs(EngineUnderTest& engine_a, const TracedRun& a, EngineUnderTest& engine_b,
                           const TracedRun& b, const std::vector<Prompt>& prompts, std::size_t index,
                           int steps) {
  const double limit = std::max(rounding_limit(dtype_of(a.setting, engine_a.info())),
                                rounding_limit(dtype_of(b.setting, engine_b.info())));
  TraceComparison result = compare_traces(trace_one(engine_a, a, prompts, index, steps),
                                          trace_one(engine_b, b, prompts, index, steps), limit);
  result.a = a.label;
  result.b = b.label;
  return result;
}

}  // namespace isobatch::audit
