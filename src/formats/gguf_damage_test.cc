// A damaged file is an Error or another right file, never a crash; run it under ASan too.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "formats/gguf.h"
#include "isobatch/error.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/quantize.h"

namespace isobatch::formats {
namespace {

constexpr int kColumns = 256;  // of each tensor: a block of any type

// One of everything, in under 1 KiB; the last byte is data.
std::vector<std::byte> small_file() {
  test::GgufWriter writer;
  writer.set_alignment(16);
  writer.add<std::uint16_t>("u16", 3);
  writer.add<std::int64_t>("i64", -3);
  writer.add("f32", 1.5f);
  writer.add("flag", true);
  writer.add("text", "some text");
  writer.add_array<std::string>("strings", {"one", "two"});
  writer.add_array<std::int32_t>("ints", {1, 2, 3});
  for (const TensorTypeInfo& type : kTensorTypeInfo) {
    const std::int64_t shape[] = {1, kColumns};
    writer.add_tensor(std::string(type.name), type.type, shape,
                      std::vector<std::byte>(kColumns / type.block_size * type.block_bytes, std::byte{1}));
  }
  return writer.bytes();
}

// Where the tensors' data begins: damage behind it cannot matter.
std::size_t header_size(const std::vector<std::byte>& file) {
  std::size_t data = 0;
  for (const TensorTypeInfo& type : kTensorTypeInfo) {
    data = (data + 15) / 16 * 16 + kColumns / type.block_size * type.block_bytes;
  }
  return file.size() - data;
}

class GgufDamageTest : public ::testing::Test {
 protected:
  // True when the file opens; then every byte of every tensor is read.
  bool opens(std::span<const std::byte> bytes) {
    EXPECT_EQ(::ftruncate(file_, 0), 0);
    EXPECT_EQ(::pwrite(file_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    try {
      const GgufFile file = GgufFile::open("/proc/self/fd/" + std::to_string(file_));
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

  ~GgufDamageTest() override { ::close(file_); }

 private:
  const int file_ = ::memfd_create("damaged.gguf", 0);  // a file without a disk: there are thousands
};

TEST_F(GgufDamageTest, EveryTruncationIsAnError) {
  const std::vector<std::byte> whole = small_file();
  ASSERT_TRUE(opens(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(opens(std::span(whole).first(size))) << size << " of " << whole.size() << " bytes";
  }
}

TEST_F(GgufDamageTest, EveryFlippedBitIsHandled) {
  std::vector<std::byte> bytes = small_file();
  int errors = 0;
  const std::size_t header = header_size(bytes);
  for (std::size_t i = 0; i < header; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[i] ^= std::byte{1} << bit;
      errors += opens(bytes) ? 0 : 1;
      bytes[i] ^= std::byte{1} << bit;
    }
  }
  EXPECT_GT(errors, 500);
}

TEST_F(GgufDamageTest, EveryExtremeByteAndWordIsHandled) {
  const std::vector<std::byte> whole = small_file();
  for (const std::byte value : {std::byte{0x00}, std::byte{0x7f}, std::byte{0xff}}) {
    for (const std::size_t width : {1u, 8u}) {
      for (std::size_t i = 0; i < header_size(whole); ++i) {
        std::vector<std::byte> bytes = whole;
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(i), width, value);
        opens(bytes);
      }
    }
  }
}

}  // namespace
}  // namespace isobatch::formats
