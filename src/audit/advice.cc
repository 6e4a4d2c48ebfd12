#include <algorithm>
#include <string_view>

#include "audit/diagnosis.h"

namespace isobatch::audit {
namespace {

// What holds for an audit already: a detail of the engine's (EngineInfo::details), or "dtype", the base's.
struct Condition {
  std::string_view key, value;  // no key: always
};

struct Advice {
  VerdictKind kind;
  std::string_view engine;  // empty: any
  std::string_view text;
  Condition condition = {};
};

// The first that fits: those of an engine stand before the general one, and those that know what has been
// done already before those that propose it.
constexpr Advice kAdvice[] = {
    {VerdictKind::none, "", "Nothing to do."},
    {VerdictKind::rounding,
     "hf",
     "Not a bug of yours, and f32, which this is, makes changed answers as rare as they get here; equal "
     "lengths do not help. Only an engine with batch-invariant kernels makes them none.",
     {"dtype", "f32"}},
    {VerdictKind::rounding, "hf",
     "Not a bug of yours. f32 (dtype=torch.float32) makes changed answers rare, equal lengths do not; only "
     "an engine with batch-invariant kernels makes them none."},
    {VerdictKind::rounding,
     "llama.cpp",
     "Not a bug of yours, and each sequence has its own stream (kv_unified = false) already. Keep -np and "
     "the "
     "ubatch size fixed, and do not compare answers made under different load.",
     {"unified KV cache", "off"}},
    {VerdictKind::rounding, "llama.cpp",
     "Not a bug of yours. Give each sequence its own stream (kv_unified = false), keep -np and the ubatch "
     "size fixed, and do not compare answers made under different load."},
    {VerdictKind::rounding,
     "openvino",
     "Not a bug of yours, and 8-bit activations are off already. INFERENCE_PRECISION_HINT f32 and "
     "KV_CACHE_PRECISION f32 make changed answers rarer still, at a price in speed.",
     {"dynamic quantization", "off"}},
    {VerdictKind::rounding, "openvino",
     "Not a bug of yours. Activations and a KV cache in 8 bits make the rounding coarse; "
     "INFERENCE_PRECISION_HINT f32, DYNAMIC_QUANTIZATION_GROUP_SIZE 0 and KV_CACHE_PRECISION f32 together "
     "make changed answers rare, at a price in speed."},
    {VerdictKind::rounding,
     "",
     "Not a bug, and this is f32, where changed answers are rarest. Keep the batch size fixed, or use an "
     "engine whose logits do not depend on the batch.",
     {"dtype", "f32"}},
    {VerdictKind::rounding, "",
     "Not a bug. Use f32 where answers must be compared, keep the batch size fixed, or use an engine whose "
     "logits "
     "do not depend on the batch."},
    {VerdictKind::nondeterminism, "hf",
     "torch.use_deterministic_algorithms(True), one thread count, and no atomics in custom kernels; then "
     "audit again."},
    {VerdictKind::nondeterminism, "openai",
     "The service batches your requests with others': its rounding follows a load that you do not see. Ask "
     "for a "
     "batch-invariant mode or do not rely on equal answers."},
    {VerdictKind::nondeterminism, "",
     "Look for sums whose order is left to threads or atomics; no other factor can be judged below this "
     "noise."},
    {VerdictKind::leak_between_rows, "",
     "Do not batch with this engine until it is mended: look at the mask's row and at the KV cache's page "
     "table in "
     "the operation named above."},
    {VerdictKind::mask_fault,
     "hf",
     "generate() did get an attention_mask, so look into the model: each layer's attention must add it "
     "before "
     "the softmax.",
     {"attention mask", "on"}},
    {VerdictKind::mask_fault, "hf",
     "Pass attention_mask to generate(), made by the tokenizer's padding; give the tokenizer a pad token "
     "that is not eos; check that a custom model uses the mask in every layer."},
    {VerdictKind::mask_fault, "",
     "Give the attention mask along with the padded ids, as −inf before the softmax, in every layer; or do "
     "not pad."},
    {VerdictKind::position_fault, "hf",
     "Derive position_ids from the mask: (attention_mask.cumsum(-1) - 1).clamp(min=0), and pad on the left."},
    {VerdictKind::position_fault, "",
     "Count positions from the first real token of each row, and advance each row's own at every new token."},
    {VerdictKind::shared_activation_scale, "",
     "Quantize activations per row (per token), not per tensor; or run one request at a time."},
    {VerdictKind::cache_fault, "hf",
     "use_cache=False gives the right answers; report the cache class in use."},
    {VerdictKind::cache_fault, "",
     "Switch that cache off; its key must cover every token, and its entries every dtype."},
    {VerdictKind::read_out_fault, "hf",
     "Set tokenizer.padding_side = 'left' for generation: generate() reads the last column, which is padding "
     "under right padding."},
    {VerdictKind::read_out_fault, "", "Pad on the left, or read the logits at each row's last real token."},
    {VerdictKind::overflow, "hf", "Use torch.bfloat16 or float32: this model's activations do not fit f16."},
    {VerdictKind::overflow, "", "Use bf16 or f32: this model's activations do not fit f16."},
    {VerdictKind::unexplained, "",
     "Compare runs with `isobatch trace`, or audit with more prompts and with an adapter that shows logits."},
    {VerdictKind::not_measured, "", "See the error; audit again when it is gone."},
};

}  // namespace

std::string advice(VerdictKind kind, const EngineInfo& engine, const std::string& dtype) {
  const auto holds = [&](const Condition& condition) {
    if (condition.key.empty()) return true;
    if (condition.key == "dtype") return condition.value == dtype;
    return std::ranges::any_of(engine.details, [&](const auto& detail) {
      return detail.first == condition.key && detail.second == condition.value;
    });
  };
  for (const Advice& entry : kAdvice) {
    const bool fits = entry.kind == kind && (entry.engine.empty() || entry.engine == engine.name);
    if (fits && holds(entry.condition)) return std::string(entry.text);
  }
  return {};
}

}  // namespace isobatch::audit
