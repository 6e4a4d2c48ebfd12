// Packed weights that are kept: the same bits, made anew whenever they are not the file's own.
#include <gmock/gmock.h>
#include <xxhash.h>

#include <cstring>
#include <fstream>

#include "engine/engine_test_support.h"
#include "isobatch/error.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch::engine {
namespace {

namespace fs = std::filesystem;

struct PackedCopyTest : testing::Test {
  test::TempDir directory;
  const fs::path file = directory / "model.gguf", cache = directory / "cache" / "packed";

  std::string digest(const Semantics& semantics, bool cached) const {
    const Model::LoadOptions options{.progress = {}, .packed_cache = cached ? cache : fs::path()};
    const auto model = Model::load(file, semantics, options);
    Request request;
    request.prompt = {5, 9, 40, 33, 80, 81, 82};
    request.max_tokens = 3;
    request.ignore_eos = true;
    return to_hex(run_alone(model, request, {}).digest);
  }
  std::vector<fs::path> copies() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(cache)) found.push_back(entry.path());
    return found;
  }
  fs::path only_copy() const {
    EXPECT_EQ(copies().size(), 1u);
    return copies().at(0);
  }
  static std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const fs::path& path, const std::string& bytes) {
    fs::remove(path);
    std::ofstream(path, std::ios::binary) << bytes;
  }
  // The copy with `change` made to its weights, and a checksum that fits.
  template <typename Change>
  void doctor(Change&& change) const {
    std::string bytes = read(only_copy());
    std::uint64_t header[4];
    constexpr std::size_t kHeaderAt = 24;
    std::memcpy(header, bytes.data() + kHeaderAt, sizeof header);
    change(bytes.data() + header[1]);
    header[3] = XXH3_64bits(bytes.data() + header[1], header[2]);
    std::memcpy(bytes.data() + kHeaderAt, header, sizeof header);
    write(only_copy(), bytes);
  }
};

TEST_F(PackedCopyTest, GivesTheSameBitsInEveryFamilyAndDType) {
  for (const std::string family : {"llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3"}) {
    test::write_random_model(file, {.family = family, .matrix_type = TensorType::q5_1});
    for (const DType dtype : {DType::native, DType::native8, DType::f32, DType::bf16, DType::f16}) {
      const Semantics semantics{.dtype = dtype};
      const std::string expected = digest(semantics, false);
      EXPECT_EQ(digest(semantics, true), expected) << family;  // made
      const std::string made = read(only_copy());
      const auto time = fs::last_write_time(only_copy());
      EXPECT_EQ(digest(semantics, true), expected) << family;  // mapped
      EXPECT_EQ(fs::last_write_time(only_copy()), time);
      EXPECT_TRUE(read(only_copy()) == made);
      fs::remove_all(cache);
    }
  }
}

TEST_F(PackedCopyTest, IsReallyUsed) {
  test::write_random_model(file, {});
  const std::string expected = digest({}, true);
  // The embedding comes first: its second panel is not compared, so a change there shows in the answer.
  doctor([](char* weights) {
    for (int i = 1500; i < 2500; ++i) weights[i] ^= 1;
  });
  EXPECT_NE(digest({}, true), expected);
}

TEST_F(PackedCopyTest, IsMadeAnewWhenItIsOfAnotherBuild) {
  test::write_random_model(file, {});
  const std::string expected = digest({}, true), made = read(only_copy());
  doctor([](char* weights) { weights[7] ^= 1; });  // in the first panel
  EXPECT_FALSE(read(only_copy()) == made);
  EXPECT_EQ(digest({}, true), expected);
  EXPECT_TRUE(read(only_copy()) == made);
}

TEST_F(PackedCopyTest, IsMadeAnewWhenItIsDamaged) {
  test::write_random_model(file, {});
  const std::string expected = digest({}, true), made = read(only_copy());
  for (const std::size_t at : {std::size_t{0}, std::size_t{30}, std::size_t{60}, made.size() - 1}) {
    std::string bytes = made;
    bytes[at] ^= 4;
    write(only_copy(), bytes);
    EXPECT_EQ(digest({}, true), expected) << at;
    EXPECT_TRUE(read(only_copy()) == made) << at;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{5000}, made.size() - 64}) {
    write(only_copy(), made.substr(0, size));
    EXPECT_EQ(digest({}, true), expected) << size;
    EXPECT_TRUE(read(only_copy()) == made) << size;
  }
}

TEST_F(PackedCopyTest, IsNotThatOfAnotherFileOfTheSameName) {
  test::write_random_model(file, {.seed = 1});
  const std::string first = digest({}, true);
  const auto time = fs::last_write_time(file);
  test::write_random_model(file, {.seed = 2});
  fs::last_write_time(file, time);  // as cp --preserve would
  const std::string second = digest({}, false);
  EXPECT_NE(first, second);
  EXPECT_EQ(digest({}, true), second);
  EXPECT_EQ(copies().size(), 2u);
}

TEST_F(PackedCopyTest, AFolderThatCannotBeIsAnError) {
  test::write_random_model(file, {});
  try {
    Model::load(file, {}, {.progress = {}, .packed_cache = file / "folder"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_THAT(error.what(), testing::HasSubstr("model.gguf/folder"));
    EXPECT_THAT(error.what(), testing::HasSubstr("cannot keep packed weights"));
  }
}

}  // namespace
}  // namespace isobatch::engine
