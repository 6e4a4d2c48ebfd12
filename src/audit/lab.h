// Runs an engine's prompts as an experiment wants them. What serves as a reference is run once and kept.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "audit/measures.h"
#include "isobatch/audit/audit.h"

namespace isobatch::audit {

// Who stands beside a prompt.
enum class Company {
  given,         // the prompts next to it
  reversed,      // the same ones, in slots counted from the other end
  neighbours_a,  // rows of the auditor's own, around one prompt in slot 0
  neighbours_b,  // the same lengths, other content
  near_hit,      // none, but the prefix cache has just seen the prompt with another last token
  hit,           // none, but the prefix cache has just seen the prompt
};

struct RunSpec {
  Setting setting;
  int batch_size = 1;
  Company company = Company::given;
  int max_tokens = 0;  // fewer than AuditOptions::max_tokens; 0: as many
  int repeat = 0;      // runs of different number are never taken for each other
  bool operator==(const RunSpec&) const = default;
};

class Lab {
 public:
  // All must outlive it. Tokenizes the prompts where the engine has tokens.
  Lab(EngineUnderTest& engine, const std::vector<Prompt>& prompts, const AuditOptions& options);

  // Answers to the first `count` prompts or more. Throws what the engine throws.
  std::shared_ptr<const Run> run(const RunSpec& spec, std::size_t count, bool keep);

  // The batch in which prompt `index` stands, and its row there.
  struct Placed {
    Batch batch;
    int row = 0;
  };
  Placed place(const RunSpec& spec, std::size_t index) const;

  const std::vector<std::vector<TokenId>>& tokens() const { return tokens_; }  // empty without tokens
  void on_rows(std::function<void(std::size_t)> done) { on_rows_ = std::move(done); }

  // Rows that a run of `count` prompts sends.
  static std::size_t rows_of(const RunSpec& spec, std::size_t count);

 private:
  Row prompt_row(std::size_t index, const RunSpec& spec) const;
  int max_tokens(const RunSpec& spec) const;
  Batch batch_of(const RunSpec& spec, std::size_t first, std::size_t count) const;
  void run_hits(const RunSpec& spec, std::size_t count, Run& run);
  std::vector<Answer> timed(const Batch& batch, const Setting& setting, double& seconds);

  EngineUnderTest& engine_;
  const std::vector<Prompt>& prompts_;
  const AuditOptions& options_;
  std::vector<std::vector<TokenId>> tokens_;
  std::vector<std::pair<RunSpec, std::shared_ptr<const Run>>> kept_;
  std::function<void(std::size_t)> on_rows_;
};

}  // namespace isobatch::audit
