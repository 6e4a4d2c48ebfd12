// How far each change moves an engine's logits, against the limit that rounding does not reach.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "audit/diagnosis.h"
#include "audit/report/plots.h"
#include "audit/report/svg.h"
#include "audit/report/wording.h"

namespace isobatch::audit {
namespace {

constexpr double kWidth = 360, kRow = 30, kTop = 14;
constexpr std::size_t kMostRows = 10;

struct Movement {
  std::string label;
  double median = 0, most = 0, limit = 0;  // relative; most may be infinite
  bool nonfinite = false;
  double excess() const { return nonfinite ? INFINITY : most / limit; }
};

std::vector<Movement> movements_of(const EngineReport& engine, std::size_t& still) {
  std::vector<Movement> all;
  for (const Comparison& c : engine.comparisons) {
    const bool compared = c.not_offered.empty() && c.error.empty() && c.measures.logits;
    if (!compared || c.factor == Factor::dtype || c.factor == Factor::kv_dtype) continue;
    const LogitMeasures& logits = *c.measures.logits;
    if (!moved(c)) {
      ++still;
      continue;
    }
    all.push_back({.label = fmt::format("{}: {} ({})", name_of(c.factor), c.changed, c.conditions),
                   .median = logits.median_relative,
                   .most = logits.max_relative,
                   .limit = rounding_limit(c.dtype),
                   .nonfinite = logits.nonfinite_rows > 0 || !std::isfinite(logits.max_relative)});
  }
  std::ranges::stable_sort(all, std::greater<>(), &Movement::excess);
  return all;
}

}  // namespace

std::string movement_figure(const EngineReport& engine, int index, bool explain) {
  std::size_t still = 0;
  std::vector<Movement> rows = movements_of(engine, still);
  if (rows.empty()) return {};
  const std::size_t moved_in_all = rows.size();
  const auto beyond = std::ranges::count_if(rows, [](const Movement& row) { return row.excess() > 1; });
  rows.resize(std::min(rows.size(), kMostRows));

  std::vector<double> values;
  std::string description;
  for (const Movement& row : rows) {
    values.insert(values.end(), {row.median, row.most, row.limit});
    description += fmt::format("{}: {}, limit {}; ", row.label,
                               row.nonfinite ? "infinite or NaN" : number(row.most), number(row.limit));
  }
  Frame frame;
  frame.left = 4;
  frame.bottom = kTop + kRow * static_cast<double>(rows.size());
  const Scale x = log_scale(values, frame.left + 12, frame.right, 12);
  const std::string title = fmt::format("{}: how far logits move", engine.info.name);
  Svg svg(kWidth, frame.bottom + 40, fmt::format("movement-{}", index), title, description);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const Movement& row = rows[r];
    const double top = kTop + kRow * static_cast<double>(r), line = top + 12;
    svg.rect(x(row.limit), line - 7, frame.right - x(row.limit), 14, "region");
    svg.text(frame.left, top, shortened(row.label, 56), Anchor::start, row.excess() > 1 ? "strong" : "name");
    svg.line(frame.left, line, frame.right, line, "grid");
    const double end = row.nonfinite ? frame.right : x(row.most);
    svg.open_group(fmt::format("s{}", index % 6));
    svg.line(x(row.median), line, end, line, "whisker");
    svg.circle(x(row.median), line, 2.4, "dot open");
    svg.mark(index, end, line, 3.6, row.excess() > 1 ? "flip" : "dot");
    svg.close_group();
    if (row.nonfinite) svg.text(frame.right - 8, line + 4, "infinite or NaN", Anchor::end, "strong");
  }
  svg.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis");
  for (const Tick& tick : ticks_of(x, 5)) draw_x_tick(svg, frame, x(tick.value), tick.label);
  svg.text((frame.left + frame.right) / 2, frame.bottom + 34, "relative difference of a row of logits",
           Anchor::middle, "name");

  std::string reading =
      explain
          ? "From the median (open) to the greatest (filled) over the rows of logits; shaded: beyond what "
            "rounding does in that dtype. "
          : "";
  reading += beyond > 0
                 ? fmt::format("{} of these changes {} beyond rounding.", beyond, beyond == 1 ? "is" : "are")
                 : "No change is beyond rounding.";
  if (moved_in_all > rows.size()) {
    reading += fmt::format(" The {} that move most, of {} that move.", rows.size(), moved_in_all);
  }
  if (still > 0) reading += fmt::format(" {} moved not a bit.", still);
  return figure(title, reading, {svg.finish()});
}

}  // namespace isobatch::audit
