// An engine under test in a process of its own, which speaks the protocol of docs/audit-adapters.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "audit/engines/child_process.h"
#include "audit/engines/child_protocol.h"
#include "isobatch/audit/engine.h"
#include "isobatch/audit/engines.h"

namespace isobatch::audit {

// A child that died, hung or answered nonsense is killed, and the next question starts another one; after
// kMostStarts, or when that one is another engine than the first was, every question fails with the reason.
class ChildEngine : public EngineUnderTest {
 public:
  static constexpr int kMostStarts = 3;

  // Starts the child and asks who it is. `name`: of the engine, empty for what the child says. Throws Error.
  ChildEngine(std::string_view name, ChildCommand command, EngineOptions options);

  const EngineInfo& info() const override { return info_; }
  std::vector<TokenId> tokenize(const Prompt& prompt) override;
  std::vector<Answer> generate(const Batch& batch, const Setting& setting) override;
  void clear_prefix_cache() override;
  Trace trace(const Batch& batch, int row, const Setting& setting, int steps) override;

 private:
  struct Reply {
    Json answer;
    std::vector<float> values;
  };

  void start();
  Reply ask(Json question, std::string_view what, std::size_t most_values);
  Reply exchange(Json question, std::size_t most_values);
  // Asks and reads; on nonsense the child is not to be trusted any more. `read` takes a Reply.
  template <class Read>
  std::invoke_result_t<Read, const Reply&> ask_and_read(Json question, const std::string& what,
                                                        std::size_t most_values, Read read);
  [[noreturn]] void fail(std::string_view what, const std::string& why);

  std::string name_;  // as given
  ChildCommand command_;
  EngineOptions options_;
  EngineInfo info_;
  std::unique_ptr<ChildProcess> child_;
  std::uint64_t asked_ = 0;  // number of the last question
  int starts_ = 0;
  std::string last_failure_;
};

}  // namespace isobatch::audit
