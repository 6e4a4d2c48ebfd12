#include "tests/invariance/attention_double.h"

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <vector>

#include "kernels/ref/ref.h"
#include "numerics/exp.h"
#include "numerics/sum.h"
#include "tests/invariance/mutant.h"

namespace isobatch::invariance {
namespace {

using kernels::AttentionTask;
using kernels::kKeyBlock;

struct KeyAndValue {
  std::vector<float> k, v;  // [head_dim]
};

// K and V as they were before rounding, by block and position.
class Unrounded {
 public:
  void put(const std::byte* block, int position, KeyAndValue kv) {
    const std::lock_guard lock(mutex_);
    values_[{block, position}] = std::move(kv);
  }
  KeyAndValue at(const std::byte* block, int position) const {
    const std::lock_guard lock(mutex_);
    return values_.at({block, position});
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<const std::byte*, int>, KeyAndValue> values_;
};
Unrounded& unrounded() {
  static Unrounded memory;
  return memory;
}

void store_and_remember(const float* k, const float* v, int head_dim, int position, std::byte* block,
                        std::size_t v_offset) {
  kernels::ref::store_kv_bf16(k, v, head_dim, position, block, v_offset);
  unrounded().put(block, position, {{k, k + head_dim}, {v, v + head_dim}});
}

// As bf16 blocks lie: kernels/kv_layout.h.
KeyAndValue rounded(const AttentionTask& task, int t) {
  const std::byte* block = task.blocks[t / kKeyBlock];
  const auto* k = reinterpret_cast<const std::uint16_t*>(block);
  const auto* v = reinterpret_cast<const std::uint16_t*>(block + task.v_offset);
  const int i = t % kKeyBlock, padded = kernels::padded_head_dim(task.head_dim);
  KeyAndValue kv;
  for (int d = 0; d < task.head_dim; ++d) {
    kv.k.push_back(bf16_to_f32(k[(d / 2 * kKeyBlock + i) * 2 + d % 2]));
    kv.v.push_back(bf16_to_f32(v[(i / 2 * padded + d) * 2 + i % 2]));
  }
  return kv;
}

// N-DOT-B, its first block cut short by `offset` terms.
template <typename A, typename B>
float dot(int n, int offset, A&& a, B&& b) {
  float acc = 0.0f, chains[2] = {};
  for (int i = 0; i < n; ++i) {
    if (i > 0 && (i + offset) % kKeyBlock == 0) {
      acc = acc + (chains[0] + chains[1]);
      chains[0] = chains[1] = 0.0f;
    }
    chains[i % 2] = numerics::fma(a(i), b(i), chains[i % 2]);
  }
  return acc + (chains[0] + chains[1]);
}

template <AttentionFaults kFaults>
void attend(const AttentionTask& task, const std::vector<KeyAndValue>& kv, int position, const float* q,
            float* out) {
  const int dim = task.head_dim, keys = position + 1;
  // To the end of the query's own block: what is inf in a later one of its chunk must not reach the K and V
  // of this row, which other requests may share.
  const int multiplied =
      kFaults.multiplies_masked_values ? (keys + kKeyBlock - 1) / kKeyBlock * kKeyBlock : keys;
  std::vector<float> p(multiplied, 0.0f), q_rounded(dim);
  for (int d = 0; d < dim; ++d) q_rounded[d] = kernels::ref::round_operand_bf16(q[d]);
  float highest = -std::numeric_limits<float>::infinity();
  for (int t = 0; t < keys; ++t) {
    p[t] = task.scale * dot(
                            dim, 0, [&](int d) { return kv[t].k[d]; }, [&](int d) { return q_rounded[d]; });
    highest = numerics::maximum(highest, p[t]);
  }
  for (int t = 0; t < keys; ++t) p[t] = kernels::ref::round_operand_bf16(numerics::exp(p[t] - highest));
  const float denominator = numerics::sum(p.data(), keys);
  const int offset = kFaults.blocks_from_chunk ? kKeyBlock - task.first_position % kKeyBlock : 0;
  for (int d = 0; d < dim; ++d) {
    const float sum = dot(
        multiplied, offset, [&](int t) { return kv[t].v[d]; }, [&](int t) { return p[t]; });
    out[d] = numerics::canonical(sum / denominator);
  }
}

template <AttentionFaults kFaults>
void attention(const AttentionTask& task) {
  const int keys = task.first_position + task.queries;
  std::vector<KeyAndValue> kv;  // of all whole blocks
  for (int t = 0; t < (keys + kKeyBlock - 1) / kKeyBlock * kKeyBlock; ++t) {
    kv.push_back(rounded(task, t));
    if (t < task.first_position || t >= keys) continue;
    const auto own = [&] { return unrounded().at(task.blocks[t / kKeyBlock], t % kKeyBlock); };
    if (kFaults.unrounded_keys) kv.back().k = own().k;
    if (kFaults.unrounded_values) kv.back().v = own().v;
  }
  for (int i = 0; i < task.queries; ++i) {
    for (int g = 0; g < task.group; ++g) {
      const std::ptrdiff_t at = i * task.query_stride + g * task.head_dim;
      attend<kFaults>(task, kv, task.first_position + i, task.q + at, task.out + at);
    }
  }
}

template <AttentionFaults kFaults>
const kernels::KernelTable& table(std::string_view name) {
  static const kernels::KernelTable result = changed_table(name, [](kernels::KernelTable& t) {
    constexpr auto kBf16 = static_cast<std::size_t>(KvDType::bf16);
    t.attention[kBf16] = attention<kFaults>;
    if (kFaults.unrounded_keys || kFaults.unrounded_values) t.store_kv[kBf16] = store_and_remember;
  });
  return result;
}

}  // namespace

const kernels::KernelTable& attention_double() { return table<AttentionFaults{}>("double"); }
const kernels::KernelTable& attention_of_masked_values() {
  return table<AttentionFaults{.multiplies_masked_values = true}>("masked values");
}
const kernels::KernelTable& attention_in_blocks_from_chunk() {
  return table<AttentionFaults{.blocks_from_chunk = true}>("blocks from chunk");
}
const kernels::KernelTable& attention_with_unrounded_keys() {
  return table<AttentionFaults{.unrounded_keys = true}>("unrounded keys");
}
const kernels::KernelTable& attention_with_unrounded_values() {
  return table<AttentionFaults{.unrounded_values = true}>("unrounded values");
}

}  // namespace isobatch::invariance
