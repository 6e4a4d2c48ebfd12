// Digest, file hash and the words for Semantics.
#include <gtest/gtest.h>
#include <unistd.h>
#include <xxhash.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "engine/digest.h"
#include "engine/file_hash.h"
#include "engine/semantics.h"
#include "isobatch/error.h"
#include "isobatch/model.h"

namespace isobatch::engine {
namespace {

TEST(LogitsDigest, IsXxh3OfAllRowsInOrder) {
  const std::vector<float> rows{1.0f, -0.0f, 2.5f, 4.0f};
  LogitsDigest digest;
  digest.fold(std::span(rows).first(2));
  digest.fold(std::span(rows).last(2));
  const XXH128_hash_t whole = XXH3_128bits(rows.data(), rows.size() * sizeof(float));
  EXPECT_EQ(digest.value(), (Digest{whole.high64, whole.low64}));
  LogitsDigest other;
  other.fold(std::vector<float>{1.0f, 0.0f, 2.5f, 4.0f});
  EXPECT_NE(digest.value(), other.value());
}

TEST(LogitsDigest, HexHasAllDigits) {
  EXPECT_EQ(to_hex({0x1u, 0xabcdef0123456789u}), "0000000000000001abcdef0123456789");
}

TEST(FileHash, KnownAnswerAndMissingFile) {
  const auto path = std::filesystem::temp_directory_path() / ("isobatch_hash_" + std::to_string(getpid()));
  std::ofstream(path, std::ios::binary) << "abc";  // the example of FIPS 180-4
  EXPECT_EQ(sha256_of_file(path), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  std::filesystem::remove(path);
  EXPECT_THROW(sha256_of_file(path), Error);
}

TEST(Semantics, AreReadBackFromAFingerprint) {
  for (const Semantics& semantics :
       {Semantics{DType::native, KvDType::bf16, 2048}, Semantics{DType::f32, KvDType::f16, 1},
        Semantics{DType::f16, KvDType::f32, 8192, Quantize::q4_0}}) {
    const auto read = semantics_of("isobatch-1-0123456789abcdef-" + describe(semantics));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(describe(*read), describe(semantics));
  }
  for (const char* other : {"", "isobatch", "isobatch-1-0-native-bf16", "isobatch-1-0-native-bf16-x",
                            "isobatch-1-0-native-bf16-1-q9", "isobatch-1-0--bf16-1", "a-b-c-d-e-f"}) {
    EXPECT_FALSE(semantics_of(other).has_value()) << other;
  }
}

TEST(Semantics, EachFieldIsNamedAndSalts) {
  const Semantics base{DType::native, KvDType::bf16, 2048};
  EXPECT_EQ(describe(base), "native-bf16-2048");
  EXPECT_EQ(describe({DType::f32, KvDType::f16, 1}), "f32-f16-1");
  EXPECT_EQ(describe({DType::bf16, KvDType::f32, 1}), "bf16-f32-1");
  EXPECT_EQ(describe({DType::f16, KvDType::f16, 1, Quantize::q4_0}), "f16-f16-1-q4_0");
  for (const Semantics& other :
       {Semantics{DType::f32, KvDType::bf16, 2048}, Semantics{DType::bf16, KvDType::bf16, 2048},
        Semantics{DType::native, KvDType::f32, 2048}, Semantics{DType::native, KvDType::bf16, 1024},
        Semantics{DType::f16, KvDType::bf16, 2048},
        Semantics{DType::native, KvDType::bf16, 2048, Quantize::q8_0}}) {
    EXPECT_NE(prefix_salt(base), prefix_salt(other));
  }
}

}  // namespace
}  // namespace isobatch::engine
