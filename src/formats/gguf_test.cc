// Right files of every kind, and wrong ones with the error that names what is wrong.
#include "formats/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "isobatch/error.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/quantize.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch::formats {
namespace {

using test::GgufWriter;
using test::quantize;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GgufTest : public ::testing::Test {
 protected:
  GgufFile open(const GgufWriter& writer) { return open(writer.bytes()); }
  GgufFile open(const std::vector<std::byte>& bytes) {
    test::write_file(directory_ / "file.gguf", bytes);
    return GgufFile::open(directory_ / "file.gguf");
  }

  template <typename File>
  void expect_error(const File& file, ErrorCode code, const std::string& part) {
    try {
      open(file);
      ADD_FAILURE() << "no error; expected one with: " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("file.gguf"));
      EXPECT_THAT(error.what(), HasSubstr(part));
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }

  test::TempDir directory_;
};

std::vector<std::byte> floats(std::size_t n) {
  return quantize(TensorType::f32, std::vector<float>(n, 1.0f));
}

GgufWriter with_tensor(GgufWriter::Tensor tensor) {
  GgufWriter writer;
  writer.add_tensor(std::move(tensor));
  return writer;
}

TEST_F(GgufTest, ReadsScalarsOfEveryType) {
  for (const std::uint32_t version : {2u, 3u}) {
    GgufWriter writer(version);
    writer.add<std::uint8_t>("u8", 255);
    writer.add<std::int8_t>("i8", -128);
    writer.add<std::uint16_t>("u16", 65535);
    writer.add<std::int16_t>("i16", -32768);
    writer.add<std::uint32_t>("u32", 4294967295u);
    writer.add<std::int32_t>("i32", -5);
    writer.add<std::uint64_t>("u64", std::uint64_t{1} << 62);
    writer.add<std::int64_t>("i64", std::numeric_limits<std::int64_t>::min());
    writer.add("f32", 0.1f);
    writer.add("f64", 0.1);
    writer.add("yes", true);
    writer.add("text", "naïve");
    const GgufFile file = open(writer);
    EXPECT_EQ(file.version(), static_cast<int>(version));
    EXPECT_EQ(file.metadata().size(), 12u);
    EXPECT_EQ(file.get_int("u8"), 255);
    EXPECT_EQ(file.get_int("i8"), -128);
    EXPECT_EQ(file.get_int("u16"), 65535);
    EXPECT_EQ(file.get_int("i16"), -32768);
    EXPECT_EQ(file.get_int("u32"), 4294967295);
    EXPECT_EQ(file.get_int("i32"), -5);
    EXPECT_EQ(file.require_int("u64"), std::int64_t{1} << 62);
    EXPECT_EQ(file.get_int("i64"), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(file.get_float("f32"), static_cast<double>(0.1f));
    EXPECT_EQ(file.get_float("f64"), 0.1);
    EXPECT_EQ(file.get_bool("yes"), true);
    EXPECT_EQ(*file.get_string("text"), "naïve");
  }
}

TEST_F(GgufTest, ReadsArraysOfEveryType) {
  GgufWriter writer;
  writer.add_array<std::uint8_t>("u8", {0, 255});
  writer.add_array<std::int16_t>("i16", {-1, 2});
  writer.add_array<std::uint64_t>("u64", {7});
  writer.add_array<std::int32_t>("none", {});
  writer.add_array<float>("f32", {0.5f, -0.5f});
  writer.add_array<std::string>("strings", {"", "a", std::string("\0b", 2)});
  writer.add_array<std::uint8_t>("bytes", {});
  const GgufFile file = open(writer);
  EXPECT_THAT(*file.get_ints("u8"), ElementsAre(0, 255));
  EXPECT_THAT(*file.get_ints("i16"), ElementsAre(-1, 2));
  EXPECT_THAT(*file.get_ints("u64"), ElementsAre(7));
  EXPECT_THAT(*file.get_ints("none"), ElementsAre());
  EXPECT_THAT(std::get<std::vector<double>>(file.metadata().find("f32")->second), ElementsAre(0.5, -0.5));
  EXPECT_THAT(*file.get_strings("strings"), ElementsAre("", "a", std::string("\0b", 2)));
}

TEST_F(GgufTest, AbsentKeysAreEmptyOrNamed) {
  const GgufFile file = open(GgufWriter());
  EXPECT_EQ(file.get_int("x"), std::nullopt);
  EXPECT_EQ(file.get_float("x"), std::nullopt);
  EXPECT_EQ(file.get_bool("x"), std::nullopt);
  EXPECT_EQ(file.get_string("x"), nullptr);
  EXPECT_EQ(file.get_strings("x"), nullptr);
  EXPECT_EQ(file.get_ints("x"), std::nullopt);
  EXPECT_THAT([&] { file.require_int("a.b"); },
              testing::ThrowsMessage<Error>(HasSubstr("a.b: the file has no such")));
}

TEST_F(GgufTest, WrongMetadataTypesNameKeyAndTypes) {
  GgufWriter writer;
  writer.add("text", "1");
  writer.add<std::uint64_t>("huge", std::numeric_limits<std::uint64_t>::max());
  const GgufFile file = open(writer);
  EXPECT_THAT([&] { file.get_int("text"); },
              testing::ThrowsMessage<Error>(HasSubstr("text: expected an integer, found a string")));
  EXPECT_THAT([&] { file.get_bool("huge"); },
              testing::ThrowsMessage<Error>(HasSubstr("huge: expected a bool, found an unsigned integer")));
  EXPECT_THAT([&] { file.get_ints("text"); },
              testing::ThrowsMessage<Error>(HasSubstr("expected an array of integers, found a string")));
  EXPECT_THAT([&] { file.get_int("huge"); },
              testing::ThrowsMessage<Error>(HasSubstr("18446744073709551615")));
}

TEST_F(GgufTest, ReadsTensorsOfEveryType) {
  GgufWriter writer;
  const std::int64_t shape[] = {3, 256};
  const auto data_of = [](const TensorTypeInfo& type) {
    std::vector<std::byte> data(3 * 256 / type.block_size * type.block_bytes);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 7 + i / 256);
    return data;
  };
  for (const TensorTypeInfo& type : kTensorTypeInfo) {
    writer.add_tensor(std::string(type.name), type.type, shape, data_of(type));
  }
  const GgufFile file = open(writer);
  ASSERT_EQ(file.tensors().size(), kTensorTypes);
  for (const TensorTypeInfo& type : kTensorTypeInfo) {
    const Tensor& tensor = file.require(type.name, shape);
    EXPECT_EQ(tensor.type, type.type);
    EXPECT_TRUE(std::ranges::equal(tensor.data, data_of(type)));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data.data()) % 32, 0u);
    file.release(tensor);  // the data can still be read
    EXPECT_TRUE(std::ranges::equal(tensor.data, data_of(type)));
  }
}

TEST_F(GgufTest, RequireNamesTheTensorAndBothShapes) {
  GgufWriter writer;
  const std::int64_t shape[] = {2, 3};
  writer.add_tensor("w", TensorType::f32, shape, floats(6));
  const GgufFile file = open(writer);
  const std::int64_t other[] = {3, 2};
  EXPECT_EQ(file.find("v"), nullptr);
  EXPECT_THAT([&] { file.require("v", shape); },
              testing::ThrowsMessage<Error>(HasSubstr("v: the file has no such")));
  EXPECT_THAT([&] { file.require("w", other); },
              testing::ThrowsMessage<Error>(HasSubstr("w: expected a tensor of shape [3, 2], found [2, 3]")));
}

TEST_F(GgufTest, RespectsTheAlignment) {
  for (const std::uint32_t alignment : {8u, 64u, 4096u}) {
    GgufWriter writer;
    writer.set_alignment(alignment);
    const std::int64_t shape[] = {3};
    writer.add_tensor("a", TensorType::f32, shape, floats(3));
    writer.add_tensor("b", TensorType::f32, shape, floats(3));
    const GgufFile file = open(writer);
    for (const Tensor& tensor : file.tensors()) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data.data()) % alignment, 0u);
      EXPECT_TRUE(std::ranges::equal(tensor.data, floats(3)));
    }
  }
}

TEST_F(GgufTest, OpensRandomModels) {
  test::RandomModelOptions options;
  options.tied_head = false;
  const GgufFile file = open(test::random_model(options));
  EXPECT_EQ(*file.get_string("general.architecture"), "llama");
  EXPECT_EQ(file.tensors().size(), static_cast<std::size_t>(3 + 9 * options.layers));
  EXPECT_EQ(file.get_strings("tokenizer.ggml.tokens")->size(), static_cast<std::size_t>(options.vocab_size));
  EXPECT_EQ(test::random_model(options), test::random_model(options));
}

TEST_F(GgufTest, RefusesOtherFilesAndVersions) {
  const auto header = [](const std::string& magic, std::uint32_t version) {
    test::ByteBuffer buffer;
    buffer.append(std::as_bytes(std::span(magic)));
    buffer.put(version);
    buffer.put(std::uint64_t{0});
    buffer.put(std::uint64_t{0});
    return buffer.bytes();
  };
  expect_error(header("GGML", 3), ErrorCode::corrupt_file, "not a GGUF file");
  expect_error(header("GGUF", 1), ErrorCode::unsupported, "GGUF version 1; expected 2 or 3");
  expect_error(header("GGUF", 4), ErrorCode::unsupported, "GGUF version 4");
  expect_error(header("GGUF", 0), ErrorCode::unsupported, "GGUF version 0");
  expect_error(header("GGUF", 0x03000000), ErrorCode::unsupported, "big-endian");
  EXPECT_THROW(GgufFile::open(directory_ / "absent.gguf"), Error);
}

TEST_F(GgufTest, RefusesSplitFiles) {
  GgufWriter writer;
  writer.add<std::uint16_t>("split.count", 3);
  expect_error(writer, ErrorCode::unsupported, "one of 3 parts");
}

TEST_F(GgufTest, RefusesMalformedMetadata) {
  GgufWriter twice;
  twice.add("key", true);
  twice.add("key", true);
  expect_error(twice, ErrorCode::corrupt_file, "metadata key key occurs twice");

  for (const char* key : {"", "a\nb", "\xff"}) {
    GgufWriter writer;
    writer.add(key, true);
    expect_error(writer, ErrorCode::corrupt_file, "printable ASCII");
  }

  const std::byte two[] = {std::byte{2}};
  GgufWriter boolean;
  boolean.add_raw("flag", test::gguf_value_type<bool>(), two);
  expect_error(boolean, ErrorCode::corrupt_file, "flag: a bool is 0 or 1, found 2");

  GgufWriter unknown;
  unknown.add_raw("odd", 13, two);
  expect_error(unknown, ErrorCode::corrupt_file, "odd: expected a value type from 0 to 12, found 13");

  test::ByteBuffer nested;
  nested.put(test::kGgufArray);
  nested.put(std::uint64_t{1});
  GgufWriter arrays;
  arrays.add_raw("deep", test::kGgufArray, nested.bytes());
  expect_error(arrays, ErrorCode::unsupported, "deep: an array of arrays");
}

TEST_F(GgufTest, AbsurdCountsAreErrorsNotAllocations) {
  const std::vector<std::byte> empty = GgufWriter().bytes();
  for (const std::uint64_t count : {std::uint64_t{1000}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    std::vector<std::byte> tensors = empty;
    std::memcpy(tensors.data() + 8, &count, 8);
    expect_error(tensors, ErrorCode::corrupt_file, "tensor descriptions: expected");
    std::vector<std::byte> pairs = empty;
    std::memcpy(pairs.data() + 16, &count, 8);
    expect_error(pairs, ErrorCode::corrupt_file, "metadata: expected");

    test::ByteBuffer length;
    length.put(count);
    GgufWriter text;
    text.add_raw("text", test::gguf_value_type<std::string>(), length.bytes());
    expect_error(text, ErrorCode::corrupt_file, "text: expected");

    for (const std::uint32_t type : {0u, 4u, 7u, 8u, 12u}) {
      test::ByteBuffer array;
      array.put(type);
      array.put(count);
      GgufWriter writer;
      writer.add_raw("list", test::kGgufArray, array.bytes());
      expect_error(writer, ErrorCode::corrupt_file, "list: expected");
    }
  }
}

TEST_F(GgufTest, RefusesBadAlignments) {
  for (const std::uint32_t alignment : {0u, 1u, 4u, 24u, 4294967295u}) {
    GgufWriter writer;
    writer.add("general.alignment", alignment);
    expect_error(writer, ErrorCode::corrupt_file, "general.alignment: expected a power of two");
  }
  GgufWriter writer;
  writer.add("general.alignment", "32");
  expect_error(writer, ErrorCode::corrupt_file, "general.alignment: expected an integer, found a string");
}

TEST_F(GgufTest, UnknownTensorTypesAreNamed) {
  expect_error(
      with_tensor({"w", 17, {256}, floats(64), {}}), ErrorCode::unsupported,
      "tensor w is of IQ2_XS (type id 17); supported: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, "
      "Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS");
  expect_error(with_tensor({"w", 18, {256}, floats(36), {}}), ErrorCode::unsupported, "IQ3_XXS");
  expect_error(with_tensor({"w", 4000, {256}, floats(36), {}}), ErrorCode::unsupported, "is of type id 4000");
}

TEST_F(GgufTest, RefusesBadShapes) {
  constexpr std::uint64_t kLarge = std::uint64_t{1} << 62;
  expect_error(with_tensor({"w", 0, {}, floats(8), {}}), ErrorCode::corrupt_file,
               "expected 1 to 4 dimensions, found 0");
  expect_error(with_tensor({"w", 0, {1, 1, 1, 1, 1}, floats(1), {}}), ErrorCode::corrupt_file, "found 5");
  expect_error(with_tensor({"w", 0, {4, 0}, floats(1), {}}), ErrorCode::corrupt_file, "a dimension is 0");
  expect_error(with_tensor({"w", 0, {~std::uint64_t{0}}, floats(1), {}}), ErrorCode::corrupt_file,
               "2^63 elements");
  expect_error(with_tensor({"w", 0, {kLarge, 2}, floats(1), {}}), ErrorCode::corrupt_file, "2^63 elements");
  expect_error(with_tensor({"w", 0, {kLarge}, floats(1), {}}), ErrorCode::corrupt_file,
               "do not fit in 64 bits");
  expect_error(with_tensor({"w", 0, {kLarge / 4}, floats(1), {}}), ErrorCode::corrupt_file, "bytes of data");
  expect_error(with_tensor({"w", 8, {33}, floats(20), {}}), ErrorCode::corrupt_file,
               "a row of Q8_0 is a multiple of 32 elements, found 33");
}

TEST_F(GgufTest, RefusesBadPlaces) {
  expect_error(with_tensor({"w", 0, {8}, floats(8), 4}), ErrorCode::corrupt_file,
               "no multiple of the alignment 32");
  expect_error(with_tensor({"w", 0, {8}, floats(8), 32}), ErrorCode::corrupt_file,
               "do not fit in the file's 32 bytes");
  expect_error(with_tensor({"w", 0, {8}, floats(8), ~std::uint64_t{31}}), ErrorCode::corrupt_file,
               "do not fit");
  expect_error(with_tensor({"w", 0, {8}, floats(7), {}}), ErrorCode::corrupt_file, "is the file truncated?");

  GgufWriter overlap;
  overlap.add_tensor({"a", 0, {16}, floats(16), {}});
  overlap.add_tensor({"b", 0, {8}, floats(8), 32});
  expect_error(overlap, ErrorCode::corrupt_file, "tensor b: its data overlaps that of a");

  GgufWriter twice;
  twice.add_tensor({"a", 0, {8}, floats(8), {}});
  twice.add_tensor({"a", 0, {8}, floats(8), {}});
  expect_error(twice, ErrorCode::corrupt_file, "tensor a: the name occurs twice");
  expect_error(with_tensor({"", 0, {8}, floats(8), {}}), ErrorCode::corrupt_file, "name of tensor 1 of 1");
}

}  // namespace
}  // namespace isobatch::formats
