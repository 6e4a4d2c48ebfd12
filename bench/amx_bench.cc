// The AMX kernels on a machine without a tile unit: everything but its arithmetic (bench/tile_memory/), one
// core, beside the `vnni` table. A core works on both at once, so a product takes the longer of what this
// shows and of what the tile unit needs (`tile_cycles`, 16 for each product of whole tiles). Results are
// wrong.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "kernels/x86/x86.h"
#include "tests/support/kernel_inputs.h"

namespace isobatch {
namespace {

constexpr int kDepth = 576, kOutputs = 1536;
constexpr std::size_t kWeightBytes = std::size_t{96} << 20;

void add_matmul(const kernels::KernelTable& table, TensorType type, const char* type_name, int rows) {
  const std::string name = std::string(table.name) + "/matmul." + type_name + "/rows:" + std::to_string(rows);
  benchmark::RegisterBenchmark(name.c_str(), [&table, type, rows](benchmark::State& state) {
    const std::size_t bytes = kernels::panel_bytes(type, kDepth) * kOutputs / kernels::kPanel;
    test::MatrixSet weights(type, kOutputs, kDepth, std::max<int>(1, kWeightBytes / bytes));
    test::MatmulRows x(table, rows, kDepth, kOutputs);
    for (auto _ : state) x.multiply(weights.next());
    const double products = (rows + 15) / 16 * (kOutputs / 16) * (kDepth / kernels::kBlock);
    state.counters["tile_cycles"] = 16 * products;
    state.counters["op/s"] =
        benchmark::Counter(2.0 * rows * kDepth * kOutputs, benchmark::Counter::kIsIterationInvariantRate);
  });
}

void add_attention(const kernels::KernelTable& table) {
  benchmark::RegisterBenchmark((std::string(table.name) + "/attention.bf16/queries:8/keys:512").c_str(),
                               [&table](benchmark::State& state) {
                                 test::AttentionInput input(table, KvDType::bf16, 8, 512, 3, 64);
                                 for (auto _ : state) input.run();
                               });
}

}  // namespace
}  // namespace isobatch

int main(int argc, char** argv) {
  using namespace isobatch;
  const auto tables = kernels::usable_tables();
  if (std::ranges::none_of(tables, [](const auto* table) { return table->name == "vnni"; })) {
    std::fputs("amx_bench: this CPU lacks AVX-512 VNNI\n", stderr);
    return 2;
  }
  for (const kernels::KernelTable* table : {&kernels::vnni_table(), &kernels::amx_table()}) {
    for (const auto& [type, name] : {std::pair(TensorType::q4_0, "Q4_0"), std::pair(TensorType::q4_1, "Q4_1"),
                                     std::pair(TensorType::q8_0, "Q8_0")}) {
      for (const int rows : {16, 64, 256}) add_matmul(*table, type, name, rows);
    }
    add_attention(*table);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
