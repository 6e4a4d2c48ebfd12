#include "model/rope_scaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "numerics/elementary.h"

namespace isobatch::model {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kMaxTheta = 1e30;
constexpr std::int64_t kMaxPositions = 1 << 28;

double log(double x) { return numerics::log64(x); }

double require_positive(const Source& source, std::string_view key, std::optional<double> otherwise = {}) {
  const std::optional<double> value = source.get_float(key);
  const double result = value ? *value : otherwise.value_or(0.0);
  if (!(result > 0) || result > kMaxTheta) {
    source.fail_corrupt(fmt::format("{} is {}, expected a positive number", key,
                                    value ? fmt::format("{}", *value) : "missing"));
  }
  return result;
}

// Factors that divide the frequencies, from a tensor of GGUF or a list of Hugging Face; empty when absent.
std::vector<double> read_factors(const Source& source, const std::string& tensor, std::string_view key,
                                 std::size_t n) {
  std::vector<double> factors;
  if (source.is_hugging_face()) {
    factors = source.get_floats(key).value_or(factors);
  } else if (source.find(tensor)) {
    const formats::Tensor& values = source.require(tensor, std::array{static_cast<std::int64_t>(n)});
    if (values.type != TensorType::f32)
      source.fail_unsupported(fmt::format("{} of another type than F32", tensor));
    for (std::size_t i = 0; i < n; ++i) {
      float factor = 0;
      std::memcpy(&factor, values.data.data() + 4 * i, 4);
      factors.push_back(factor);
    }
  }
  const bool right = std::ranges::all_of(factors, [](double f) { return f > 0 && f < kMaxTheta; });
  if (!factors.empty() && (factors.size() != n || !right)) {
    source.fail_corrupt(fmt::format("{}: expected {} positive factors", key, n));
  }
  for (double& factor : factors) factor = static_cast<float>(factor);  // as GGUF stores them
  return factors;
}

void divide(Rope& rope, const std::vector<double>& factors) {
  for (std::size_t i = 0; i < factors.size(); ++i) rope.inverse_frequencies[i] /= factors[i];
}

// Long waves are stretched, short ones left alone, those between in part.
std::vector<double> llama3_factors(const Source& source, const Rope& rope) {
  const double factor = require_positive(source, "rope.scaling.factor");
  const double low = require_positive(source, "rope.scaling.low_freq_factor");
  const double high = require_positive(source, "rope.scaling.high_freq_factor");
  const double original = require_positive(source, "rope.scaling.original_context_length");
  std::vector<double> factors;
  for (const double frequency : rope.inverse_frequencies) {
    const double turns = original * frequency / (2 * kPi);  // in the original context
    const double smooth = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    factors.push_back(static_cast<float>(1 / ((1 - smooth) / factor + smooth)));
  }
  return factors;
}

void scale_by_yarn(const Source& source, double theta, Rope& rope) {
  const double factor = require_positive(source, "rope.scaling.factor");
  const double original = require_positive(source, "rope.scaling.original_context_length");
  const double fast = require_positive(source, "rope.scaling.yarn_beta_fast", 32.0);
  const double slow = require_positive(source, "rope.scaling.yarn_beta_slow", 1.0);
  for (const char* key : {"rope.scaling.mscale", "rope.scaling.yarn_log_multiplier"}) {
    if (source.get_float(key)) source.fail_unsupported(fmt::format("yarn with {}", key));
  }
  // The dimension that turns so many times in the original context.
  const auto dimension = [&](double turns) {
    return rope.dimensions() * log(original / (turns * 2 * kPi)) / (2 * log(theta));
  };
  double low = dimension(fast), high = dimension(slow);
  if (source.get_bool("rope.scaling.truncate").value_or(true)) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, rope.dimensions() - 1.0);
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < rope.inverse_frequencies.size(); ++i) {
    const double stretched = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    rope.inverse_frequencies[i] *= stretched / factor + (1 - stretched);
  }
  // GGUF's factor comes on top of YaRN's own; Hugging Face's is the whole.
  const double own = factor > 1 ? 0.1 * log(factor) + 1 : 1.0;
  rope.magnitude = static_cast<float>(source.is_hugging_face()
                                          ? require_positive(source, "rope.scaling.attention_factor", own)
                                          : own * require_positive(source, "rope.scaling.attn_factor", 1.0));
}

void scale_by_longrope(const Source& source, int context, const std::vector<double>& short_factors,
                       const std::vector<double>& long_factors, Rope& rope) {
  if (short_factors.empty() || long_factors.empty()) {
    source.fail_corrupt("rope scaling 'longrope': its short or its long factors are missing");
  }
  const int trained = source.require_count("context_length", kMaxPositions);
  const double original = require_positive(source, "rope.scaling.original_context_length", trained);
  divide(rope, context > original ? long_factors : short_factors);
  const double factor = require_positive(source, "rope.scaling.factor", trained / original);
  const double own = factor > 1 ? std::sqrt(1 + log(factor) / log(original)) : 1.0;
  rope.magnitude = static_cast<float>(require_positive(
      source, source.is_hugging_face() ? "rope.scaling.attention_factor" : "rope.scaling.attn_factor", own));
}

}  // namespace

Rope plain_rope(int dimensions, double theta) {
  const double log_theta = log(theta);
  Rope rope;
  for (int i = 0; i < dimensions / 2; ++i) {
    rope.inverse_frequencies.push_back(numerics::exp64(-2.0 * i / dimensions * log_theta));
  }
  return rope;
}

Rope read_rope(const Source& source, int head_dim, int context) {
  const double theta = require_positive(source, "rope.freq_base", 10000.0);
  int dimensions = source.count_or("rope.dimension_count", head_dim, head_dim);
  if (const auto part = source.get_float("rope.partial_rotary_factor")) {
    if (!(*part > 0) || *part > 1) source.fail_corrupt(fmt::format("partial_rotary_factor is {}", *part));
    dimensions = static_cast<int>(head_dim * *part);
  }
  if (dimensions < 2 || dimensions % 2 != 0) {
    source.fail_unsupported(fmt::format("rotary embedding of {} of {} dimensions", dimensions, head_dim));
  }
  Rope rope = plain_rope(dimensions, theta);
  const std::size_t n = rope.inverse_frequencies.size();
  const std::string* type = source.get_string("rope.scaling.type");
  const std::string scaling = type == nullptr || *type == "default" || *type == "none" ? "" : *type;

  const auto short_factors =
      read_factors(source, "rope_factors_short.weight", "rope.scaling.short_factor", n);
  const auto long_factors = read_factors(source, "rope_factors_long.weight", "rope.scaling.long_factor", n);
  // GGUF gives llama3's result under no name of its own.
  divide(rope, read_factors(source, "rope_freqs.weight", "", n));
  if (scaling == "linear") {
    const double factor = require_positive(source, "rope.scaling.factor");
    for (double& frequency : rope.inverse_frequencies) frequency /= factor;
  } else if (scaling == "llama3") {
    divide(rope, llama3_factors(source, rope));
  } else if (scaling == "yarn") {
    scale_by_yarn(source, theta, rope);
  } else if (scaling == "longrope" || scaling == "su" || !short_factors.empty() || !long_factors.empty()) {
    scale_by_longrope(source, context, short_factors, long_factors, rope);
  } else if (!scaling.empty()) {
    source.fail_unsupported(fmt::format("rope scaling '{}'", scaling));
  }
  return rope;
}

}  // namespace isobatch::model
