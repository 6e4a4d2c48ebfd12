// Takes down the operations of one request while the engine runs it among others.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "isobatch/audit/trace.h"
#include "model/transformer.h"

namespace isobatch::audit {

class RequestRecorder final : public model::Observer {
 public:
  // The request that was submitted as number `index`, from 0; none may finish before all have begun, as pages
  // would be given out again.
  RequestRecorder(int layers, int index, int prompt_length, int steps)
      : layers_(layers), index_(index), prompt_length_(prompt_length), steps_(steps) {}

  // Whether the step has rows to take down.
  bool start(const model::Step& step);
  void see(std::string_view operation, int layer, const float* results, int rows, int width) override;
  Trace take() { return std::move(trace_); }

 private:
  // Rows of the step that are taken down, and the step's number in the trace.
  struct Watched {
    int first_row = 0;
    int rows = 0;
    int number = 0;
    std::optional<int> logits_row;
  };
  std::optional<Watched> watch(const model::Step& step);
  std::optional<std::pair<Op, int>> name(std::string_view operation, int layer);
  void add(Op op, int layer, const float* values, int rows, int width);

  const int layers_;
  const int index_;
  const int prompt_length_;
  const int steps_;
  // Of the requests, by which they are known, in the order of submission.
  std::vector<std::int32_t> first_pages_;
  int next_ = 0;  // step of the trace
  std::optional<Watched> watched_;
  bool attended_ = false;  // in the layer that runs
  Trace trace_;
  std::map<std::tuple<int, int, Op>, std::size_t> places_;  // in trace_.ops, of a prompt that comes in chunks
};

// Passes the forward pass on, and shows its operations to the recorder. Both must outlive it.
class TracingTransformer final : public model::Transformer {
 public:
  TracingTransformer(const model::Transformer& transformer, RequestRecorder& recorder)
      : transformer_(transformer), recorder_(recorder) {}

  const ModelInfo& info() const override { return transformer_.info(); }
  kernels::KvLayout kv_layout(KvDType dtype, int page_size) const override {
    return transformer_.kv_layout(dtype, page_size);
  }
  void forward(const model::Step& step, const model::KvMemory& kv, const model::Execution& execution,
               float* logits) const override;

 private:
  const model::Transformer& transformer_;
  RequestRecorder& recorder_;
};

}  // namespace isobatch::audit
