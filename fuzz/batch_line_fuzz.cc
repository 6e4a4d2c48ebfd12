// Any bytes as a line of a batch file: an error text or a request, and a record that is one line.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "isobatch/openai.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isobatch::openai;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const BatchLine line = parse_batch_line(text, 1, {});
  const std::string record = line.error.empty() ? response_record(line, 1, {}, {"model", "fingerprint"})
                                                : error_record(line, line.error);
  if (record.find('\n') != std::string::npos) std::abort();
  return 0;
}
