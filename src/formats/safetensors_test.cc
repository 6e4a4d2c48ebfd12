#include "formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>

#include "formats/hf_directory.h"
#include "isobatch/error.h"
#include "tests/support/quantize.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temp_dir.h"

namespace isobatch::formats {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const std::vector<float> kValues = {1.0f, -2.0f, 0.5f, 3.0f, 0.0f, -0.25f};

test::SafetensorsWriter small_file() {
  test::SafetensorsWriter writer;
  writer.header()["__metadata__"] = {{"format", "pt"}};
  const std::int64_t shape[] = {2, 3};
  for (const TensorType type : {TensorType::f32, TensorType::f16, TensorType::bf16}) {
    writer.add(std::string(info(type).name), type, shape, test::quantize(type, kValues));
  }
  return writer;
}

class SafetensorsTest : public testing::Test {
 protected:
  SafetensorsFile open(std::span<const std::byte> bytes) {
    EXPECT_EQ(::ftruncate(file_, 0), 0);
    EXPECT_EQ(::pwrite(file_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    return SafetensorsFile("/proc/self/fd/" + std::to_string(file_));
  }
  // The file with one entry of its header changed.
  void expect_refused(const char* entry, const nlohmann::json& value, const char* message) {
    test::SafetensorsWriter writer = small_file();
    writer.header()["F16"][entry] = value;
    EXPECT_THAT([&] { open(writer.bytes()); }, ThrowsMessage<Error>(HasSubstr(message))) << value;
  }
  bool opens(std::span<const std::byte> bytes) {
    try {
      const SafetensorsFile file = open(bytes);
      unsigned sum = 0;
      for (const Tensor& tensor : file.tensors()) {
        for (const std::byte byte : tensor.data) sum += static_cast<unsigned>(byte);
      }
      volatile unsigned keep = sum;
      (void)keep;
      return true;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      return false;
    }
  }
  ~SafetensorsTest() override { ::close(file_); }

 private:
  const int file_ = ::memfd_create("damaged.safetensors", 0);  // a file without a disk: there are thousands
};

TEST_F(SafetensorsTest, ReadsTensorsOfEveryType) {
  const SafetensorsFile file = open(small_file().bytes());
  ASSERT_EQ(file.tensors().size(), 3u);
  for (const Tensor& tensor : file.tensors()) {
    EXPECT_EQ(tensor.name, info(tensor.type).name);
    EXPECT_EQ(tensor.shape, (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(test::dequantize(tensor.type, tensor.data), kValues);
    EXPECT_TRUE(file.holds(tensor));
    file.release(tensor);  // the data can still be read
    EXPECT_EQ(test::dequantize(tensor.type, tensor.data), kValues);
  }
}

TEST_F(SafetensorsTest, WrongEntriesAreRefusedByName) {
  expect_refused("dtype", "I64", "tensor F16: type I64; expected F32, F16 or BF16");
  expect_refused("dtype", 3, "tensor F16: dtype: expected a string");
  expect_refused("dtype", "a\nb", "type a?b");
  expect_refused("shape", {2, -3}, "tensor F16: shape: expected an integer of at least 0");
  expect_refused("shape", {2, 4}, "its type and shape take 16 bytes, its data_offsets 12");
  expect_refused("shape", {1u << 31, 1u << 31, 1u << 31}, "more values than 64 bits count");
  expect_refused("shape", {1, 1, 1, 2, 3}, "an array of at most 4 integers");
  expect_refused("data_offsets", {24, 1 << 30}, "expected a range in the 48 bytes of data");
  expect_refused("data_offsets", {36, 24}, "expected a range");
  expect_refused("data_offsets", {24}, "expected two integers");
  expect_refused("data_offsets", {0, 12}, "begins at byte 0 of the data; expected 12");
  expect_refused("data_offsets", {36, 48}, "expected 24, where the one before ends");
}

TEST_F(SafetensorsTest, WrongHeadersAreRefused) {
  test::SafetensorsWriter writer = small_file();
  writer.header().erase("BF16");
  EXPECT_THAT([&] { open(writer.bytes()); },
              ThrowsMessage<Error>(HasSubstr("48 bytes of data, of which the tensors take 36")));
  const auto with_header = [](const std::string& header) {
    std::vector<std::byte> bytes(8 + header.size());
    const std::uint64_t size = header.size();
    std::memcpy(bytes.data(), &size, 8);
    std::memcpy(bytes.data() + 8, header.data(), header.size());
    return bytes;
  };
  EXPECT_TRUE(opens(with_header("{}")));
  EXPECT_THAT([&] { open(with_header("{\"a\":1,\"a\":2}")); },
              ThrowsMessage<Error>(HasSubstr("the key 'a' stands twice")));
  EXPECT_THAT([&] { open(with_header("[]")); }, ThrowsMessage<Error>(HasSubstr("expected a JSON object")));
  EXPECT_THAT([&] { open(with_header(std::string(100'000, '['))); },
              ThrowsMessage<Error>(HasSubstr("nested over 64 deep")));
  EXPECT_FALSE(opens(with_header("{\"a\"")));
}

TEST_F(SafetensorsTest, EveryTruncationIsAnError) {
  const std::vector<std::byte> whole = small_file().bytes();
  ASSERT_TRUE(opens(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(opens(std::span(whole).first(size)));
}

TEST_F(SafetensorsTest, EveryFlippedBitIsHandled) {
  std::vector<std::byte> bytes = small_file().bytes();
  int errors = 0;
  for (std::size_t i = 0; i + 48 < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[i] ^= std::byte{1} << bit;
      errors += opens(bytes) ? 0 : 1;
      bytes[i] ^= std::byte{1} << bit;
    }
  }
  EXPECT_GT(errors, 500);
}

class HfDirectoryTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) { std::ofstream(directory_ / name) << text; }
  void write_shard(const std::string& name, const std::string& tensor) {
    test::SafetensorsWriter writer;
    const std::int64_t shape[] = {6};
    writer.add(tensor, TensorType::f32, shape, test::quantize(TensorType::f32, kValues));
    writer.write(directory_ / name);
  }
  test::TempDir directory_;
};

TEST_F(HfDirectoryTest, FlattensTheConfiguration) {
  write("config.json", R"({"a": {"b": {"c": 1.5}, "d": [1, 2]}, "e": ["x", "y"], "f": null, "g": [1, "x"],
                           "h": true, "i": -3, "j": [], "k": [1, 2.5]})");
  write_shard("model.safetensors", "t");
  const HfDirectory file(directory_.path());
  EXPECT_EQ(file.get_float("a.b.c"), 1.5);
  EXPECT_EQ(file.get_floats("a.d"), (std::vector<double>{1, 2}));
  EXPECT_EQ(file.get_floats("k"), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(*file.get_strings("e"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(file.get_bool("h"), true);
  EXPECT_EQ(file.get_int("i"), -3);
  EXPECT_EQ(file.get_float("i"), -3.0);
  for (const char* key : {"f", "g", "j", "a"}) EXPECT_FALSE(file.metadata().contains(key)) << key;
}

TEST_F(HfDirectoryTest, ReadsShards) {
  write("config.json", "{}");
  write("model.safetensors.index.json", R"({"weight_map": {"b": "2.safetensors", "a": "1.safetensors"}})");
  write_shard("1.safetensors", "a");
  write_shard("2.safetensors", "b");
  const HfDirectory file(directory_.path());
  ASSERT_EQ(file.tensors().size(), 2u);
  for (const char* name : {"a", "b"}) {
    const Tensor& tensor = file.require(name, std::array<std::int64_t, 1>{6});
    file.release(tensor);
    EXPECT_EQ(test::dequantize(tensor.type, tensor.data), kValues);
  }
  EXPECT_EQ(file.files().size(), 4u);
  write_shard("2.safetensors", "a");
  EXPECT_THAT([&] { HfDirectory again(directory_.path()); },
              ThrowsMessage<Error>(HasSubstr("tensor a is in two shards")));
}

TEST_F(HfDirectoryTest, WrongDirectoriesAreRefused) {
  const auto open = [&] { HfDirectory file(directory_.path()); };
  EXPECT_THAT(open, ThrowsMessage<Error>(HasSubstr("config.json")));
  write("config.json", "{");
  EXPECT_THAT(open, ThrowsMessage<Error>(HasSubstr("not JSON")));
  write("config.json", "{}");
  EXPECT_THAT(open, ThrowsMessage<Error>(HasSubstr("model.safetensors")));
  for (const char* shard : {"\"../x\"", "\"..\"", "\"/etc/passwd\"", "7", "\"\""}) {
    write("model.safetensors.index.json", std::string(R"({"weight_map": {"t": )") + shard + "}}");
    EXPECT_THAT(open, ThrowsMessage<Error>(HasSubstr("expected the name of a file beside the index")))
        << shard;
  }
  write("model.safetensors.index.json", R"({"weight_map": []})");
  EXPECT_THAT(open, ThrowsMessage<Error>(HasSubstr("weight_map: expected an object")));
}

}  // namespace
}  // namespace isobatch::formats
