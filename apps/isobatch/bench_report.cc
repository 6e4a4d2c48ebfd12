#include "bench_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "table.h"

namespace isobatch::cli {
namespace {

using Json = nlohmann::ordered_json;

// json["prefill_512"] or json["decode"]["16"].
Json& at(Json& json, const Phase& phase) {
  const std::string size = std::to_string(phase.size);
  return phase.decode ? json["decode"][size] : json["prefill_" + size];
}

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

std::string rates_table(const BenchReport& report) {
  std::vector<std::string> headings = {"", "tokens/s", "MB/token", "Mop/token", "GB/s", "Gop/s"};
  if (report.peaks) {
    for (const char* heading :
         {"of peak\nGB/s", "of peak\nGop/s", "limit\ntokens/s", "bound by", "reached"}) {
      headings.push_back(heading);
    }
  }
  Table table(headings);
  for (const Phase& phase : report.phases) {
    const Cost& cost = phase.cost;
    std::vector<std::string> row = {phase.name(),
                                    fmt::format("{:.1f}", phase.rate),
                                    fmt::format("{:.2f}", cost.bytes / 1e6),
                                    fmt::format("{:.1f}", cost.operations() / 1e6),
                                    fmt::format("{:.2f}", phase.rate * cost.bytes / 1e9),
                                    fmt::format("{:.1f}", phase.rate * cost.operations() / 1e9)};
    if (report.peaks) {
      const Roofline roof = roofline(cost, *report.peaks);
      row.push_back(percent(phase.rate / roof.memory));
      row.push_back(roof.arithmetic > 0 ? percent(phase.rate / roof.arithmetic) : "–");
      row.push_back(fmt::format("{:.0f}", roof.limit()));
      row.push_back(roof.binds());
      row.push_back(percent(phase.rate / roof.limit()));
    }
    table.add_row(row);
  }
  return table.to_text();
}

std::string peaks_text(const MachinePeaks& peaks) {
  const auto rate = [](double operations, const std::string& instruction) {
    return operations > 0 ? fmt::format("{:.1f} Gop/s ({})", operations / 1e9, instruction) : "not known";
  };
  return fmt::format(
      "peaks measured with {} threads: read {:.2f} GB/s from a set of the weights' size, {:.2f} GB/s from "
      "512 "
      "MiB;\n  quantized products {}; f32 {}\n",
      peaks.threads, peaks.bandwidth / 1e9, peaks.stream_bandwidth / 1e9,
      rate(peaks.quantized, peaks.quantized_instruction), rate(peaks.f32, peaks.f32_instruction));
}

double total_seconds(const StepTimes& times) {
  double total = 0;
  for (const StageTime& stage : times.stages) total += stage.seconds;
  return total;
}

std::string profile_table(const Phase& phase, int threads) {
  const StepTimes& times = *phase.profile;
  const double total = total_seconds(times), steps = double(times.steps);
  Table table({fmt::format("{}: {} steps", phase.name(), times.steps), "ms/step", "share", "thread ms/step",
               "waiting"});
  const auto add = [&](std::string_view name, double seconds, std::optional<double> busy) {
    table.add_row({std::string(name), fmt::format("{:.3f}", seconds * 1e3 / steps), percent(seconds / total),
                   busy ? fmt::format("{:.3f}", *busy * 1e3 / steps) : "–",
                   busy && seconds > 0 ? percent(1 - *busy / (threads * seconds)) : "–"});
  };
  for (const StageTime& stage : times.stages) add(stage.name, stage.seconds, stage.thread_seconds);
  add("step", total, std::nullopt);
  return table.to_text();
}

Json profile_json(const StepTimes& times) {
  Json json;
  json["steps"] = times.steps;
  for (const StageTime& stage : times.stages) {
    Json& own = json["stages"][std::string(stage.name)];
    own["seconds"] = stage.seconds;
    own["thread_seconds"] = stage.thread_seconds ? Json(*stage.thread_seconds) : Json();
  }
  return json;
}

Json shape_json(const ModelInfo& info) {
  return {{"layers", info.layers},
          {"heads", info.heads},
          {"kv_heads", info.kv_heads},
          {"head_dim", info.head_dim},
          {"matmul_bytes", info.matmul_bytes},
          {"matmul_macs", info.matmul_macs},
          {"head_macs", info.head_macs}};
}

Json peaks_json(const MachinePeaks& peaks) {
  const auto known = [](double value) { return value > 0 ? Json(value) : Json(); };
  return {{"bytes_per_second", peaks.bandwidth},
          {"stream_bytes_per_second", peaks.stream_bandwidth},
          {"quantized_operations_per_second", known(peaks.quantized)},
          {"quantized_instruction", peaks.quantized_instruction},
          {"f32_operations_per_second", known(peaks.f32)},
          {"f32_instruction", peaks.f32_instruction}};
}

}  // namespace

Roofline roofline(const Cost& cost, const MachinePeaks& peaks) {
  Roofline roof{.memory = peaks.bandwidth / cost.bytes};
  if (peaks.f32 > 0 && peaks.quantized > 0) {
    roof.arithmetic = 1 / (cost.quantized_operations / peaks.quantized + cost.float_operations / peaks.f32);
  }
  return roof;
}

std::string bench_text(const BenchReport& report) {
  std::string text = rates_table(report);
  text += fmt::format("{} kernels, {} threads\n", report.kernels, report.threads);
  if (report.peaks) text += peaks_text(*report.peaks);
  for (const Phase& phase : report.phases) {
    if (phase.profile) text.append("\n").append(profile_table(phase, report.threads));
  }
  return text;
}

std::string bench_json(const BenchReport& report, const Model& model) {
  Json json;
  for (const Phase& phase : report.phases) at(json, phase) = phase.rate;
  for (const Phase& phase : report.phases) {
    at(json["bytes_per_token"], phase) = phase.cost.bytes;
    at(json["operations_per_token"], phase) = phase.cost.operations();
    at(json["seconds_per_step"], phase) = phase.step_seconds;
    at(json["least_seconds_per_step"], phase) = phase.least_step_seconds;
    if (report.peaks) {
      const Roofline roof = roofline(phase.cost, *report.peaks);
      at(json["roofline"], phase) = {
          {"limit", roof.limit()}, {"bound_by", roof.binds()}, {"reached", phase.rate / roof.limit()}};
    }
    if (phase.profile) at(json["profile"], phase) = profile_json(*phase.profile);
  }
  if (report.peaks) json["peaks"] = peaks_json(*report.peaks);
  json["kernels"] = report.kernels;
  json["threads"] = report.threads;
  json["shape"] = shape_json(model.info());
  json["system_fingerprint"] = model.fingerprint();
  return json.dump(2) + "\n";
}

}  // namespace isobatch::cli
