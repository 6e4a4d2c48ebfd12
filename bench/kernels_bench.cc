// Each kernel of each table that this machine can run, on one core, in SmolLM2's shapes and two larger ones.
// op/s counts a multiply-add as two; bytes/s are of weights, or of K and V.
//   kernels_bench --benchmark_filter='avx2/matmul.Q4_1/.*rows:64'
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "kernels/kernels.h"
#include "tests/support/kernel_inputs.h"

namespace isobatch {
namespace {

using kernels::KernelTable;

struct Shape {
  int depth;
  int outputs;
};
// gate and up, down, q with k and v; then of a model of 1B weights
constexpr Shape kShapes[] = {{576, 1536}, {1536, 576}, {576, 960}, {2048, 8192}, {8192, 2048}};
constexpr int kRows[] = {1, 4, 16, 64, 512};
constexpr int kGroup = 3, kHeadDim = 64, kHidden = 576, kFfn = 1536, kVocabulary = 49152;
constexpr std::size_t kWeightBytes = std::size_t{96}
                                     << 20;  // in turn: a model's worth, in no core's own cache

void count(benchmark::State& state, double operations, double bytes) {
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  if (operations > 0) state.counters["op/s"] = benchmark::Counter(operations, rate);
  if (bytes > 0) state.counters["bytes/s"] = benchmark::Counter(bytes, rate);
}

template <typename Body>
void add(const KernelTable& table, const std::string& name, Body&& body) {
  benchmark::RegisterBenchmark((std::string(table.name) + "/" + name).c_str(), body);
}

// With 12-bit activations, or with 8-bit ones.
void add_matmuls(const KernelTable& table, bool int8) {
  for (const TensorTypeInfo& type : kTensorTypeInfo) {
    if (int8 && !is_quantized(type.type)) continue;
    for (const Shape& shape : kShapes) {
      for (const int rows : kRows) {
        const std::string name = (int8 ? "matmul8." : "matmul.") + std::string(type.name) + "/" +
                                 std::to_string(shape.depth) + "x" + std::to_string(shape.outputs) +
                                 "/rows:" + std::to_string(rows);
        add(table, name, [&table, &type, shape, rows, int8](benchmark::State& state) {
          const double bytes =
              double(kernels::panel_bytes(type.type, shape.depth)) * shape.outputs / kernels::kPanel;
          test::MatrixSet weights(type.type, shape.outputs, shape.depth,
                                  std::max(1, static_cast<int>(kWeightBytes / bytes)));
          test::MatmulRows x(table, rows, shape.depth, shape.outputs, int8);
          for (auto _ : state) x.multiply(weights.next());
          count(state, 2.0 * rows * shape.depth * shape.outputs, bytes);
        });
      }
    }
  }
}

void add_attention(const KernelTable& table) {
  constexpr std::pair<KvDType, const char*> kTypes[] = {
      {KvDType::bf16, "bf16"}, {KvDType::f16, "f16"}, {KvDType::f32, "f32"}};
  for (const auto& [dtype, dtype_name] : kTypes) {
    // Decode, then a tile of a prefill.
    for (const auto& [queries, keys] : {std::pair(1, 512), std::pair(1, 4096), std::pair(8, 512)}) {
      const std::string name = std::string("attention.") + dtype_name +
                               "/queries:" + std::to_string(queries) + "/keys:" + std::to_string(keys);
      add(table, name, [&table, dtype = dtype, queries = queries, keys = keys](benchmark::State& state) {
        test::AttentionInput input(table, dtype, queries, keys, kGroup, kHeadDim);
        for (auto _ : state) input.run();
        const double pairs = double(queries) * (keys - (queries - 1) / 2.0);
        count(state, 4.0 * pairs * kGroup * kHeadDim,
              2.0 * keys * kHeadDim * (dtype == KvDType::f32 ? 4 : 2));
      });
    }
  }
}

void add_elementwise(const KernelTable& table) {
  for (const int rows : kRows) {
    const std::string suffix = "/rows:" + std::to_string(rows);
    for (const bool int8 : {false, true}) {
      const std::string name = int8 ? "quantize_rows.int8" : "quantize_rows";
      add(table, name + suffix, [&table, rows, int8](benchmark::State& state) {
        test::MatmulRows x(table, rows, kHidden, 1, int8);
        for (auto _ : state) x.quantize();
        count(state, 0, 4.0 * rows * kHidden);
      });
    }
    add(table, "rms_norm" + suffix, [&table, rows](benchmark::State& state) {
      const auto x = test::random_floats(std::size_t(rows) * kHidden, 1);
      const auto weight = test::random_floats(kHidden, 2);
      AlignedVector<float> out(x.size());
      for (auto _ : state) table.rms_norm.none(x.data(), weight.data(), 0, 1e-5f, rows, kHidden, out.data());
      count(state, 0, 4.0 * x.size());
    });
    add(table, "silu_mul" + suffix, [&table, rows](benchmark::State& state) {
      const auto gate = test::random_floats(std::size_t(rows) * kFfn, 1);
      const auto up = test::random_floats(gate.size(), 2);
      AlignedVector<float> out(gate.size());
      for (auto _ : state) table.silu_mul.none(gate.data(), up.data(), gate.size(), out.data());
      count(state, 0, 8.0 * gate.size());
    });
  }
  add(table, "argmax/vocabulary", [&table](benchmark::State& state) {
    const auto x = test::random_floats(kVocabulary, 1);
    for (auto _ : state) benchmark::DoNotOptimize(table.argmax(x.data(), kVocabulary));
    count(state, 0, 4.0 * kVocabulary);
  });
}

}  // namespace
}  // namespace isobatch

int main(int argc, char** argv) {
  for (const isobatch::kernels::KernelTable* table : isobatch::kernels::usable_tables()) {
    for (const bool int8 : {false, true}) isobatch::add_matmuls(*table, int8);
    isobatch::add_attention(*table);
    isobatch::add_elementwise(*table);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
