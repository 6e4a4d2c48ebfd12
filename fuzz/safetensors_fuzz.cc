// Any bytes as a safetensors file, and as a configuration: an Error, or tensors whose bytes can all be read.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "formats/json_file.h"
#include "formats/safetensors.h"
#include "isobatch/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isobatch;
  static const int fd = ::memfd_create("safetensors", 0);  // a file without a disk
  static const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  try {
    const formats::SafetensorsFile file(path);
    unsigned sum = 0;
    for (const formats::Tensor& tensor : file.tensors()) {
      for (const std::byte byte : tensor.data) sum += static_cast<unsigned>(byte);
      if (!file.holds(tensor)) std::abort();
    }
    volatile unsigned keep = sum;
    (void)keep;
  } catch (const Error&) {
  }
  try {
    formats::flatten(formats::parse_json_object(std::as_bytes(std::span(data, size)), "config.json"));
  } catch (const Error&) {
  }
  return 0;
}
