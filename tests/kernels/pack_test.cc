// Rows packed for matmul_b hold the file's values as operands of N-DOT-B, whatever the file's type.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/float16.h"
#include "kernels/op_cases.h"
#include "kernels/ref/panel.h"
#include "kernels/ref/ref.h"

namespace isobatch::kernels {
namespace {

// Values on both sides of the rule's 2⁻⁵⁶ where the type has them; bytes of any kind where it is quantized.
std::vector<std::byte> row_of_file(TensorType type, int depth, InputSource& source) {
  std::vector<std::byte> row(depth / info(type).block_size * info(type).block_bytes);
  for (std::byte& byte : row) byte = static_cast<std::byte>(source.bits());
  if (type != TensorType::f32 && type != TensorType::bf16) return row;
  for (int k = 0; k < depth; ++k) {
    const float value =
        k % 3 == 0 ? source.next() : std::ldexp(1.0f + static_cast<float>(k) / 64.0f, -54 - k % 5);
    const std::uint16_t half = f32_to_bf16(value);
    if (type == TensorType::f32) {
      std::memcpy(row.data() + 4 * k, &value, 4);
    } else {
      std::memcpy(row.data() + 2 * k, &half, 2);
    }
  }
  return row;
}

TEST(Pack, OperandRowsHoldTheRoundedValuesOfAnyType) {
  const int outputs = 19, depth = 512;
  for (std::size_t t = 0; t < kTensorTypes; ++t) {
    const auto type = static_cast<TensorType>(t);
    InputSource source(InputKind::uniform, 21 + t);
    PackedMatrix matrix{.type = TensorType::bf16, .outputs = outputs, .depth = depth};
    std::vector<std::byte> data(packed_bytes(matrix));
    matrix.data = data.data();
    int flushed = 0;
    for (int n = 0; n < outputs; ++n) {
      const std::vector<std::byte> row = row_of_file(type, depth, source);
      std::vector<float> values(depth);
      unpack_values(row.data(), type, depth, values.data());
      pack_operand_rows(row.data(), type, 1, n, matrix, data.data());
      for (int k = 0; k < depth; ++k) {
        const float expected = ref::round_operand_bf16(values[k]);
        ASSERT_EQ(std::bit_cast<std::uint32_t>(ref::float_weight(matrix, n, k)),
                  std::bit_cast<std::uint32_t>(expected))
            << info(type).name << ": output " << n << ", k " << k << ", value " << values[k];
        flushed += values[k] != 0.0f && expected == 0.0f;
      }
    }
    EXPECT_EQ(flushed > 0, type == TensorType::f32 || type == TensorType::bf16) << info(type).name;
  }
}

}  // namespace
}  // namespace isobatch::kernels
