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

constexpr const FactorName& entry(Factor factor) { return kFactorNames[static_cast<std::size_t>(factor)]; }
static_assert([] {
  for (int i = 0; i < kFactors; ++i) {
    if (kFactorNames[i].factor != static_cast<Factor>(i)) return false;
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

std::string_view name_of(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::none:
      return "none";
    case VerdictKind::rounding:
      return "shape-dependent rounding";
    case VerdictKind::nondeterminism:
      return "run-to-run nondeterminism";
    case VerdictKind::leak_between_rows:
      return "leak between rows";
    case VerdictKind::mask_fault:
      return "mask fault";
    case VerdictKind::position_fault:
      return "position fault";
    case VerdictKind::shared_activation_scale:
      return "shared activation scale";
    case VerdictKind::cache_fault:
      return "cache fault";
    case VerdictKind::read_out_fault:
      return "read-out fault";
    case VerdictKind::overflow:
      return "overflow";
    case VerdictKind::unexplained:
      return "unexplained";
    case VerdictKind::not_measured:
      return "not measured";
  }
  return "";
}

bool is_bug(VerdictKind kind) {
  return kind != VerdictKind::none && kind != VerdictKind::rounding && kind != VerdictKind::not_measured;
}

Trace EngineUnderTest::trace(const Batch&, int, const Setting&, int) {
  throw Error(ErrorCode::unsupported, info().name + " does not show its operations");
}

}  // namespace isobatch::audit
