// What one engine shows: lengths of answers, noise against margins, growth of a difference.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "audit/report/plots.h"
#include "audit/report/svg.h"
#include "audit/report/wording.h"

namespace isobatch::audit {
namespace {

constexpr double kWidth = 360;
constexpr std::size_t kMostRows = 6;       // of lengths
constexpr std::size_t kMostPoints = 1500;  // that are drawn, flips apart
constexpr double kZeroBand = 16;           // pixels

std::string color_of(int index) { return fmt::format("s{}", index % 6); }

// Shares of the answers in each bin, of `width` lengths.
std::vector<double> histogram(const std::vector<int>& lengths, int bins, int width) {
  std::vector<double> shares(static_cast<std::size_t>(bins));
  for (const int length : lengths) {
    shares[static_cast<std::size_t>(std::clamp(length / width, 0, bins - 1))] +=
        1.0 / static_cast<double>(lengths.size());
  }
  return shares;
}

double mean_of(const std::vector<int>& lengths) {
  if (lengths.empty()) return 0;
  return std::accumulate(lengths.begin(), lengths.end(), 0.0) / static_cast<double>(lengths.size());
}

// A growth's steps: those whose operations are drawn apart.
std::map<int, std::vector<const GrowthPoint*>> by_step(const TraceComparison& trace) {
  std::map<int, std::vector<const GrowthPoint*>> steps;
  for (const GrowthPoint& point : trace.growth) steps[point.step].push_back(&point);
  return steps;
}

bool is_stream(const GrowthPoint& point) {
  return point.op == "embedding" || point.op == "logits" || point.op.ends_with("residual");
}

std::string growth_figure(const TraceComparison& trace, int engine, std::size_t index) {
  const std::string title = fmt::format("{} against {}", trace.a, trace.b);
  if (!trace.first) return figure(title, trace_text(trace), {});
  // The step where the runs part says most.
  const std::map<int, std::vector<const GrowthPoint*>> steps = by_step(trace);
  if (steps.empty()) return {};
  const auto wanted = steps.find(trace.first->step);
  const std::vector<const GrowthPoint*>& points =
      wanted == steps.end() ? steps.begin()->second : wanted->second;

  std::vector<double> values;
  for (const GrowthPoint* point : points) values.push_back(point->relative);
  Frame frame;
  frame.left = 46;
  frame.bottom = 204;
  Svg svg(kWidth, 248, fmt::format("growth-{}-{}", engine, index), title, trace_text(trace));
  const Scale y = log_scale(values, frame.bottom - kZeroBand, frame.top, kZeroBand);
  draw_axes(svg, frame, y, ticks_of(y, 6), "relative difference (root mean square)", "layer");
  svg.line(frame.left, y.zero, frame.right, y.zero, "axis");
  svg.text(frame.left - 6, y.zero + 4, "0", Anchor::end);

  const double step =
      (frame.right - frame.left) / static_cast<double>(std::max<std::size_t>(points.size(), 1));
  const auto x_of = [&](std::size_t i) { return frame.left + (static_cast<double>(i) + 0.5) * step; };
  int layers = 0;
  for (const GrowthPoint* point : points) layers = std::max(layers, point->layer + 1);
  const int every = std::max(1, (layers + 7) / 8);
  std::vector<std::pair<double, double>> stream;
  svg.open_group(color_of(engine));
  for (std::size_t i = 0; i < points.size(); ++i) {
    svg.circle(x_of(i), y(points[i]->relative), 1.6, "cloud");
    if (is_stream(*points[i])) stream.emplace_back(x_of(i), y(points[i]->relative));
  }
  svg.path(stream, "series");
  svg.close_group();
  for (std::size_t i = 0; i < points.size(); ++i) {
    const bool begins = points[i]->layer >= 0 && (i == 0 || points[i - 1]->layer != points[i]->layer);
    if (begins && points[i]->layer % every == 0) {
      draw_x_tick(svg, frame, x_of(i), std::to_string(points[i]->layer));
    }
  }
  const auto point_out = [&](const GrowthPoint& which, std::string_view classes, std::string_view name) {
    const auto found = std::ranges::find(points, which.op, &GrowthPoint::op);
    if (which.step != points[0]->step || found == points.end()) return;
    const double at_x = x_of(static_cast<std::size_t>(found - points.begin())), at_y = y((*found)->relative);
    svg.circle(at_x, at_y, 5, classes);
    if (name.empty()) return;
    // The line climbs to the right: below it, or left of it, is room for the name.
    const bool left_half = at_x < (frame.left + frame.right) / 2;
    svg.text(at_x + (left_half ? 10 : -10),
             left_half ? std::min(at_y + 12, y.zero - 5) : std::max(at_y - 6, frame.top + 8),
             fmt::format("{}: {}", name, shortened(which.op, 28)), left_half ? Anchor::start : Anchor::end,
             "strong");
  };
  const bool at_once =
      trace.jump && trace.jump->op == trace.first->op && trace.jump->step == trace.first->step;
  point_out(*trace.first, "first", at_once ? "first, beyond rounding" : "first");
  if (trace.jump) point_out(*trace.jump, "jump", at_once ? "" : "beyond rounding");
  const int number_of_step = points[0]->step;
  return figure(
      title,
      fmt::format(
          "{} Dots are operations in their order{}; the line is the residual stream, and the logits at its "
          "end.",
          trace_text(trace), number_of_step == 0 ? "" : fmt::format(", of new token {}", number_of_step)),
      {svg.finish()});
}

}  // namespace

std::string figure(std::string_view title, std::string_view reading,
                   const std::vector<std::string>& drawings) {
  std::string text = fmt::format("<figure><figcaption><b>{}</b> {}</figcaption><div class=\"drawings\">",
                                 escape(title), escape(reading));
  for (const std::string& drawing : drawings) text += drawing;
  return text + "</div></figure>\n";
}

std::string lengths_figure(const EngineReport& engine, int index, bool explain) {
  std::vector<const LengthDistribution*> rows;
  int most = 0;
  for (const LengthDistribution& lengths : engine.lengths) {
    if (lengths.lengths.empty() || rows.size() == kMostRows) continue;
    rows.push_back(&lengths);
    most = std::max(most, *std::ranges::max_element(lengths.lengths));
  }
  if (rows.empty()) return {};

  constexpr double kRow = 58, kBars = 30, kTop = 16;
  const int bin = most / 40 + 1, bins = most / bin + 1;
  std::vector<std::vector<double>> shares;
  double tallest = 0;
  std::string description;
  for (const LengthDistribution* row : rows) {
    shares.push_back(histogram(row->lengths, bins, bin));
    tallest = std::max(tallest, *std::ranges::max_element(shares.back()));
    description += fmt::format("{}: mean {}; ", row->label, number(mean_of(row->lengths)));
  }
  Frame frame;
  frame.left = 4;
  frame.bottom = kTop + kRow * static_cast<double>(rows.size()) - 4;
  const std::string title = fmt::format("{}: lengths of answers", engine.info.name);
  Svg svg(kWidth, frame.bottom + 40, fmt::format("lengths-{}", index), title, description);
  const double pixels = (frame.right - frame.left) / bins;  // of a bin
  const auto x_of = [&](double length) { return frame.left + length / bin * pixels; };
  const Scale axis = linear_scale(most, 0, 1);
  for (const Tick& tick : ticks_of(axis, 6)) {
    if (tick.value <= most && tick.value == std::floor(tick.value)) {
      draw_x_tick(svg, frame, x_of(tick.value) + (bin == 1 ? pixels / 2 : 0), tick.label);
    }
  }
  svg.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis");
  svg.text((frame.left + frame.right) / 2, frame.bottom + 34,
           fmt::format("{} of an answer", length_unit(engine.info)), Anchor::middle, "name");
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const double top = kTop + kRow * static_cast<double>(r), floor = top + 12 + kBars;
    const double mean = mean_of(rows[r]->lengths);
    svg.text(frame.left, top + 4, shortened(rows[r]->label, 40), Anchor::start, "strong");
    svg.text(frame.right, top + 4, fmt::format("mean {}", number(mean)), Anchor::end);
    const auto bars = [&](const std::vector<double>& of, std::string_view classes) {
      std::vector<std::pair<double, double>> outline = {{frame.left, floor}};
      for (int b = 0; b < bins; ++b) {
        const double height = kBars * of[static_cast<std::size_t>(b)] / tallest;
        outline.emplace_back(frame.left + b * pixels, floor - height);
        outline.emplace_back(frame.left + (b + 1) * pixels, floor - height);
      }
      outline.emplace_back(frame.right, floor);
      svg.path(outline, classes);
    };
    bars(shares[0], "ghost");
    svg.open_group(color_of(index));
    if (r > 0) bars(shares[r], "outline");
    const double x = x_of(mean) + (bin == 1 ? pixels / 2 : 0);
    svg.path({{x, floor + 1}, {x - 4, floor + 7}, {x + 4, floor + 7}}, r > 0 ? "solid" : "ghost-mark", true);
    svg.close_group();
  }
  return figure(title,
                explain ? "How long the answers are (triangle: mean). Grey: the reference, also behind the "
                          "others. Rounding "
                          "changes answers but not their length; when answers get longer, think of a bug."
                        : "",
                {svg.finish()});
}

std::string noise_figure(const EngineReport& engine, int index, bool explain) {
  if (engine.noise.empty()) return {};
  std::vector<double> noises, margins;
  std::vector<const NoisePoint*> flipped, others;
  for (const NoisePoint& point : engine.noise) {
    noises.push_back(point.noise);
    margins.push_back(point.margin);
    (point.flipped ? flipped : others).push_back(&point);
  }
  const std::string title = fmt::format("{}: noise against margin", engine.info.name);
  if (std::ranges::all_of(noises, [](double noise) { return noise == 0; })) {
    return figure(
        title, fmt::format("No noise: not one logit of {} chosen tokens moved.", count_text(noises.size())),
        {});
  }
  Frame frame;
  frame.left = 46;
  frame.right = 338;
  frame.bottom = 214;
  Svg svg(kWidth, 258, fmt::format("noise-{}", index), title,
          fmt::format("{} tokens, {} of them flipped", engine.noise.size(), flipped.size()));
  const Scale y = log_scale(noises, frame.bottom - kZeroBand, frame.top, kZeroBand);
  const Scale x = log_scale(margins, frame.left + kZeroBand, frame.right, kZeroBand);

  // A flip takes a noise of half the margin: one logit falls, the other rises. The region is cut to the axes.
  // Without a margin any noise does it.
  const double no_margin = frame.left + kZeroBand / 2;
  std::vector<std::pair<double, double>> region = {{frame.left, frame.top},
                                                   {frame.left, y(y.least)},
                                                   {no_margin, y(y.least)},
                                                   {no_margin, y(x.least / 2)}};
  for (int i = 0; i <= 64; ++i) {
    const double margin = x.least * std::pow(x.most / x.least, i / 64.0);
    if (margin / 2 >= y.least && margin / 2 <= y.most) region.emplace_back(x(margin), y(margin / 2));
  }
  const double last = std::min(x.most, 2 * y.most);
  region.emplace_back(x(last), y(last / 2));
  if (last < x.most || last / 2 < y.most) region.emplace_back(x(last), frame.top);
  svg.path(region, "region", true);
  draw_axes(svg, frame, y, ticks_of(y, 6), "noise: greatest |Δ logit| of the token",
            "margin between its two greatest logits");
  svg.text(frame.left + kZeroBand + 4, frame.top + 12, "a flip is possible", Anchor::start, "faint");
  svg.line(frame.left, y.zero, frame.right, y.zero, "axis");
  svg.text(frame.left - 6, y.zero + 4, "0", Anchor::end);
  for (const Tick& tick : ticks_of(x, 5)) draw_x_tick(svg, frame, x(tick.value), tick.label);

  const std::size_t every = (others.size() + kMostPoints - 1) / kMostPoints;
  svg.open_group(color_of(index));
  for (std::size_t i = 0; i < others.size(); i += std::max<std::size_t>(every, 1)) {
    svg.circle(x(others[i]->margin), y(others[i]->noise), 2, "cloud");
  }
  svg.close_group();
  for (const NoisePoint* point : flipped) svg.mark(3, x(point->margin), y(point->noise), 3.4, "flip");
  std::string reading = fmt::format(
      "{}{} of {} tokens flipped{}.",
      explain ? "Each dot is a chosen token. Noise can flip it where it is above half of "
                "its margin (shaded). "
              : "",
      count_text(flipped.size()), count_text(engine.noise.size()), flipped.empty() ? "" : " (diamonds)");
  const auto outside =
      std::ranges::count_if(flipped, [](const NoisePoint* p) { return p->margin > 2 * p->noise; });
  if (outside > 0) reading += fmt::format(" {} of them outside of the shaded region.", outside);
  if (every > 1) reading += fmt::format(" One dot in {} is drawn, and all that flipped.", every);
  return figure(title, reading, {svg.finish()});
}

std::string growth_figures(const EngineReport& engine, int index) {
  std::string text;
  for (std::size_t i = 0; i < engine.traces.size(); ++i) text += growth_figure(engine.traces[i], index, i);
  return text;
}

}  // namespace isobatch::audit
