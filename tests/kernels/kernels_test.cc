// Every operation × every table × shapes × kinds of input: the same bytes as ref. No tolerance.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <string>

#include "isobatch/error.h"
#include "kernels/kernels.h"
#include "kernels/op_cases.h"

namespace isobatch::kernels {
namespace {

// Empty, single, tails of 4, 8, 16 and 32, chunk and block edges, more rows than any register tile.
constexpr Shape kShapes[] = {
    {.rows = 0, .outputs = 5, .depth = 8, .position = 0},
    {.rows = 1, .outputs = 1, .depth = 1, .position = 0},
    {.rows = 1, .outputs = 16, .depth = 32, .position = 0},
    {.rows = 2, .outputs = 17, .depth = 31, .position = 1},
    {.rows = 3, .outputs = 15, .depth = 33, .position = 30},
    {.rows = 5, .outputs = 3, .depth = 64, .position = 31},
    {.rows = 16, .outputs = 31, .depth = 96, .position = 32},
    {.rows = 17, .outputs = 8, .depth = 20, .position = 63},
    {.rows = 35, .outputs = 2, .depth = 80, .position = 5},
    {.rows = 4, .outputs = 33, .depth = 255, .position = 2},
    {.rows = 7, .outputs = 12, .depth = 256, .position = 100},
    {.rows = 2, .outputs = 48, .depth = 257, .position = 64},
    {.rows = 1, .outputs = 6, .depth = 640, .position = 127},
};

std::uint64_t fold(std::uint64_t hash, const std::vector<std::byte>& bytes) {  // FNV-1a
  for (const std::byte byte : bytes) hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3u;
  return hash;
}

// Matrix products alone: more rows and a greater depth than any block that a kernel cuts for the cache.
constexpr Shape kLargeShapes[] = {
    {.rows = 149, .outputs = 19, .depth = 11040, .position = 0},
    {.rows = 401, .outputs = 33, .depth = 160, .position = 0},
};

void expect_bytes_of_ref(const KernelTable& table, const OpCase& op, const Shape& shape, InputKind kind) {
  InputSource for_table(kind, 7), for_ref(kind, 7);
  const auto got = op.run(table, shape, for_table), expected = op.run(ref_table(), shape, for_ref);
  ASSERT_EQ(got.size(), expected.size());
  const auto first = std::mismatch(got.begin(), got.end(), expected.begin()).first - got.begin();
  ASSERT_EQ(first, static_cast<std::ptrdiff_t>(got.size()))
      << op.name << ", " << name(kind) << ": rows " << shape.rows << ", outputs " << shape.outputs
      << ", depth " << shape.depth << ", position " << shape.position << ": first byte that differs";
}

class Kernels : public testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    try {
      table_ = choose_table(GetParam()).table;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported ||
          std::string(error.what()).find("self-test") != std::string::npos)
        throw;
      GTEST_SKIP() << error.what();
    }
    EXPECT_EQ(table_->name, GetParam());
  }
  const KernelTable* table_ = nullptr;
};

TEST_P(Kernels, GiveTheBytesOfRef) {
  for (const OpCase& op : op_cases()) {
    for (const Shape& shape : kShapes) {
      for (const InputKind kind : kInputKinds) expect_bytes_of_ref(*table_, op, shape, kind);
    }
  }
}

TEST_P(Kernels, GiveTheBytesOfRefInLargeProducts) {
  if (table_ == &ref_table()) GTEST_SKIP() << "ref has no blocks, and takes long";
  for (const OpCase& op : op_cases()) {
    if (!op.name.starts_with("matmul")) continue;
    for (const Shape& shape : kLargeShapes) {
      for (const InputKind kind : {InputKind::uniform, InputKind::nan}) {
        expect_bytes_of_ref(*table_, op, shape, kind);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, Kernels, testing::ValuesIn(table_names()),
                         [](const auto& info) { return std::string(info.param); });

// ref's bytes are the same on every machine and compiler: the golden digests were made on x86-64.
// To make them anew: ISOBATCH_WRITE_GOLDEN=1 kernels_test
TEST(RefKernels, HaveTheGoldenDigests) {
  const std::string path = ISOBATCH_SOURCE_DIR "/tests/golden/kernel_digests.txt";
  std::map<std::string, std::string> digests;
  for (const OpCase& op : op_cases()) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const Shape& shape : kShapes) {
      for (const InputKind kind : kInputKinds) {
        InputSource source(kind, 7);
        hash = fold(hash, op.run(ref_table(), shape, source));
      }
    }
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(hash));
    digests[std::string(op.name)] = hex;
  }
  if (std::getenv("ISOBATCH_WRITE_GOLDEN") != nullptr) {
    std::ofstream file(path);
    for (const auto& [op, digest] : digests) file << op << ' ' << digest << '\n';
    GTEST_SKIP() << "wrote " << path;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::map<std::string, std::string> golden;
  for (std::string op, digest; file >> op >> digest;) golden[op] = digest;
  EXPECT_EQ(digests, golden);
}

}  // namespace
}  // namespace isobatch::kernels
