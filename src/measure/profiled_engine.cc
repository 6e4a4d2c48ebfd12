#include "engine/hooks.h"
#include "engine/model_parts.h"
#include "isobatch/measure.h"
#include "model/profile.h"
#include "model/transformer.h"

namespace isobatch {
namespace {

// Passes the forward pass on with a profile.
class ProfiledTransformer : public model::Transformer {
 public:
  ProfiledTransformer(const model::Transformer& transformer, model::Profile& profile)
      : transformer_(transformer), profile_(profile) {}
  const ModelInfo& info() const override { return transformer_.info(); }
  kernels::KvLayout kv_layout(KvDType dtype, int page_size) const override {
    return transformer_.kv_layout(dtype, page_size);
  }
  void forward(const model::Step& step, const model::KvMemory& kv, const model::Execution& execution,
               float* logits) const override {
    profile_.enter(model::Stage::rest);
    model::Execution profiled = execution;
    profiled.profile = &profile_;
    transformer_.forward(step, kv, profiled, logits);
    profile_.enter(model::Stage::sample);
  }

 private:
  const model::Transformer& transformer_;
  model::Profile& profile_;
};

struct Totals {
  std::uint64_t steps = 0;
  model::Profile::Times wall{}, busy{};

  void add(const model::Profile& profile) {
    ++steps;
    const model::Profile::Times step_busy = profile.busy();
    for (std::size_t i = 0; i < wall.size(); ++i) {
      wall[i] += profile.wall()[i];
      busy[i] += step_busy[i];
    }
  }

  StepTimes times() const {
    StepTimes result{steps, {}};
    for (std::size_t i = 0; i < wall.size(); ++i) {
      if (wall[i] == 0) continue;
      result.stages.push_back({model::kStageNames[i], wall[i], thread_seconds(static_cast<model::Stage>(i))});
    }
    return result;
  }

 private:
  std::optional<double> thread_seconds(model::Stage stage) const {
    const std::size_t i = static_cast<std::size_t>(stage);
    if (stage == model::Stage::sample) return std::nullopt;  // the engine's own items
    const bool serial = stage == model::Stage::schedule || stage == model::Stage::rest;
    return serial ? wall[i] : busy[i];
  }
};

}  // namespace

struct ProfiledEngine::Impl {
  explicit Impl(int threads) : profile(threads) {}
  model::Profile profile;
  std::unique_ptr<Engine> engine;
  Totals prefill, decode;
};

ProfiledEngine::ProfiledEngine(std::shared_ptr<const Model> model, const Tuning& tuning)
    : impl_(std::make_unique<Impl>(tuning.threads > 0 ? tuning.threads : available_cpus())) {
  engine::EngineHooks hooks;
  hooks.transformer = std::make_shared<ProfiledTransformer>(*model->parts().transformer, impl_->profile);
  impl_->engine = engine::make_engine_with_hooks(std::move(model), tuning, std::move(hooks));
}
ProfiledEngine::~ProfiledEngine() = default;

Engine& ProfiledEngine::engine() { return *impl_->engine; }

bool ProfiledEngine::step() {
  model::Profile& profile = impl_->profile;
  const std::uint64_t decode_steps = impl_->engine->stats().decode_steps;
  profile.clear();
  profile.start(model::Stage::schedule);
  if (!impl_->engine->step()) return false;
  profile.enter(model::Stage::schedule);
  const bool decoded = impl_->engine->stats().decode_steps > decode_steps;
  (decoded ? impl_->decode : impl_->prefill).add(profile);
  return true;
}

StepTimes ProfiledEngine::prefill() const { return impl_->prefill.times(); }
StepTimes ProfiledEngine::decode() const { return impl_->decode.times(); }
void ProfiledEngine::clear() { impl_->prefill = impl_->decode = {}; }

}  // namespace isobatch
