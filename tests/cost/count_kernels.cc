// Runs each kernel of the avx2 table once, for an instrument that counts its instructions. Prints the cases
// in the order in which they call `counted_call`, the function to watch.
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "tests/support/kernel_inputs.h"
#if defined(__x86_64__)
#include "kernels/simd/simd.h"
#endif

namespace {

constexpr int kSkipped = 77;

}  // namespace

extern "C" __attribute__((noinline)) void counted_call(const std::function<void()>& call) {
  call();
  asm volatile("" ::: "memory");  // no tail call: the work is inside
}

#if defined(__x86_64__)
namespace isobatch::test {
namespace {

constexpr int kDepth = 576, kOutputs = 1536;  // SmolLM2's gate projection
constexpr int kGroup = 3, kHeadDim = 64;      // and its attention

void count(const std::string& name, const std::function<void()>& call) {
  call();  // what is done once, such as resolving a symbol, does not count
  counted_call(call);
  std::printf("%s\n", name.c_str());
}

void count_all(const kernels::KernelTable& table) {
  for (const TensorType type : {TensorType::q4_1, TensorType::q4_0, TensorType::q8_0}) {
    MatrixSet weights(type, kOutputs, kDepth, 1);
    for (const bool int8 : {false, true}) {
      for (const int rows : {1, 64}) {
        MatmulRows x(table, rows, kDepth, kOutputs, int8);
        count((int8 ? "matmul_q8." : "matmul_q.") + std::string(info(type).name) + ".rows_" +
                  std::to_string(rows),
              [&] { x.multiply(weights.next()); });
      }
    }
  }
  for (const bool int8 : {false, true}) {
    for (const int rows : {1, 64}) {
      MatmulRows x(table, rows, kDepth, kOutputs, int8);
      count(std::string("quantize_rows.") + (int8 ? "int8." : "") + "rows_" + std::to_string(rows),
            [&] { x.quantize(); });
    }
  }
  AttentionInput attention(table, KvDType::bf16, 1, 512, kGroup, kHeadDim);
  count("attention.bf16.keys_512", [&] { attention.run(); });
}

}  // namespace
}  // namespace isobatch::test
#endif

int main() {
#if defined(__x86_64__)
  // Not by choose_table: its self-test takes a minute where every instruction is counted.
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) {
    std::printf("skipped: this CPU lacks AVX2, FMA or F16C\n");
    return kSkipped;
  }
  isobatch::test::count_all(isobatch::kernels::avx2_table());
  return 0;
#else
  std::printf("skipped: the avx2 table is for x86-64\n");
  return kSkipped;
#endif
}
