// A model's logits without an engine: one request, in chunks.
#pragma once

#include <numeric>
#include <span>
#include <vector>

#include "base/arena.h"
#include "model/transformer.h"

namespace isobatch::test {

// f32 [tokens][vocab].
inline std::vector<float> all_logits(const model::Transformer& transformer, KvDType kv_dtype,
                                     std::span<const TokenId> tokens, int chunk = 256,
                                     std::string_view kernels = "auto") {
  const kernels::KvLayout layout = transformer.kv_layout(kv_dtype, kernels::kKeyBlock);
  const int count = static_cast<int>(tokens.size()), vocab = transformer.info().vocab_size;
  std::vector<std::int32_t> pages(count / layout.page_size + 1);
  std::iota(pages.begin(), pages.end(), 0);
  Arena memory(pages.size() * layout.page_bytes());
  ThreadPool pool(1);
  const auto workspace = model::make_workspace();
  const model::Execution execution{*kernels::choose_table(kernels).table, pool, *workspace};
  std::vector<float> logits(tokens.size() * vocab);
  for (int begin = 0; begin < count; begin += chunk) {
    const int rows = std::min(chunk, count - begin);
    std::vector<std::int32_t> positions(rows), wanted(rows);
    std::iota(positions.begin(), positions.end(), begin);
    std::iota(wanted.begin(), wanted.end(), 0);
    const model::Segment segment{0, rows, begin, pages};
    transformer.forward({tokens.subspan(begin, rows), positions, {&segment, 1}, wanted},
                        {memory.data(), layout}, execution,
                        logits.data() + static_cast<std::size_t>(begin) * vocab);
  }
  return logits;
}

}  // namespace isobatch::test
