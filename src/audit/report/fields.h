// The fields of a report under their names in JSON: the one list that writing, reading and the
// documentation's test go by. docs/audit-schema.md describes them.
#pragma once

#include <concepts>
#include <type_traits>

#include "isobatch/audit/report.h"

namespace isobatch::audit {

// A T that may be const.
template <typename Value, typename T>
concept Is = std::same_as<std::remove_const_t<Value>, T>;

// Each calls visit(name, field) for all fields, in the order of the JSON.

template <typename Visit>
void fields(Visit& visit, Is<Share> auto& share) {
  visit("count", share.count);
  visit("of", share.of);
  visit("low", share.low);
  visit("high", share.high);
}

template <typename Visit>
void fields(Visit& visit, Is<Mean> auto& mean) {
  visit("value", mean.value);
  visit("low", mean.low);
  visit("high", mean.high);
}

template <typename Visit>
void fields(Visit& visit, Is<Accuracy> auto& accuracy) {
  visit("reference", accuracy.reference);
  visit("changed", accuracy.changed);
  visit("lost", accuracy.lost);
  visit("gained", accuracy.gained);
  visit("p_value", accuracy.p_value);
}

template <typename Visit>
void fields(Visit& visit, Is<LogitMeasures> auto& logits) {
  visit("rows", logits.rows);
  visit("rows_equal", logits.rows_equal);
  visit("max_difference", logits.max_difference);
  visit("median_difference", logits.median_difference);
  visit("max_ulp", logits.max_ulp);
  visit("median_relative", logits.median_relative);
  visit("max_relative", logits.max_relative);
  visit("mean_kl", logits.mean_kl);
  visit("max_kl", logits.max_kl);
  visit("nonfinite_rows", logits.nonfinite_rows);
  visit("at_risk", logits.at_risk);
  visit("first_step_max_relative", logits.first_step_max_relative);
  visit("later_step_max_relative", logits.later_step_max_relative);
}

template <typename Visit>
void fields(Visit& visit, Is<Measures> auto& measures) {
  visit("differ", measures.differ);
  visit("first_token_differ", measures.first_token_differ);
  visit("median_first_difference", measures.median_first_difference);
  visit("mean_length_reference", measures.mean_length_reference);
  visit("mean_length_changed", measures.mean_length_changed);
  visit("length_drift", measures.length_drift);
  visit("accuracy", measures.accuracy);
  visit("logits", measures.logits);
  visit("tokens_per_second_reference", measures.tokens_per_second_reference);
  visit("tokens_per_second_changed", measures.tokens_per_second_changed);
}

template <typename Visit>
void fields(Visit& visit, Is<Comparison> auto& comparison) {
  visit("factor", comparison.factor);
  visit("reference", comparison.reference);
  visit("changed", comparison.changed);
  visit("conditions", comparison.conditions);
  visit("dtype", comparison.dtype);
  visit("batch_size", comparison.batch_size);
  visit("reference_batch_size", comparison.reference_batch_size);
  visit("finest", comparison.finest);
  visit("not_offered", comparison.not_offered);
  visit("error", comparison.error);
  visit("measures", comparison.measures);
}

template <typename Visit>
void fields(Visit& visit, Is<Verdict> auto& verdict) {
  visit("kind", verdict.kind);
  visit("sentence", verdict.sentence);
  visit("evidence", verdict.evidence);
  visit("advice", verdict.advice);
}

template <typename Visit>
void fields(Visit& visit, Is<Example> auto& example) {
  visit("prompt_id", example.prompt_id);
  visit("question", example.question);
  visit("factor", example.factor);
  visit("reference_label", example.reference_label);
  visit("changed_label", example.changed_label);
  visit("reference_text", example.reference_text);
  visit("changed_text", example.changed_text);
  visit("first_difference", example.first_difference);
}

template <typename Visit>
void fields(Visit& visit, Is<NoisePoint> auto& point) {
  visit("noise", point.noise);
  visit("margin", point.margin);
  visit("flipped", point.flipped);
  visit("factor", point.factor);
}

template <typename Visit>
void fields(Visit& visit, Is<GrowthPoint> auto& point) {
  visit("op", point.op);
  visit("layer", point.layer);
  visit("step", point.step);
  visit("max_difference", point.max_difference);
  visit("max_ulp", point.max_ulp);
  visit("relative", point.relative);
  visit("inputs_equal", point.inputs_equal);
}

template <typename Visit>
void fields(Visit& visit, Is<TraceComparison> auto& trace) {
  visit("a", trace.a);
  visit("b", trace.b);
  visit("first", trace.first);
  visit("shape", trace.shape);
  visit("jump", trace.jump);
  visit("growth", trace.growth);
  visit("factor", trace.factor);
}

template <typename Visit>
void fields(Visit& visit, Is<LengthDistribution> auto& lengths) {
  visit("label", lengths.label);
  visit("lengths", lengths.lengths);
}

template <typename Visit>
void fields(Visit& visit, Is<EngineInfo> auto& info) {
  visit("name", info.name);
  visit("version", info.version);
  visit("model", info.model);
  visit("dtypes", info.dtypes);
  visit("kv_dtypes", info.kv_dtypes);
  visit("factors", info.factors);
  visit("tokens", info.tokens);
  visit("logits", info.logits);
  visit("traces", info.traces);
  visit("rectangular", info.rectangular);
  visit("vocab_size", info.vocab_size);
  visit("threads", info.threads);
  visit("details", info.details);
}

template <typename Visit>
void fields(Visit& visit, Is<EngineReport> auto& engine) {
  visit("info", engine.info);
  visit("error", engine.error);
  visit("seconds", engine.seconds);
  visit("verdicts", engine.verdicts);
  visit("comparisons", engine.comparisons);
  visit("lengths", engine.lengths);
  visit("traces", engine.traces);
  visit("examples", engine.examples);
  visit("noise", engine.noise);
}

template <typename Visit>
void fields(Visit& visit, Is<AuditReport> auto& report) {
  visit("version", report.version);
  visit("isobatch_version", report.isobatch_version);
  visit("created", report.created);
  visit("command", report.command);
  visit("machine", report.machine);
  visit("options", report.options);
  visit("prompts_name", report.prompts_name);
  visit("prompts_hash", report.prompts_hash);
  visit("prompts", report.prompts);
  visit("max_tokens", report.max_tokens);
  visit("seed", report.seed);
  visit("engines", report.engines);
}

}  // namespace isobatch::audit
