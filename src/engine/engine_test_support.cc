#include "engine/engine_test_support.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "engine/model_parts.h"

namespace isobatch::engine {
namespace {

// What a position leaves in its page. Like a real layer's K and V it depends on all that stands before it.
struct Cell {
  TokenId token = 0;  // + 1: a cleared cell holds none
  std::int32_t position = 0;
  std::uint64_t state = 0;
};

std::uint64_t mix(std::uint64_t h, std::uint64_t value) {
  h = (h ^ value) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 29);
}

std::byte* cell_at(const model::KvMemory& kv, const model::Segment& segment, int position) {
  const int page_size = kv.layout.page_size;
  const std::size_t page = segment.pages[position / page_size];
  const int in_page = position % page_size;
  const std::size_t v =
      kv.layout.block_offset(0, 0, in_page / kernels::kKeyBlock) + kv.layout.half_block_bytes();
  static_assert(sizeof(Cell) <= 16 * sizeof(float));  // where V of a position lies
  return kv.base + page * kv.layout.page_bytes() + v + in_page % kernels::kKeyBlock * 16 * sizeof(float);
}

Cell read(const model::KvMemory& kv, const model::Segment& segment, int position) {
  Cell cell;
  std::memcpy(&cell, cell_at(kv, segment, position), sizeof cell);
  return cell;
}

class FakeTokenizer : public text::Tokenizer {
 public:
  FakeTokenizer()
      : Tokenizer(make_spec(), [](std::string_view token, text::TokenType) { return std::string(token); }) {}

 protected:
  void encode_segments(std::span<const Segment> segments, std::vector<TokenId>& ids) const override {
    for (const Segment& segment : segments) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
      } else {
        for (const char c : segment.text) ids.push_back(c - 'a' + 2);
      }
    }
  }

 private:
  static text::TokenizerSpec make_spec() {
    text::TokenizerSpec spec;
    spec.tokens = {"<end>", "<control>"};
    for (char c = 'a'; c <= 'z'; ++c) spec.tokens.emplace_back(1, c);
    spec.tokens.emplace_back("\xc3");
    spec.tokens.emplace_back("\xa9");
    while (spec.tokens.size() < kFakeVocab) spec.tokens.push_back(" " + std::to_string(spec.tokens.size()));
    spec.types.assign(kFakeVocab, text::TokenType::normal);
    spec.types[0] = spec.types[1] = text::TokenType::control;
    spec.end_tokens = {kFakeEnd};
    return spec;
  }
};

}  // namespace

FakeTransformer::FakeTransformer() {
  info_.vocab_size = kFakeVocab;
  info_.layers = info_.heads = info_.kv_heads = 1;
  info_.head_dim = 16;
}

kernels::KvLayout FakeTransformer::kv_layout(KvDType, int page_size) const {
  return {KvDType::f32, 1, 1, info_.head_dim, page_size};
}

void FakeTransformer::forward(const model::Step& step, const model::KvMemory& kv,
                              const model::Execution& execution, float* out) const {
  if (failures > 0) {
    --failures;
    throw std::bad_alloc();
  }
  step_rows.push_back(static_cast<int>(step.tokens.size()));
  for (const model::Segment& s : step.segments) {
    for (int i = 0; i < s.rows; ++i) {
      const int position = s.first_position + i;
      const std::uint64_t before = position == 0 ? 1 : read(kv, s, position - 1).state;
      Cell cell{step.tokens[s.first_row + i] + 1, step.positions[s.first_row + i], 0};
      cell.state = mix(mix(before, cell.token), cell.position);
      std::memcpy(cell_at(kv, s, position), &cell, sizeof cell);
    }
  }
  execution.threads.parallel_for(static_cast<int>(step.logits_rows.size()), [&](int item, int) {
    const int row = step.logits_rows[item];
    const auto segment = std::ranges::find_if(
        step.segments, [row](const model::Segment& s) { return row < s.first_row + s.rows; });
    const int position = segment->first_position + row - segment->first_row;
    std::vector<TokenId> tokens;
    std::uint64_t h = 1;
    for (int i = 0; i <= position; ++i) {
      const Cell cell = read(kv, *segment, i);
      tokens.push_back(cell.token - 1);
      h = mix(mix(h, cell.token), cell.state);
    }
    if (reads_stale_memory) {
      const int end = segment->first_position + segment->rows;
      const int held = static_cast<int>(segment->pages.size()) * kv.layout.page_size;
      for (int i = end; i < held; ++i) {
        const Cell cell = read(kv, *segment, i);
        if (cell.token != 0) h = mix(h, cell.token);
      }
    }
    float* row_logits = out + static_cast<std::size_t>(item) * kFakeVocab;
    if (logits) {
      logits(tokens, row_logits);
    } else {
      for (int v = 0; v < kFakeVocab; ++v) row_logits[v] = static_cast<float>(mix(h, v) >> 40) * 0x1p-21f;
    }
  });
}

std::shared_ptr<const Model> make_fake_model(int context) {
  auto parts = std::make_unique<Model::Parts>();
  parts->semantics.kv_dtype = KvDType::f32;
  parts->semantics.context = context;
  parts->transformer = std::make_unique<FakeTransformer>();
  parts->tokenizer = std::make_unique<FakeTokenizer>();
  parts->info = parts->transformer->info();
  return Model::Parts::make_model(std::move(parts));
}

std::vector<Result> run_all(Engine& engine) {
  while (engine.step()) {
  }
  auto finished = engine.take_finished();
  std::ranges::sort(finished, {}, [](const auto& item) { return item.first; });
  std::vector<Result> results;
  for (auto& [id, result] : finished) results.push_back(std::move(result));
  return results;
}

Result run_alone(std::shared_ptr<const Model> model, const Request& request, const EngineHooks& hooks) {
  Tuning tuning;
  tuning.threads = 1;
  tuning.max_batch = 1;
  tuning.prefix_cache = false;
  const auto engine = make_engine_with_hooks(std::move(model), tuning, hooks);
  engine->submit(request);
  return run_all(*engine).at(0);
}

FakeEngineTest::FakeEngineTest(int context) : model(make_fake_model(context)) { tuning.threads = 2; }

std::unique_ptr<Engine> FakeEngineTest::make() {
  EngineHooks hooks;
  hooks.transformer = transformer;
  hooks.kernels = &fake_kernels();
  return make_engine_with_hooks(model, tuning, hooks);
}

Result FakeEngineTest::run(const Request& request) {
  const auto engine = make();
  engine->submit(request);
  return run_all(*engine).at(0);
}

bool same(const Result& a, const Result& b) {
  const auto bits = [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  };
  return a.tokens == b.tokens && a.text == b.text && a.finish_reason == b.finish_reason &&
         a.digest == b.digest && a.error == b.error && a.overflow == b.overflow &&
         std::ranges::equal(a.logprobs, b.logprobs, bits) &&
         std::ranges::equal(a.prompt_logprobs, b.prompt_logprobs, bits) &&
         a.prompt_greedy == b.prompt_greedy &&
         std::ranges::equal(a.top_logprobs, b.top_logprobs, [&](const auto& x, const auto& y) {
           return std::ranges::equal(x, y, [&](const TokenLogprob& s, const TokenLogprob& t) {
             return s.token == t.token && bits(s.logprob, t.logprob);
           });
         });
}

}  // namespace isobatch::engine
