// Small parts of plots: scales, ticks, axes, marks. Lengths are in pixels of a drawing that the page scales
// to its column, so drawings are made for a phone's width.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace isobatch::audit {

// For HTML and SVG, in attributes too. Bytes that are not UTF-8 and control characters become U+FFFD.
std::string escape(std::string_view text);

// At most `characters` of them, the last an ellipsis where it was longer.
std::string shortened(std::string_view text, std::size_t characters);

// Estimate for the drawings' small type.
double text_width(std::string_view text);

struct Tick {
  double value = 0;
  std::string label;  // empty: a mark alone
};

// From data to pixels. A log scale has a place for zero, and whatever is not above it, below its least value.
struct Scale {
  double least = 0, most = 1;  // of the data; most > least, and both > 0 if log
  double begin = 0, end = 1;   // their pixels
  bool log = false;
  double zero = 0;  // pixel of a zero, if log

  double operator()(double value) const;  // beyond the ends: at them
};

// A linear scale from 0 to a round number that is at least `most`; its ticks are round too. Values that are
// not finite count as 1.
Scale linear_scale(double most, double begin, double end);
// Over all positive finite values, out to powers of ten; a decade where there are none. Zeros get a band of
// `zero_band` pixels before `begin`.
Scale log_scale(const std::vector<double>& values, double begin, double end, double zero_band);
// At most about `count`.
std::vector<Tick> ticks_of(const Scale& scale, int count);

// Moves positions (in any order) apart to at least `distance`, each as little as it takes, within [least,
// most] where they fit.
void spread(std::vector<double>& positions, double distance, double least, double most);

enum class Anchor { start, middle, end };

class Svg {
 public:
  // `title` and `description` are what a screen reader says; `id` is unique on the page.
  Svg(double width, double height, std::string_view id, std::string_view title, std::string_view description);

  // Classes are the page's (style.cc).
  void line(double x1, double y1, double x2, double y2, std::string_view classes);
  void path(const std::vector<std::pair<double, double>>& points, std::string_view classes,
            bool closed = false);
  void rect(double x, double y, double width, double height, std::string_view classes);
  void circle(double x, double y, double radius, std::string_view classes);
  // One of six shapes, so that series differ by more than color.
  void mark(int shape, double x, double y, double radius, std::string_view classes);
  void text(double x, double y, std::string_view content, Anchor anchor = Anchor::start,
            std::string_view classes = "");
  // Everything until close_group() has these classes, and the color of its series.
  void open_group(std::string_view classes);
  void close_group();

  std::string finish();

 private:
  std::string text_;
};

// The frame that plots share: y's name above its axis, x's below, light lines across at y's ticks.
struct Frame {
  double left = 40, right = 348, top = 26, bottom = 192;
};
void draw_axes(Svg& svg, const Frame& frame, const Scale& y, const std::vector<Tick>& y_ticks,
               std::string_view y_name, std::string_view x_name);
void draw_x_tick(Svg& svg, const Frame& frame, double x, std::string_view label);

}  // namespace isobatch::audit
