#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "audit/logit_rows.h"
#include "isobatch/audit/audit.h"

namespace isobatch::audit {
namespace {

using Place = std::tuple<int, int, Op>;  // step, layer, operation

// The last tokens of a result, as many as the other run has of it.
std::span<const float> last_tokens(const TracedOp& op, int tokens) {
  return std::span(op.values).last(static_cast<std::size_t>(tokens) * op.width);
}

GrowthPoint compare(const TracedOp& a, const TracedOp& b) {
  GrowthPoint point{.op = full_name(a.op, a.layer), .layer = a.layer, .step = a.step};
  const int tokens = std::min(a.tokens, b.tokens);
  const auto x = last_tokens(a, tokens), y = last_tokens(b, tokens);
  double squares = 0, reference_squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    point.max_ulp = std::max(point.max_ulp, ulp_distance(x[i], y[i]));
    const double d = std::abs(static_cast<double>(x[i]) - y[i]);
    reference_squares += static_cast<double>(x[i]) * x[i];
    if (x[i] == y[i]) continue;
    point.max_difference = std::isnan(d) ? INFINITY : std::max(point.max_difference, d);
    squares += std::isnan(d) ? INFINITY : d * d;
  }
  point.relative =
      reference_squares > 0 ? std::sqrt(squares / reference_squares) : (squares > 0 ? INFINITY : 0);
  return point;
}

class Comparer {
 public:
  Comparer(const Trace& b, double limit) : limit_(limit) {
    for (const TracedOp& op : b.ops) others_[{op.step, op.layer, op.op}] = &op;
  }

  void add(const TracedOp& a) {
    const auto found = others_.find({a.step, a.layer, a.op});
    if (found == others_.end() || found->second->width != a.width) return;
    if (a.step > 0 && a.op == Op::embedding && a.values != found->second->values) ended_ = true;
    if (ended_) return;
    GrowthPoint point = compare(a, *found->second);
    const auto [equal, within, known] = inputs(a);
    point.inputs_equal = equal;
    if (point.max_ulp > 0 && !result_.first) {
      result_.first = point;
      result_.shape = {a.tokens, a.width};
    }
    // Not an operation whose inputs nobody has seen: what it reads may have jumped.
    if (!result_.jump && point.relative > limit_ && within && (known || a.op == Op::embedding)) {
      result_.jump = point;
    }
    relative_[{a.step, a.layer, a.op}] = point.relative;
    result_.growth.push_back(std::move(point));
  }

  TraceComparison take() { return std::move(result_); }

 private:
  struct Inputs {
    bool equal = true;   // bit for bit, as far as seen
    bool within = true;  // far below the limit
    bool known = false;  // at least one was seen
  };
  Inputs inputs(const TracedOp& a) const {
    Inputs result;
    for (const Op input : inputs_of(a.op)) {
      const int layer = layer_of(a, input);
      const bool first_layer = input == Op::ffn_residual && layer < 0;
      const auto found =
          relative_.find({a.step, first_layer ? -1 : layer, first_layer ? Op::embedding : input});
      if (found == relative_.end()) continue;
      result.known = true;
      result.equal = result.equal && found->second == 0;
      result.within = result.within && found->second < limit_ / 10;
    }
    return result;
  }
  // The layer in which `a` finds its input.
  int layer_of(const TracedOp& a, Op input) const {
    if (a.op == Op::logits) return -1;
    if (a.op == Op::final_norm) return last_layer();
    const bool before = input == Op::ffn_residual && a.op != Op::ffn_residual;
    return before ? a.layer - 1 : a.layer;
  }
  int last_layer() const {
    int last = -1;
    for (const auto& [place, relative] : relative_) last = std::max(last, std::get<1>(place));
    return last;
  }

  const double limit_;
  std::map<Place, const TracedOp*> others_;
  std::map<Place, double> relative_;
  TraceComparison result_;
  bool ended_ = false;  // the runs have chosen different tokens
};

}  // namespace

TraceComparison compare_traces(const Trace& a, const Trace& b, double limit) {
  Comparer comparer(b, limit);
  for (const TracedOp& op : a.ops) comparer.add(op);
  return comparer.take();
}

}  // namespace isobatch::audit
