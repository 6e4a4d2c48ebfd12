#include "isobatch/engine.h"

#include "engine/engine_impl.h"
#include "engine/hooks.h"

namespace isobatch {

Engine::Engine(std::shared_ptr<const Model> model, const Tuning& tuning)
    : Engine(std::make_unique<Impl>(std::move(model), tuning, engine::EngineHooks{})) {}
Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

Engine::RequestId Engine::submit(Request request, OnText on_text) {
  return impl_->submit(std::move(request), std::move(on_text));
}
bool Engine::step() { return impl_->step(); }
std::vector<std::pair<Engine::RequestId, Result>> Engine::take_finished() { return impl_->take_finished(); }
const EngineStats& Engine::stats() const { return impl_->stats(); }
std::string_view Engine::kernels() const { return impl_->kernels().name; }
int Engine::threads() const { return impl_->threads(); }

std::unique_ptr<Engine> engine::make_engine_with_hooks(std::shared_ptr<const Model> model,
                                                       const Tuning& tuning, EngineHooks hooks) {
  return Engine::Impl::make_engine(
      std::make_unique<Engine::Impl>(std::move(model), tuning, std::move(hooks)));
}

}  // namespace isobatch
