// Any bytes as a line of a file to score: an error text or something to score, and a record that is one line.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "isobatch/score.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isobatch::openai;
  const ScoreLine line = parse_score_line({reinterpret_cast<const char*>(data), size}, 1);
  isobatch::Request request;
  request.prompt = {1, 2};
  isobatch::Result result;
  result.prompt_logprobs = {-1.5f};
  result.prompt_greedy = {1};
  const std::size_t count = line.text ? 1 : line.continuations.size();
  const std::vector<isobatch::Request> requests(count, request);
  const std::vector<isobatch::Result> results(count, result);
  const std::string record = line.error.empty()
                                 ? score_record(line, requests, results, {"model", "fingerprint"}, {true})
                                 : score_error_record(line, line.error);
  if (record.find('\n') != std::string::npos) std::abort();
  if (!read_receipt(record).error.empty() || !record_difference(record, record).empty()) std::abort();
  return 0;
}
