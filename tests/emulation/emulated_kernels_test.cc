// The kernels for instructions that this CPU may lack, compiled against an emulation of these instructions:
// the bytes of ref. It says nothing about speed, and of the hardware only what its manual says.
#include <gtest/gtest.h>

#include <iterator>
#include <string>
#include <vector>

#include "kernels/op_cases.h"
#include "kernels/x86/x86.h"

namespace isobatch::kernels {
namespace {

constexpr Shape kShapes[] = {{.rows = 0, .outputs = 5, .depth = 32, .position = 0},
                             {.rows = 1, .outputs = 16, .depth = 32, .position = 0},
                             {.rows = 4, .outputs = 33, .depth = 160, .position = 0},
                             {.rows = 5, .outputs = 1, .depth = 128, .position = 0},
                             {.rows = 8, .outputs = 48, .depth = 576, .position = 0},
                             {.rows = 15, .outputs = 17, .depth = 96, .position = 0},
                             {.rows = 16, .outputs = 31, .depth = 256, .position = 0},
                             {.rows = 17, .outputs = 16, .depth = 288, .position = 0},
                             {.rows = 33, .outputs = 20, .depth = 64, .position = 0},
                             {.rows = 53, .outputs = 19, .depth = 11040, .position = 0},
                             {.rows = 201, .outputs = 18, .depth = 160, .position = 0}};

// Floats come in rows of any length.
constexpr Shape kUnevenShapes[] = {{.rows = 5, .outputs = 33, .depth = 1, .position = 0},
                                   {.rows = 16, .outputs = 40, .depth = 33, .position = 0},
                                   {.rows = 23, .outputs = 16, .depth = 47, .position = 0},
                                   {.rows = 40, .outputs = 50, .depth = 70, .position = 0}};

const KernelTable& vnni_by_bytes() {
  static const KernelTable table = make_vnni_table(VnniManyRows::by_bytes);
  return table;
}
const KernelTable& vnni_by_pairs() {
  static const KernelTable table = make_vnni_table(VnniManyRows::by_pairs);
  return table;
}

// Attention: rows are queries of outputs % 8 + 1 heads each, depth is the dimension of a head.
constexpr Shape kAttentionShapes[] = {{.rows = 3, .outputs = 2, .depth = 64, .position = 40},
                                      {.rows = 9, .outputs = 8, .depth = 32, .position = 0},
                                      {.rows = 8, .outputs = 10, .depth = 64, .position = 31},
                                      {.rows = 8, .outputs = 2, .depth = 64, .position = 200},
                                      {.rows = 8, .outputs = 11, .depth = 64, .position = 62},
                                      {.rows = 33, .outputs = 1, .depth = 96, .position = 63},
                                      {.rows = 7, .outputs = 7, .depth = 128, .position = 150},
                                      {.rows = 12, .outputs = 3, .depth = 48, .position = 70},
                                      {.rows = 40, .outputs = 8, .depth = 256, .position = 5}};

class EmulatedKernels : public testing::TestWithParam<const KernelTable& (*)()> {};

TEST_P(EmulatedKernels, GiveTheBytesOfRef) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) {
    GTEST_SKIP() << "the emulation needs AVX2, FMA and F16C";
  }
  const KernelTable& table = GetParam()();
  int tried = 0;
  for (const OpCase& op : op_cases()) {
    const bool is_attention = op.name == "attention.bf16" || op.name == "attention_window.bf16" ||
                              op.name == "attention_edges.bf16";
    if (!op.name.starts_with("matmul_q") && op.name != "matmul_b" && !is_attention) continue;
    ++tried;
    std::vector<Shape> shapes(std::begin(kShapes), std::end(kShapes));
    if (op.name == "matmul_b") {
      shapes.insert(shapes.end(), std::begin(kUnevenShapes), std::end(kUnevenShapes));
    } else if (is_attention) {
      shapes.assign(std::begin(kAttentionShapes), std::end(kAttentionShapes));
    }
    for (const Shape& shape : shapes) {
      for (const InputKind kind : kInputKinds) {
        InputSource for_table(kind, 7), for_ref(kind, 7);
        ASSERT_TRUE(op.run(table, shape, for_table) == op.run(ref_table(), shape, for_ref))
            << table.name << ", " << op.name << ", " << name(kind) << ": rows " << shape.rows << ", outputs "
            << shape.outputs << ", depth " << shape.depth << ", position " << shape.position;
      }
    }
  }
  EXPECT_EQ(tried, 28);
}

INSTANTIATE_TEST_SUITE_P(Tables, EmulatedKernels, testing::Values(vnni_by_bytes, vnni_by_pairs, amx_table),
                         [](const auto& info) {
                           return std::string(info.param().name) + std::to_string(info.index);
                         });

}  // namespace
}  // namespace isobatch::kernels
