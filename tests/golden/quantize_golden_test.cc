// Weights quantized at load are the bytes that the gguf package makes (tools/make_quantize_golden.py).
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "isobatch/error.h"
#include "model/quantize_weights.h"
#include "tests/golden/golden_file.h"
#include "tests/support/family_model.h"

namespace isobatch::golden {
namespace {

TEST(QuantizeWeights, GiveTheBytesOfTheGgufPackage) {
  std::istringstream file(read_file("quantized_rows.txt"));
  int rows = 0;
  std::string row, scale, type, hex;
  for (; file >> row >> scale >> type >> hex; ++rows) {
    const auto values = test::random_values("row " + row, 64, std::stof(scale), 0.0f);
    std::string found;
    for (const std::byte byte :
         model::quantize_row(type == "Q8_0" ? TensorType::q8_0 : TensorType::q4_0, values, "t")) {
      constexpr const char* kDigits = "0123456789abcdef";
      found += kDigits[static_cast<int>(byte) >> 4];
      found += kDigits[static_cast<int>(byte) & 15];
    }
    EXPECT_EQ(found, hex) << row << " " << type;
  }
  EXPECT_EQ(rows, 12);
}

TEST(QuantizeWeights, WhatNoBlockCanHoldIsRefused) {
  for (const float value : {INFINITY, NAN, 1e7f}) {
    std::vector<float> row(32, 1.0f);
    row[7] = value;
    EXPECT_THROW(model::quantize_row(TensorType::q8_0, row, "t"), Error) << value;
  }
}

}  // namespace
}  // namespace isobatch::golden
