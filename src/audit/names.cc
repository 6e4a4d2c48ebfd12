// The words of reports, in one place.
#include <array>

#include "isobatch/audit/engine.h"
#include "isobatch/audit/report.h"
#include "isobatch/error.h"

namespace isobatch::audit {
namespace {

struct FactorName {
  Factor factor;
  std::string_view key, name;
};
constexpr std::array<FactorName, kFactors> kFactorNames = {{
    {Factor::dtype, "dtype", "dtype"},
    {Factor::kv_dtype, "kv_dtype", "KV dtype"},
    {Factor::rerun, "rerun", "rerun"},
    {Factor::batch_size, "batch_size", "batch size"},
    {Factor::order, "order", "order in the batch"},
    {Factor::neighbours, "neighbours", "neighbours' content"},
    {Factor::padding_side, "padding_side", "padding side"},
    {Factor::padding_value, "padding_value", "padding value"},
    {Factor::padding_amount, "padding_amount", "amount of padding"},
    {Factor::kv_cache, "kv_cache", "KV cache"},
    {Factor::prefill_chunk, "prefill_chunk", "prefill chunk"},
    {Factor::threads, "threads", "threads"},
    {Factor::prefix_cache, "prefix_cache", "prefix cache"},
}};

struct VerdictName {
  VerdictKind kind;
  std::string_view key, name;
};
constexpr std::array<VerdictName, kVerdictKinds> kVerdictNames = {{
    {VerdictKind::none, "none", "none"},
    {VerdictKind::rounding, "rounding", "shape-dependent rounding"},
    {VerdictKind::nondeterminism, "nondeterminism", "run-to-run nondeterminism"},
    {VerdictKind::leak_between_rows, "leak_between_rows", "leak between rows"},
    {VerdictKind::mask_fault, "mask_fault", "mask fault"},
    {VerdictKind::position_fault, "position_fault", "position fault"},
    {VerdictKind::shared_activation_scale, "shared_activation_scale", "shared activation scale"},
    {VerdictKind::cache_fault, "cache_fault", "cache fault"},
    {VerdictKind::read_out_fault, "read_out_fault", "read-out fault"},
    {VerdictKind::overflow, "overflow", "overflow"},
    {VerdictKind::unexplained, "unexplained", "unexplained"},
    {VerdictKind::not_measured, "not_measured", "not measured"},
}};

constexpr const FactorName& entry(Factor factor) { return kFactorNames[static_cast<std::size_t>(factor)]; }
constexpr const VerdictName& entry(VerdictKind kind) { return kVerdictNames[static_cast<std::size_t>(kind)]; }
// The tables are in the order of their enumerators.
static_assert([] {
  for (int i = 0; i < kFactors; ++i) {
    if (kFactorNames[i].factor != static_cast<Factor>(i)) return false;
  }
  for (int i = 0; i < kVerdictKinds; ++i) {
    if (kVerdictNames[i].kind != static_cast<VerdictKind>(i)) return false;
  }
  return true;
}());

}  // namespace

std::string_view name_of(Factor factor) { return entry(factor).name; }
std::string_view key_of(Factor factor) { return entry(factor).key; }

std::optional<Factor> factor_of_key(std::string_view key) {
  for (const FactorName& entry : kFactorNames) {
    if (entry.key == key) return entry.factor;
  }
  return std::nullopt;
}

std::string_view name_of(VerdictKind kind) { return entry(kind).name; }
std::string_view key_of(VerdictKind kind) { return entry(kind).key; }

std::optional<VerdictKind> verdict_of_key(std::string_view key) {
  for (const VerdictName& entry : kVerdictNames) {
    if (entry.key == key) return entry.kind;
  }
  return std::nullopt;
}

bool is_bug(VerdictKind kind) {
  return kind != VerdictKind::none && kind != VerdictKind::rounding && kind != VerdictKind::not_measured;
}

Trace EngineUnderTest::trace(const Batch&, int, const Setting&, int) {
  throw Error(ErrorCode::unsupported, info().name + " does not show its operations");
}

}  // namespace isobatch::audit
