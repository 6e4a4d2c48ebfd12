// Blocks of quantized types as the gguf Python package reads them, bit for bit (tools/make_quants_golden.py):
// in the loader's conversion to floats, and in a row unpacked from a packed matrix.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "tests/golden/golden_file.h"

namespace isobatch::kernels {
namespace {

std::vector<std::byte> from_hex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

TEST(Quants, HaveTheValuesOfTheGgufPackage) {
  std::istringstream lines(golden::read_file("quants.jsonl"));
  int types = 0;
  for (std::string line; std::getline(lines, line); ++types) {
    const nlohmann::json record = nlohmann::json::parse(line);
    const std::string name = record["type"];
    const auto type = std::ranges::find(kTensorTypeInfo, name, &TensorTypeInfo::name);
    ASSERT_NE(type, kTensorTypeInfo.end()) << name;
    const std::vector<std::byte> blocks = from_hex(record["blocks"]), expected = from_hex(record["values"]);
    const int n = static_cast<int>(blocks.size() / type->block_bytes * type->block_size);
    ASSERT_EQ(expected.size(), n * sizeof(float)) << name;

    std::vector<float> values(n);
    unpack_values(blocks.data(), type->type, n, values.data());
    EXPECT_EQ(std::memcmp(values.data(), expected.data(), expected.size()), 0) << name << ", unpack_values";

    PackedMatrix matrix{.type = type->type, .outputs = 1, .depth = n};
    std::vector<std::byte> packed(packed_bytes(matrix));
    pack_rows(blocks.data(), type->type, 1, 0, matrix, packed.data());
    matrix.data = packed.data();
    std::fill(values.begin(), values.end(), 0.0f);
    ref_table().unpack_row(matrix, 0, values.data());
    EXPECT_EQ(std::memcmp(values.data(), expected.data(), expected.size()), 0) << name << ", unpack_row";
  }
  EXPECT_EQ(types, 12);
}

}  // namespace
}  // namespace isobatch::kernels
