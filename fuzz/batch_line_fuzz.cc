// Any bytes as a line of a batch file: an error text or a request, and a record that is one line.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "isobatch/openai.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isobatch::openai;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const BatchLine line = parse_batch_line(text, 1, {});
  const std::vector<isobatch::Result> results(static_cast<std::size_t>(line.choices));
  const std::string record = line.error.empty() ? response_record(line, 1, results, {"model", "fingerprint"})
                                                : error_record(line, line.error, {"model", "fingerprint"});
  // What was understood can be said, and is understood again.
  const std::string options = describe_options(line.request, line.choices);
  if (line.error.empty() && options != "{}") {
    const BatchLine again = parse_batch_line("{\"prompt\":\"p\"," + options.substr(1), 1, {});
    if (!again.error.empty() || describe_options(again.request, again.choices) != options) std::abort();
  }
  if (record.find('\n') != std::string::npos) std::abort();
  if (!read_receipt(record).error.empty() || !record_difference(record, record).empty()) std::abort();
  read_receipt(text);
  return 0;
}
