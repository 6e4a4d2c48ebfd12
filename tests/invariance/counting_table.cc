#include "tests/invariance/counting_table.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "engine/model_parts.h"

namespace isobatch::invariance {
namespace {

// The table's entries are plain functions, so what they share is here.
const kernels::KernelTable* base_table = nullptr;
std::atomic<bool> decoding = false;
std::atomic<int> most_rows = 0;

void count(const kernels::MatmulTask& task) {
  int most = most_rows;
  while (decoding && task.rows > most && !most_rows.compare_exchange_weak(most, task.rows)) {
  }
}

template <std::size_t kType>
void counting_matmul_q(const kernels::MatmulTask& task, const kernels::QuantizedRows& x) {
  count(task);
  base_table->matmul_q[kType](task, x);
}

template <std::size_t kType>
void counting_matmul_q8(const kernels::MatmulTask& task, const kernels::QuantizedRows& x) {
  count(task);
  base_table->matmul_q8[kType](task, x);
}

template <std::size_t kType>
void counting_matmul_f(const kernels::MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  count(task);
  base_table->matmul_f[kType](task, x, x_stride);
}

void counting_matmul_b(const kernels::MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  count(task);
  base_table->matmul_b(task, x, x_stride);
}

template <std::size_t... kTypes>
void use_counting(kernels::KernelTable& table, std::index_sequence<kTypes...>) {
  ((table.matmul_q[kTypes] = table.matmul_q[kTypes] ? counting_matmul_q<kTypes> : nullptr), ...);
  ((table.matmul_q8[kTypes] = table.matmul_q8[kTypes] ? counting_matmul_q8<kTypes> : nullptr), ...);
  ((table.matmul_f[kTypes] = table.matmul_f[kTypes] ? counting_matmul_f<kTypes> : nullptr), ...);
  table.matmul_b = counting_matmul_b;
}

class CountingTransformer : public model::Transformer {
 public:
  explicit CountingTransformer(std::shared_ptr<const Model> model)
      : model_(std::move(model)), transformer_(*model_->parts().transformer) {}
  const ModelInfo& info() const override { return transformer_.info(); }
  kernels::KvLayout kv_layout(KvDType dtype, int page_size) const override {
    return transformer_.kv_layout(dtype, page_size);
  }
  void forward(const model::Step& step, const model::KvMemory& kv, const model::Execution& execution,
               float* logits) const override {
    decoding = std::ranges::all_of(
        step.segments, [](const model::Segment& s) { return s.rows == 1 && s.first_position > 0; });
    transformer_.forward(step, kv, execution, logits);
  }

 private:
  std::shared_ptr<const Model> model_;
  const model::Transformer& transformer_;
};

}  // namespace

std::shared_ptr<const model::Transformer> counting_transformer(std::shared_ptr<const Model> model) {
  return std::make_shared<CountingTransformer>(std::move(model));
}

const kernels::KernelTable& counting_table(const kernels::KernelTable& base) {
  static kernels::KernelTable table;
  base_table = &base;
  most_rows = 0;
  table = base;
  use_counting(table, std::make_index_sequence<kTensorTypes>());
  return table;
}

int most_decode_rows() { return most_rows; }

}  // namespace isobatch::invariance
