#include "isobatch/audit/trace.h"

#include <fmt/format.h>

namespace isobatch::audit {
namespace {

constexpr std::array<std::string_view, kOps> kOpNames = {"embedding",
                                                         "attention_norm",
                                                         "q",
                                                         "k",
                                                         "v",
                                                         "q_rope",
                                                         "k_rope",
                                                         "attention",
                                                         "attention_output",
                                                         "attention_residual",
                                                         "ffn_norm",
                                                         "gate",
                                                         "up",
                                                         "activation",
                                                         "down",
                                                         "ffn_residual",
                                                         "final_norm",
                                                         "logits"};
static_assert(static_cast<int>(Op::logits) + 1 == kOps);

}  // namespace

std::string_view name_of(Op op) { return kOpNames[static_cast<std::size_t>(op)]; }

bool is_in_layer(Op op) { return op != Op::embedding && op != Op::final_norm && op != Op::logits; }

std::string full_name(Op op, int layer) {
  if (!is_in_layer(op)) return std::string(name_of(op));
  return fmt::format("layers.{}.{}", layer, name_of(op));
}

std::vector<Op> inputs_of(Op op) {
  switch (op) {
    case Op::embedding:
      return {};
    case Op::attention_norm:
      return {Op::ffn_residual};
    case Op::q:
    case Op::k:
    case Op::v:
      return {Op::attention_norm};
    case Op::q_rope:
      return {Op::q};
    case Op::k_rope:
      return {Op::k};
    case Op::attention:
      return {Op::q_rope, Op::k_rope, Op::v};
    case Op::attention_output:
      return {Op::attention};
    case Op::attention_residual:
      return {Op::attention_output, Op::ffn_residual};
    case Op::ffn_norm:
      return {Op::attention_residual};
    case Op::gate:
    case Op::up:
      return {Op::ffn_norm};
    case Op::activation:
      return {Op::gate, Op::up};
    case Op::down:
      return {Op::activation};
    case Op::ffn_residual:
      return {Op::down, Op::attention_residual};
    case Op::final_norm:
      return {Op::ffn_residual};
    case Op::logits:
      return {Op::final_norm};
  }
  return {};
}

}  // namespace isobatch::audit
