#include "tests/support/sample_report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace isobatch::test {
namespace {

using namespace audit;

constexpr int kPrompts = 40;

class Random {
 public:
  explicit Random(std::uint64_t seed) : bits_(seed) {}
  double uniform() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }
  double normal() {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum - 6;
  }

 private:
  std::mt19937_64 bits_;
};

struct Effect {
  int differ = 0;
  double noise = 0;  // greatest |Δ logit|; 0: bits equal
  Mean drift;
  int right = 33, lost = 0, gained = 0;
  double p_value = 1;
};

Measures measures(const Effect& effect, const EngineInfo& info, double speed) {
  Measures m;
  m.differ = sample_share(effect.differ, kPrompts);
  m.first_token_differ = sample_share(effect.differ / 4, kPrompts);
  m.median_first_difference = effect.differ > 0 ? 5 : 0;
  m.mean_length_reference = 7.25;
  m.mean_length_changed = 7.25 + effect.drift.value;
  m.length_drift = effect.drift;
  m.accuracy = Accuracy{sample_share(33, kPrompts), sample_share(33 - effect.lost + effect.gained, kPrompts),
                        effect.lost, effect.gained, effect.p_value};
  if (info.logits) {
    LogitMeasures logits;
    logits.rows = 160;
    logits.rows_equal = effect.noise > 0 ? 12 : 160;
    logits.max_difference = effect.noise;
    logits.median_difference = effect.noise / 4;
    logits.max_ulp = effect.noise * 3.2e6;
    logits.mean_kl = effect.noise * effect.noise / 50;
    logits.max_kl = effect.noise * effect.noise / 3;
    logits.at_risk = sample_share(std::min(160, static_cast<int>(std::min(effect.noise, 10.0) * 90)), 160);
    logits.median_relative = effect.noise / 12;
    logits.max_relative = effect.noise / 3;
    logits.first_step_max_relative = logits.max_relative * 0.9;
    logits.later_step_max_relative = logits.max_relative;
    m.logits = logits;
  }
  m.tokens_per_second_reference = 112.5;
  m.tokens_per_second_changed = speed;
  return m;
}

void add(EngineReport& engine, Factor factor, const std::string& reference, const std::string& changed,
         const std::string& dtype, int batch_size, const Effect& effect, double speed = 480) {
  Comparison c;
  c.factor = factor;
  c.reference = reference;
  c.changed = changed;
  c.dtype = dtype;
  c.batch_size = batch_size;
  c.reference_batch_size = factor == Factor::batch_size ? 1 : batch_size;
  c.finest = dtype == "f32";
  c.conditions = factor == Factor::batch_size ? dtype : dtype + ", batch 8";
  c.measures = measures(effect, engine.info, speed);
  engine.comparisons.push_back(std::move(c));
}

void refuse(EngineReport& engine, Factor factor, const std::string& why) {
  Comparison c;
  c.factor = factor;
  c.not_offered = why;
  engine.comparisons.push_back(std::move(c));
}

// Batch sizes and the other factors, all with the same effect but for its size.
void add_usual(EngineReport& engine, const std::string& dtype, const std::vector<Effect>& by_batch,
               const Effect& other, double speed) {
  const std::vector<int> sizes = {2, 4, 8, 16};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    add(engine, Factor::batch_size, "batch 1", "batch " + std::to_string(sizes[i]), dtype, sizes[i],
        by_batch[i], speed * std::pow(sizes[i], 0.7));
  }
  add(engine, Factor::rerun, "first run", "second run", dtype, 8, {});
  add(engine, Factor::order, "as given", "shuffled", dtype, 8, other);
  add(engine, Factor::neighbours, "their own texts", "other texts", dtype, 8, {});
}

void add_lengths(EngineReport& engine, const std::string& label, double mean, double spread,
                 std::uint64_t seed) {
  Random random(seed);
  LengthDistribution lengths{label, {}};
  for (int i = 0; i < kPrompts; ++i) {
    lengths.lengths.push_back(
        std::clamp(static_cast<int>(std::lround(mean + spread * random.normal())), 1, 24));
  }
  engine.lengths.push_back(std::move(lengths));
}

void add_noise(EngineReport& engine, double size, std::uint64_t seed, int points) {
  Random random(seed);
  for (int i = 0; i < points; ++i) {
    NoisePoint point;
    point.noise = static_cast<float>(i % 12 == 0 ? 0 : size * std::exp(0.6 * random.normal()));
    point.margin = static_cast<float>(4 * std::exp(1.4 * random.normal()));
    point.flipped = point.margin < 1.6 * point.noise;
    engine.noise.push_back(point);
  }
}

void add_trace(EngineReport& engine, const std::string& a, const std::string& b, int layers, int first_layer,
               double start) {
  static const std::vector<std::string> kOps = {
      "attention_norm",     "q",        "k",    "v",          "attention", "attention_output",
      "attention_residual", "ffn_norm", "gate", "activation", "down",      "ffn_residual"};
  Random random(9);
  TraceComparison trace;
  trace.a = a;
  trace.b = b;
  trace.shape = {31, 576};
  double relative = 0;
  const auto push = [&](const std::string& op, int layer) {
    GrowthPoint point{op, layer, 0, relative * 40, relative * 6e6, relative, relative == 0};
    if (!trace.first && relative > 0) {
      point.inputs_equal = true;
      trace.first = point;
      if (relative > 1e-3) trace.jump = point;
    }
    trace.growth.push_back(point);
  };
  push("embedding", -1);
  for (int layer = 0; layer < layers; ++layer) {
    for (const std::string& op : kOps) {
      if (layer == first_layer && op == "attention") relative = start;
      relative *= 1 + 0.04 * (1 + random.normal());
      push("layers." + std::to_string(layer) + "." + op, layer);
    }
  }
  push("final_norm", -1);
  push("logits", -1);
  engine.traces.push_back(std::move(trace));
}

EngineReport engine(const std::string& name, const std::string& version, std::vector<std::string> dtypes) {
  EngineReport report;
  report.info.name = name;
  report.info.version = version;
  report.info.model = "SmolLM2-135M-Instruct.Q4_1.gguf";
  report.info.dtypes = std::move(dtypes);
  report.info.factors = {Factor::rerun, Factor::batch_size, Factor::order, Factor::neighbours};
  report.info.tokens = report.info.logits = true;
  report.info.vocab_size = 49152;
  report.info.threads = 2;
  report.info.details = {{"file", "SHA-256 6b0d…41"}};
  report.seconds = 74.2;
  return report;
}

EngineReport clean() {
  EngineReport e = engine("isobatch", "0.1.0, contract 2, kernels amx", {"native", "f32"});
  e.info.factors.insert({Factor::dtype, Factor::kv_cache, Factor::threads, Factor::prefix_cache});
  e.info.kv_dtypes = {"bf16", "f32"};
  e.info.traces = true;
  e.info.details.emplace_back("fingerprint", "isobatch-1:6b0d:native:bf16");
  add_usual(e, "native", {{}, {}, {}, {}}, {}, 210);
  add(e, Factor::kv_cache, "on", "off", "native", 8, {});
  add(e, Factor::threads, "2 threads", "1 thread", "native", 8, {});
  add(e, Factor::prefix_cache, "miss", "hit", "native", 8, {});
  refuse(e, Factor::padding_side, "it does not pad");
  refuse(e, Factor::padding_value, "it does not pad");
  refuse(e, Factor::padding_amount, "it does not pad");
  add(e, Factor::dtype, "native", "f32", "f32", 8, {3, 0.08, {0.05, -0.1, 0.2}, 33, 1, 0, 1});
  e.verdicts = {
      {VerdictKind::none,
       "Nothing that should not matter changes a bit: 40 answers, 160 rows of logits, at batch 1 to 16.",
       {"0 of 40 answers differ in each of 10 comparisons.", "All 1,600 rows of logits have the same bits."},
       "Nothing to do."}};
  add_lengths(e, "batch 1", 7.2, 2.2, 1);
  add_lengths(e, "batch 16", 7.2, 2.2, 1);
  add_noise(e, 0, 2, 160);
  return e;
}

EngineReport rounding() {
  EngineReport e = engine("padded", "oneDNN 2.6.0, OpenBLAS 0.3.21", {"f32", "bf16"});
  e.info.factors.insert(
      {Factor::padding_side, Factor::padding_value, Factor::padding_amount, Factor::dtype, Factor::kv_cache});
  e.info.traces = e.info.rectangular = true;
  add_usual(e, "f32",
            {{0, 8e-5, {}}, {0, 9e-5, {}}, {1, 1e-4, {0.02, -0.04, 0.09}}, {1, 1.2e-4, {0.02, -0.04, 0.09}}},
            {0, 5e-5, {}}, 120);
  add_usual(e, "bf16",
            {{5, 0.31, {0.1, -0.3, 0.5}},
             {8, 0.4, {-0.1, -0.5, 0.3}},
             {9, 0.44, {0.2, -0.2, 0.6}},
             {11, 0.52, {0.1, -0.3, 0.5}, 33, 2, 1, 1}},
            {7, 0.36, {-0.1, -0.4, 0.3}}, 160);
  add(e, Factor::padding_side, "left", "right", "f32", 8, {0, 9e-5, {}});
  add(e, Factor::padding_value, "pad token", "token 5000", "f32", 8, {});
  add(e, Factor::padding_amount, "none", "16 columns", "f32", 8, {0, 7e-5, {}});
  add(e, Factor::kv_cache, "on", "off", "f32", 8, {0, 6e-5, {}});
  refuse(e, Factor::threads, "its library fixes them when it starts");
  add(e, Factor::dtype, "f32", "bf16", "bf16", 8, {9, 0.5, {0.1, -0.3, 0.5}, 33, 2, 1, 1});
  e.verdicts = {
      {VerdictKind::rounding,
       "In bf16, 11 of 40 answers change with the batch size. It is rounding: the order of sums depends on "
       "the "
       "shape of the batch, and only tokens with a small margin flip.",
       {"Other content at the same shape changes no bit.",
        "All 14 flipped tokens had a margin below twice the noise (0.52).",
        "Length drifts by +0.1 tokens, from −0.3 to +0.5: no drift."},
       "Compute in f32 (1 of 40 changes), or use an engine whose sums do not depend on the batch."}};
  e.examples = {{"fact-016", "Do cows produce milk?", Factor::batch_size, "batch 1", "batch 16",
                 "Yes, cows produce milk.", "Yes, cows do. They give milk.", 10},
                {"fact-165", "Is the Pacific a desert?", Factor::batch_size, "batch 1", "batch 8",
                 "No, it is an ocean — the largest.", "No, it is an ocean", 18}};
  add_lengths(e, "batch 1", 7.2, 2.2, 1);
  add_lengths(e, "batch 16", 7.3, 2.4, 3);
  add_lengths(e, "batch 8, right padding", 7.2, 2.2, 1);
  add_noise(e, 0.3, 4, 640);
  add_trace(e, "padded, alone", "padded, batch 8", 30, 0, 3e-7);
  add_trace(e, "padded, f32", "padded, f32 again", 30, 99, 0);
  return e;
}

EngineReport faulty() {
  EngineReport e = engine("hf", "transformers 5.23.0, torch 2.15.0", {"f32", "bf16", "f16"});
  e.info.factors.insert({Factor::padding_side, Factor::padding_value, Factor::padding_amount, Factor::dtype});
  e.info.traces = e.info.rectangular = true;
  const Mean longer{9.8, 8.1, 11.6};
  add_usual(e, "f32",
            {{30, 6.1, longer, 33, 17, 1, 0.0001},
             {33, 7.5, longer, 33, 18, 0, 0.00001},
             {35, 8.2, longer, 33, 19, 1, 0.00001},
             {35, 9.9, longer, 33, 20, 1, 0.00001}},
            {4, 1.2, {0.2, -0.6, 1}}, 95);
  add(e, Factor::padding_side, "left", "right", "f32", 8, {36, 11.4, {12.1, 10, 14}, 33, 26, 0, 1e-7});
  add(e, Factor::padding_value, "pad token", "token 5000", "f32", 8,
      {28, 5.5, {4, 2.5, 5.5}, 33, 12, 2, 0.01});
  add(e, Factor::padding_amount, "none", "16 columns", "f32", 8, {31, 7.7, {8, 6, 10}, 33, 14, 0, 0.0001});
  add(e, Factor::dtype, "f32", "f16", "f16", 8, {3, std::numeric_limits<double>::infinity(), {0, -0.2, 0.2}});
  LogitMeasures& overflown = *e.comparisons.back().measures.logits;
  overflown.nonfinite_rows = 7;
  overflown.mean_kl = overflown.max_kl = std::numeric_limits<double>::quiet_NaN();
  add(e, Factor::kv_cache, "on", "off", "f32", 8, {});
  e.comparisons.back().error = "the child process ended with signal 9 (out of memory?)";
  e.comparisons.back().measures = {};
  const auto verdict = [&e](VerdictKind kind, std::string sentence, std::string evidence,
                            std::string advice) {
    e.verdicts.push_back({kind, std::move(sentence), {std::move(evidence)}, std::move(advice)});
  };
  verdict(VerdictKind::mask_fault,
          "Padding is seen by the model: 35 of 40 answers change, and grow by 9.8 tokens.",
          "The padding value alone changes 28 of 40 answers; with a right mask it changes no bit.",
          "Pass attention_mask to generate, and give the tokenizer a pad token of its own.");
  verdict(VerdictKind::position_fault, "Positions count the padding.",
          "The difference grows with the position.", "Pass position_ids made of the mask.");
  verdict(VerdictKind::read_out_fault, "The wrong token is read out under right padding.",
          "States agree, the first token does not.", "Pad on the left.");
  verdict(VerdictKind::shared_activation_scale, "A scale is shared by the rows.",
          "Noise moves with the neighbours.", "Use scales per row.");
  verdict(VerdictKind::overflow, "f16 overflows.", "7 rows of logits are not finite.", "Use bf16 or f32.");
  e.examples = {{"fact-017", "Is snow cold?", Factor::padding_value, "pad token", "token 5000",
                 "Yes, snow is cold.", "Yes,<script>alert('no')</script> & \"more\" <b>text</b>", 4},
                {"fact-020", "Is 水 water?", Factor::padding_side, "left", "right", "はい、水です。",
                 "はい、氷です。", 11}};
  add_lengths(e, "batch 1", 7.2, 2.2, 1);
  add_lengths(e, "batch 16", 17, 4.5, 5);
  add_lengths(e, "batch 8, right padding", 19, 4, 6);
  add_lengths(e, "batch 8, padding value 5000", 11, 5, 7);
  add_noise(e, 4, 8, 900);
  add_trace(e, "hf, alone", "hf, batch 8 with padding", 30, 0, 2e-3);
  return e;
}

EngineReport unsteady() {
  EngineReport e = engine("llama.cpp", "b4242", {"q4_1"});
  e.info.factors.insert(Factor::prefix_cache);
  add_usual(e, "q4_1",
            {{15, 0.4, {0.1, -0.5, 0.7}}, {18, 0.4, {}}, {21, 0.5, {}}, {23, 0.5, {0.2, -0.5, 0.9}}},
            {9, 0.3, {}}, 180);
  add(e, Factor::prefix_cache, "miss", "hit", "q4_1", 8, {12, 0.9, {0.5, -0.2, 1.2}});
  e.verdicts = {
      {VerdictKind::nondeterminism,
       "The same run twice gives other answers.",
       {"2 of 40 differ."},
       "Use one thread."},
      {VerdictKind::leak_between_rows, "Rows see their neighbours.", {"3 of 40 differ."}, "Report it."},
      {VerdictKind::cache_fault,
       "A cache hit is not a miss.",
       {"12 of 40 differ."},
       "Turn cache_prompt off."}};
  add_noise(e, 0.2, 10, 300);
  return e;
}

EngineReport texts_only() {
  EngineReport e = engine("openai", "some-server/1.2 <unknown>", {"default"});
  e.info.tokens = e.info.logits = false;
  e.info.vocab_size = e.info.threads = 0;
  e.info.details = {{"url", "http://localhost:8000/v1"}, {"key", "from OPENAI_API_KEY"}};
  add_usual(e, "default", {{1, 0, {}}, {2, 0, {}}, {6, 0, {21.5, 3, 40}}, {9, 0, {30, 8, 52}}}, {2, 0, {}},
            60);
  e.verdicts = {{VerdictKind::unexplained,
                 "9 of 40 texts change with concurrency, and grow by 30 bytes.",
                 {"It shows neither logits nor padding."},
                 "Audit the engine behind it."}};
  return e;
}

EngineReport broken() {
  EngineReport e = engine("openvino", "", {"default"});
  e.info.factors.clear();
  e.error = "openvino: not set up; run isobatch audit --setup openvino";
  e.verdicts = {
      {VerdictKind::not_measured, "It could not be started.", {}, "Run isobatch audit --setup openvino."}};
  e.seconds = 0;
  return e;
}

AuditReport empty_report() {
  AuditReport report;
  report.isobatch_version = "0.1.0";
  report.created = "2026-01-02T03:04:05Z";
  report.command = "isobatch audit --engine isobatch --engine padded --html report.html";
  report.machine = "Some CPU @ 2.90GHz, 2 CPUs to use, AVX2 FMA F16C AVX-512F; Linux 6.1.0, x86_64";
  report.options = {{"batch sizes", "2, 4, 8, 16"}, {"dtype", "each engine's default"}};
  report.prompts_name = "yesno.jsonl";
  report.prompts_hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  report.prompts = kPrompts;
  report.max_tokens = 24;
  report.seed = 18446744073709551615u;
  return report;
}

}  // namespace

Share sample_share(int count, int of) {
  const double n = of, p = count / n, z = 1.959963984540054;
  const double scale = 1 + z * z / n, middle = p + z * z / (2 * n);
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {count, of, count == 0 ? 0 : (middle - half) / scale, count == of ? 1 : (middle + half) / scale};
}

AuditReport sample_report() {
  AuditReport report = empty_report();
  report.engines = {clean(), rounding(), faulty(), unsteady(), texts_only(), broken()};
  return report;
}

AuditReport sample_pair() {
  AuditReport report = empty_report();
  report.engines = {clean(), rounding()};
  return report;
}

}  // namespace isobatch::test
