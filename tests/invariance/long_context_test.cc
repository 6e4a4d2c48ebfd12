// Long contexts: attention that is cut into parts for several threads gives the bits of attention that is
// not.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>

#include "engine/hooks.h"
#include "isobatch/engine.h"
#include "tests/support/random.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch::invariance {
namespace {

using kernels::KernelTable;

// The best table, which counts the tasks that come in parts; and the same without parts.
std::atomic<int> combined = 0;
kernels::AttentionParts original[kernels::kKvDTypes];
template <int kDType>
void count_combined(const kernels::SplitAttention& split, float* scratch) {
  ++combined;
  original[kDType].combine(split, scratch);
}
const KernelTable& counting() {
  static const KernelTable table = [] {
    KernelTable t = *kernels::usable_tables().front();
    for (int i = 0; i < kernels::kKvDTypes; ++i) original[i] = t.attention_parts[i];
    t.attention_parts[0].combine = count_combined<0>;
    t.attention_parts[1].combine = count_combined<1>;
    t.attention_parts[2].combine = count_combined<2>;
    t.attention_parts[3].combine = count_combined<3>;
    return t;
  }();
  return table;
}
const KernelTable& without_parts() {
  static const KernelTable table = [] {
    KernelTable t = *kernels::usable_tables().front();
    t.attention_parts = {};
    return t;
  }();
  return table;
}

struct LongContext : testing::Test {
  test::TempDir directory;

  std::vector<Result> run(const std::shared_ptr<const Model>& model, const KernelTable& table, int threads,
                          int speculate) const {
    Tuning tuning;
    tuning.threads = threads;
    tuning.speculate = speculate;
    engine::EngineHooks hooks;
    hooks.kernels = &table;
    const auto engine = engine::make_engine_with_hooks(model, tuning, hooks);
    std::vector<Engine::RequestId> ids;
    for (const int length : {2700, 20, 700}) {
      test::Random random(length);
      Request request;
      for (int i = 0; i < length; ++i) request.prompt.push_back(static_cast<TokenId>(3 + random.below(90)));
      request.max_tokens = 6;
      request.ignore_eos = true;
      ids.push_back(engine->submit(request));
    }
    while (engine->step()) {
    }
    std::vector<Result> results(ids.size());
    for (auto& [id, result] : engine->take_finished()) {
      results[std::ranges::find(ids, id) - ids.begin()] = std::move(result);
    }
    return results;
  }
};

TEST_F(LongContext, PartsHaveTheBitsOfTheWhole) {
  if (!counting().attention_parts[0].scores) GTEST_SKIP() << "no table but ref runs on this machine";
  int seed = 0;
  for (const auto& [family, window] : {std::pair("llama", 0), {"gemma2", 1300}}) {
    test::RandomModelOptions options{.family = family,
                                     .layers = 2,
                                     .heads = 3,
                                     .kv_heads = 1,
                                     .head_dim = 64,
                                     .context = 3000,
                                     .window = window,
                                     .seed = static_cast<std::uint64_t>(++seed)};
    test::write_random_model(directory / "model.gguf", options);
    for (const KvDType kv : {KvDType::bf16, KvDType::f16, KvDType::f32, KvDType::q8_0}) {
      const auto model = Model::load(directory / "model.gguf", {.kv_dtype = kv});
      const std::vector<Result> whole = run(model, without_parts(), 1, 0);
      const int before = combined;
      for (const auto& [threads, speculate] : {std::pair(2, 0), {3, 4}, {7, 0}}) {
        const std::vector<Result> parts = run(model, counting(), threads, speculate);
        for (std::size_t i = 0; i < whole.size(); ++i) {
          EXPECT_EQ(parts[i].digest, whole[i].digest) << family << ", request " << i << ", " << threads;
          EXPECT_EQ(parts[i].tokens, whole[i].tokens);
        }
      }
      EXPECT_GT(combined - before, 0) << family << ": nothing came in parts";
    }
  }
}

}  // namespace
}  // namespace isobatch::invariance
