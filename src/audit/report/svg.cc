#include "audit/report/svg.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "audit/report/wording.h"

namespace isobatch::audit {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";
constexpr double kCharacterWidth = 7;

// A tenth of a pixel is enough.
std::string px(double value) {
  std::string text = fmt::format("{:.1f}", std::isfinite(value) ? value : 0.0);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string class_attribute(std::string_view classes) {
  return classes.empty() ? "" : fmt::format(" class=\"{}\"", classes);
}

// Bytes of the character that begins `text`; 0 when it is none that may be shown.
std::size_t character_size(std::string_view text, utf8proc_int32_t& code) {
  const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                     static_cast<utf8proc_ssize_t>(text.size()), &code);
  if (size <= 0) return 0;
  const bool control = (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7f && code < 0xa0);
  return control ? 0 : static_cast<std::size_t>(size);
}

}  // namespace

std::string escape(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    utf8proc_int32_t code = 0;
    const std::size_t size = character_size(text, code);
    if (size == 0) {
      result += kReplacement;
    } else if (code == '&') {
      result += "&amp;";
    } else if (code == '<') {
      result += "&lt;";
    } else if (code == '>') {
      result += "&gt;";
    } else if (code == '"') {
      result += "&quot;";
    } else if (code == '\'') {
      result += "&#39;";
    } else {
      result += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return result;
}

std::string shortened(std::string_view text, std::size_t characters) {
  std::size_t end = 0, last = 0;
  for (std::size_t count = 0; end < text.size(); ++count) {
    if (count == characters) return std::string(text.substr(0, last)) + "…";
    last = end;
    utf8proc_int32_t code = 0;
    end += std::max<std::size_t>(character_size(text.substr(end), code), 1);
  }
  return std::string(text);
}

double text_width(std::string_view text) {
  const auto characters =
      std::count_if(text.begin(), text.end(), [](unsigned char byte) { return (byte & 0xC0) != 0x80; });
  return kCharacterWidth * static_cast<double>(characters);
}

double Scale::operator()(double value) const {
  if (log && !(value > 0)) return zero;
  const double share =
      log ? std::log(value / least) / std::log(most / least) : (value - least) / (most - least);
  if (std::isnan(share)) return begin;
  return begin + std::clamp(share, 0.0, 1.0) * (end - begin);
}

namespace {

// 1, 2 or 5 times a power of ten, at least `value`.
double round_up(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= value * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

}  // namespace

Scale linear_scale(double most, double begin, double end) {
  if (!std::isfinite(most) || most <= 0) most = 1;
  const double step = round_up(most / 5);
  return {0, step * std::ceil(most / step * (1 - 1e-9)), begin, end};
}

Scale log_scale(const std::vector<double>& values, double begin, double end, double zero_band) {
  double least = 0, most = 0;
  for (const double value : values) {
    if (!(value > 1e-300) || value > 1e300) continue;  // powers of ten beyond them are no doubles
    least = least == 0 ? value : std::min(least, value);
    most = std::max(most, value);
  }
  if (least == 0) least = most = 1;
  Scale scale{std::pow(10, std::floor(std::log10(least))), std::pow(10, std::ceil(std::log10(most))), begin,
              end, true};
  if (scale.most <= scale.least) scale.most = 10 * scale.least;
  scale.zero = begin - (end > begin ? zero_band : -zero_band);
  return scale;
}

std::vector<Tick> ticks_of(const Scale& scale, int count) {
  std::vector<Tick> ticks;
  if (!scale.log) {
    const double step = round_up((scale.most - scale.least) / count);
    for (int i = 0; scale.least + i * step <= scale.most * (1 + 1e-9); ++i) {
      ticks.push_back({scale.least + i * step, number(scale.least + i * step)});
    }
    return ticks;
  }
  const int first = static_cast<int>(std::lround(std::log10(scale.least)));
  const int last = static_cast<int>(std::lround(std::log10(scale.most)));
  const int every = std::max(1, (last - first + count - 1) / count);
  for (int exponent = first; exponent <= last; ++exponent) {
    const bool named = (exponent - first) % every == 0;
    const double value = std::pow(10, exponent);
    const std::string label = exponent >= -3 && exponent <= 4 ? number(value) : fmt::format("1e{}", exponent);
    ticks.push_back({value, named ? label : ""});
  }
  return ticks;
}

void spread(std::vector<double>& positions, double distance, double least, double most) {
  if (positions.empty()) return;
  std::vector<std::size_t> order(positions.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return positions[i]; });
  double floor = least;
  for (const std::size_t i : order) {
    positions[i] = std::max(positions[i], floor);
    floor = positions[i] + distance;
  }
  double ceiling = std::max(most, least + distance * static_cast<double>(positions.size() - 1));
  for (auto i = order.rbegin(); i != order.rend(); ++i) {
    positions[*i] = std::min(positions[*i], ceiling);
    ceiling = positions[*i] - distance;
  }
}

Svg::Svg(double width, double height, std::string_view id, std::string_view title,
         std::string_view description) {
  text_ = fmt::format(
      "<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" aria-labelledby=\"{2}-title "
      "{2}-desc\">"
      "<title id=\"{2}-title\">{3}</title><desc id=\"{2}-desc\">{4}</desc>",
      px(width), px(height), escape(id), escape(title), escape(description));
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view classes) {
  text_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"{}/>", px(x1), px(y1), px(x2), px(y2),
                       class_attribute(classes));
}

void Svg::path(const std::vector<std::pair<double, double>>& points, std::string_view classes, bool closed) {
  if (points.empty()) return;
  std::string d;
  for (const auto& [x, y] : points) d += fmt::format("{}{} {}", d.empty() ? "M" : "L", px(x), px(y));
  text_ += fmt::format("<path d=\"{}{}\"{}/>", d, closed ? "Z" : "", class_attribute(classes));
}

void Svg::rect(double x, double y, double width, double height, std::string_view classes) {
  text_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}/>", px(x), px(y),
                       px(std::max(width, 0.0)), px(std::max(height, 0.0)), class_attribute(classes));
}

void Svg::circle(double x, double y, double radius, std::string_view classes) {
  text_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}/>", px(x), px(y), px(radius),
                       class_attribute(classes));
}

void Svg::mark(int shape, double x, double y, double radius, std::string_view classes) {
  const double r = radius, wide = 1.25 * radius;
  switch (shape % 6) {
    case 0:
      return circle(x, y, r, classes);
    case 1:
      return rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r, classes);
    case 2:
      return path({{x, y - wide}, {x + wide, y + r}, {x - wide, y + r}}, classes, true);
    case 3:
      return path({{x, y - 1.3 * r}, {x + 1.3 * r, y}, {x, y + 1.3 * r}, {x - 1.3 * r, y}}, classes, true);
    case 4:
      return path({{x, y + wide}, {x + wide, y - r}, {x - wide, y - r}}, classes, true);
    default:
      return path({{x - r, y - 0.5 * r},
                   {x, y - 1.2 * r},
                   {x + r, y - 0.5 * r},
                   {x + r, y + 0.6 * r},
                   {x, y + 1.2 * r},
                   {x - r, y + 0.6 * r}},
                  classes, true);
  }
}

void Svg::text(double x, double y, std::string_view content, Anchor anchor, std::string_view classes) {
  const char* where = anchor == Anchor::middle ? " text-anchor=\"middle\""
                      : anchor == Anchor::end  ? " text-anchor=\"end\""
                                               : "";
  text_ += fmt::format("<text x=\"{}\" y=\"{}\"{}{}>{}</text>", px(x), px(y), where, class_attribute(classes),
                       escape(content));
}

void Svg::open_group(std::string_view classes) { text_ += fmt::format("<g{}>", class_attribute(classes)); }
void Svg::close_group() { text_ += "</g>"; }

std::string Svg::finish() { return std::move(text_) + "</svg>"; }

void draw_axes(Svg& svg, const Frame& frame, const Scale& y, const std::vector<Tick>& y_ticks,
               std::string_view y_name, std::string_view x_name) {
  svg.text(0, 11, y_name, Anchor::start, "name");
  for (const Tick& tick : y_ticks) {
    const double at = y(tick.value);
    if (tick.label.empty()) continue;
    svg.line(frame.left, at, frame.right, at, tick.value == 0 && !y.log ? "axis" : "grid");
    svg.text(frame.left - 6, at + 4, tick.label, Anchor::end);
  }
  svg.text((frame.left + frame.right) / 2, frame.bottom + 32, x_name, Anchor::middle, "name");
}

void draw_x_tick(Svg& svg, const Frame& frame, double x, std::string_view label) {
  svg.line(x, frame.bottom, x, frame.bottom + 4, "axis");
  if (!label.empty()) svg.text(x, frame.bottom + 16, label, Anchor::middle);
}

}  // namespace isobatch::audit
