// What depends on the batch size: changed answers, and speed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "audit/report/plots.h"
#include "audit/report/svg.h"
#include "audit/report/wording.h"

namespace isobatch::audit {
namespace {

constexpr std::size_t kMostSeries = 6;  // in one drawing
constexpr double kWidth = 360, kHeight = 236;

// An engine, in one dtype.
struct Series {
  int engine = 0;
  int variant = 0;  // of the engine's series
  std::string label;
  std::vector<const Comparison*> points;  // by batch size
};

std::vector<Series> series_of(const AuditReport& report) {
  std::vector<Series> all;
  for (std::size_t e = 0; e < report.engines.size(); ++e) {
    std::vector<Series> own;
    for (const Comparison& comparison : report.engines[e].comparisons) {
      const bool measured = comparison.factor == Factor::batch_size && comparison.not_offered.empty() &&
                            comparison.error.empty() && comparison.measures.differ.of > 0;
      if (!measured) continue;
      auto at = std::ranges::find(own, comparison.dtype, [](const Series& s) { return s.points[0]->dtype; });
      if (at == own.end()) {
        const int variant = static_cast<int>(own.size());
        at = own.insert(own.end(), Series{static_cast<int>(e), variant, report.engines[e].info.name, {}});
      }
      at->points.push_back(&comparison);
    }
    for (Series& series : own) {
      if (own.size() > 1) series.label += " " + series.points[0]->dtype;
      std::ranges::stable_sort(series.points, {}, &Comparison::batch_size);
      all.push_back(std::move(series));
    }
  }
  return all;
}

// In one drawing, or in one for each engine.
std::vector<std::vector<Series>> panels_of(std::vector<Series> all) {
  std::vector<std::vector<Series>> panels;
  for (Series& series : all) {
    const bool next =
        panels.empty() || (all.size() > kMostSeries && panels.back()[0].engine != series.engine);
    if (next) panels.emplace_back();
    panels.back().push_back(std::move(series));
  }
  return panels;
}

struct Value {
  int batch_size = 0;
  double value = 0, low = 0, high = 0;  // no interval: all the same
};

struct Plot {
  std::string id, title, y_name;
  std::function<std::vector<Value>(const Series&)> values_of;
};

std::string describe(const std::vector<Series>& panel, const Plot& plot) {
  std::string text;
  for (const Series& series : panel) {
    text += series.label + ": ";
    for (const Value& v : plot.values_of(series))
      text += fmt::format("batch {}: {}; ", v.batch_size, number(v.value));
  }
  return text;
}

std::string draw(const std::vector<Series>& panel, const Plot& plot, const std::set<int>& batch_sizes,
                 double most, std::size_t index) {
  double label_width = 0;
  for (const Series& series : panel)
    label_width = std::max(label_width, text_width(shortened(series.label, 16)));
  Frame frame;
  frame.right = kWidth - label_width - 14;
  Svg svg(kWidth, kHeight, fmt::format("{}-{}", plot.id, index), plot.title, describe(panel, plot));
  const Scale y = linear_scale(most, frame.bottom, frame.top);
  draw_axes(svg, frame, y, ticks_of(y, 5), plot.y_name, "batch size");

  // Batch sizes are steps of a choice, so they stand at equal distances.
  const double step = (frame.right - frame.left) / static_cast<double>(batch_sizes.size());
  const auto x_of = [&](int batch_size) {
    const auto place = std::distance(batch_sizes.begin(), batch_sizes.find(batch_size));
    return frame.left + step * (static_cast<double>(place) + 0.5);
  };
  for (const int batch_size : batch_sizes)
    draw_x_tick(svg, frame, x_of(batch_size), std::to_string(batch_size));

  const double apart = std::min(7.0, step / (static_cast<double>(panel.size()) + 1));
  std::vector<double> ends;
  for (std::size_t i = 0; i < panel.size(); ++i) {
    const double aside = (static_cast<double>(i) - static_cast<double>(panel.size() - 1) / 2) * apart;
    const std::vector<Value> values = plot.values_of(panel[i]);
    std::vector<std::pair<double, double>> points;
    svg.open_group(fmt::format("s{}", panel[i].engine % 6));
    for (const Value& v : values) points.emplace_back(x_of(v.batch_size) + aside, y(v.value));
    svg.path(points, panel[i].variant == 0 ? "series" : "series dashed");
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (values[k].high > values[k].low) {
        svg.line(points[k].first, y(values[k].low), points[k].first, y(values[k].high), "whisker");
      }
      svg.mark(panel[i].engine, points[k].first, points[k].second, 3.5,
               panel[i].variant == 0 ? "dot" : "dot open");
    }
    svg.close_group();
    ends.push_back(points.empty() ? frame.bottom : points.back().second);
  }
  const std::vector<double> real_ends = ends;
  spread(ends, 14, frame.top, frame.bottom);
  for (std::size_t i = 0; i < panel.size(); ++i) {
    svg.open_group(fmt::format("s{}", panel[i].engine % 6));
    svg.line(frame.right - 2, real_ends[i], frame.right + 6, ends[i], "leader");
    svg.text(frame.right + 9, ends[i] + 4, shortened(panel[i].label, 16), Anchor::start, "label");
    svg.close_group();
  }
  return svg.finish();
}

std::string plot_by_batch_size(const AuditReport& report, const Plot& plot, std::string_view reading) {
  const std::vector<std::vector<Series>> panels = panels_of(series_of(report));
  std::set<int> batch_sizes;
  double most = 0;
  for (const std::vector<Series>& panel : panels) {
    for (const Series& series : panel) {
      for (const Value& v : plot.values_of(series)) {
        batch_sizes.insert(v.batch_size);
        most = std::max(most, v.high);
      }
    }
  }
  if (batch_sizes.empty()) return {};
  std::vector<std::string> drawings;
  for (const std::vector<Series>& panel : panels) {
    drawings.push_back(draw(panel, plot, batch_sizes, most, drawings.size()));
  }
  return figure(plot.title, reading, drawings);
}

std::vector<Value> flips_of(const Series& series) {
  std::vector<Value> values;
  for (const Comparison* c : series.points) {
    const Share& differ = c->measures.differ;
    values.push_back({c->batch_size, 100 * differ.value(), 100 * differ.low, 100 * differ.high});
  }
  return values;
}

// The reference's speed too.
std::vector<Value> speeds_of(const Series& series) {
  std::vector<Value> values;
  const auto add = [&values](int batch_size, double speed) {
    if (speed > 0) values.push_back({batch_size, speed, speed, speed});
  };
  if (!series.points.empty()) {
    const Comparison& first = *series.points[0];
    const bool known = std::ranges::find(series.points, first.reference_batch_size,
                                         &Comparison::batch_size) != series.points.end();
    if (!known) add(first.reference_batch_size, first.measures.tokens_per_second_reference);
  }
  for (const Comparison* c : series.points) add(c->batch_size, c->measures.tokens_per_second_changed);
  std::ranges::stable_sort(values, {}, &Value::batch_size);
  return values;
}

}  // namespace

std::string flips_figure(const AuditReport& report) {
  return plot_by_batch_size(
      report, {"flips", "Answers that change with the batch size", "% of answers", flips_of},
      "Share of answers that are not what the same prompt gives in the reference run. Lines "
      "are 95 % confidence intervals.");
}

std::string throughput_figure(const AuditReport& report) {
  return plot_by_batch_size(
      report, {"speed", "Speed", "new tokens/s", speeds_of},
      "New tokens per second while the audit ran, prompts included: a guide, not a benchmark.");
}

std::string share_glyph(const Share& share, int engine) {
  constexpr double kBegin = 3, kEnd = 93, kMiddle = 6;
  const auto x = [](double value) {
    return kBegin + (std::isfinite(value) ? std::clamp(value, 0.0, 1.0) : 0.0) * (kEnd - kBegin);
  };
  std::string text = fmt::format(
      "<svg class=\"glyph s{}\" viewBox=\"0 0 96 12\" width=\"96\" height=\"12\" aria-hidden=\"true\">"
      "<line class=\"axis\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
      engine % 6, kBegin, kMiddle, kEnd, kMiddle);
  text += fmt::format("<line class=\"whisker\" x1=\"{:.1f}\" y1=\"6\" x2=\"{:.1f}\" y2=\"6\"/>", x(share.low),
                      x(share.high));
  text += fmt::format("<circle class=\"dot\" cx=\"{:.1f}\" cy=\"6\" r=\"3\"/></svg>", x(share.value()));
  return text;
}

}  // namespace isobatch::audit
