#include "verify_job.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <fstream>

#include "isobatch/error.h"
#include "score_task.h"

namespace isobatch::cli {
namespace {

std::uint64_t hash_of(std::string_view text, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

// A line of the output. Its "record" is why it does not hold: empty when it does.
class VerifyTask : public LineTask {
 public:
  VerifyTask(const InputLine& line, LineIndex& input, std::shared_ptr<const Model> model,
             const VerifyPlan& plan, Verdicts& verdicts)
      : text_(line.text), id_(fmt::format("{}", line.number)), verdicts_(verdicts) {
    if (text_.ends_with('\r')) text_.pop_back();
    reason_ = prepare(input, std::move(model), plan);
  }

  std::string error() const override { return {}; }
  const std::string& id() const override {
    return id_;
  }  // records with one custom_id are no error by themselves

  std::vector<Request> take_requests() override {
    if (!again_) return {};
    ++verdicts_.recomputed;
    if (!again_->error().empty()) {
      reason_ = compare(again_->refusal(again_->error()));
      return {};
    }
    return again_->take_requests();
  }
  std::string answer(std::span<const Result> results) const override {
    return results.empty() ? named(reason_) : named(compare(again_->answer(results)));
  }
  std::string refusal(std::string_view message) const override {
    return named(compare(again_->refusal(message)));
  }

 private:
  // Why the record does not hold, as far as that is known without computing it again.
  std::string prepare(LineIndex& input, std::shared_ptr<const Model> model, const VerifyPlan& plan) {
    const openai::Receipt receipt = openai::read_receipt(text_);
    custom_id_ = receipt.custom_id;
    const LineIndex::Place* place = input.find(receipt);
    if (!receipt.error.empty()) {
      if (place) input.take(*place);  // it has a record, if a wrong one
      return receipt.error;
    }
    if (!place) return "the input has no line with this custom_id";
    if (!input.take(*place)) return fmt::format("line {} of the input has a record already", place->number);
    const std::string fingerprint = model->fingerprint();
    if (!receipt.error_line && receipt.fingerprint != fingerprint) {
      return fmt::format("system_fingerprint: is {}, that of this model is {}", receipt.fingerprint,
                         fingerprint);
    }
    const double lot = static_cast<double>(hash_of(custom_id_, plan.seed) >> 11) * 0x1p-53;
    if (lot >= plan.share) return {};
    again_ = receipt.score ? score_again(input, *place, std::move(model), receipt)
                           : answer_again(input, *place, std::move(model), receipt);
    return {};
  }

  static std::unique_ptr<LineTask> answer_again(const LineIndex& input, const LineIndex::Place& place,
                                                std::shared_ptr<const Model> model,
                                                const openai::Receipt& receipt) {
    openai::BatchLine line =
        openai::parse_batch_line(input.text(place), place.number, receipt.request, receipt.choices);
    if (place.id_stood_before && line.error.empty()) line.error = kIdStoodBefore;
    openai::Responder responder{model->info().name, model->fingerprint(),
                                [model](TokenId token) { return model->token_bytes(token); }, receipt.raw,
                                openai::describe_options(receipt.request, receipt.choices)};
    return std::make_unique<BatchTask>(std::move(line),
                                       std::make_shared<const BatchTask::Answerer>(
                                           BatchTask::Answerer{std::move(model), std::move(responder)}));
  }

  static std::unique_ptr<LineTask> score_again(const LineIndex& input, const LineIndex::Place& place,
                                               std::shared_ptr<const Model> model,
                                               const openai::Receipt& receipt) {
    openai::ScoreLine line = openai::parse_score_line(input.text(place), place.number);
    if (place.id_stood_before && line.error.empty()) line.error = kIdStoodBefore;
    openai::Responder responder{model->info().name, model->fingerprint()};
    return std::make_unique<ScoreTask>(
        std::move(line), std::make_shared<const ScoreTask::Scorer>(ScoreTask::Scorer{
                             std::move(model), std::move(responder), {.tokens = receipt.score_tokens}}));
  }

  std::string compare(const std::string& expected) const {
    return openai::record_difference(text_, expected);
  }
  // The sink gets the custom_id with the reason.
  std::string named(const std::string& reason) const {
    return reason.empty() ? reason : fmt::format("{}\n{}", custom_id_, reason);
  }

  std::string text_;
  std::string id_;
  std::string custom_id_;
  std::string reason_;
  std::unique_ptr<LineTask> again_;
  Verdicts& verdicts_;
};

class VerdictSink : public RecordSink {
 public:
  explicit VerdictSink(Verdicts& verdicts) : verdicts_(verdicts) {}
  bool has(const InputLine&) override { return false; }
  void put(const InputLine& line, std::string verdict, bool /*failed*/) override {
    ++verdicts_.records;
    if (verdict.empty()) return;
    const std::size_t end = verdict.find('\n');
    verdicts_.add(line.number, verdict.substr(0, end), verdict.substr(end + 1));
  }
  void flush() override {}
  std::size_t waiting_bytes() const override { return 0; }

 private:
  Verdicts& verdicts_;
};

}  // namespace

LineIndex::LineIndex(const std::string& path) : path_(path) {
  LineReader reader(path);
  InputLine line;
  while (reader.next(line)) {
    const std::string id = openai::parse_batch_line(line.text, line.number, {}).custom_id;
    const bool is_new = first_by_id_.try_emplace(hash_of(id), places_.size()).second;
    places_.push_back({line.number, line.offset, !is_new});
  }
  taken_.resize(places_.size());
}

const LineIndex::Place* LineIndex::find(const openai::Receipt& receipt) const {
  if (receipt.error_line) {
    const auto it = std::ranges::lower_bound(places_, *receipt.error_line, {}, &Place::number);
    return it == places_.end() || it->number != *receipt.error_line ? nullptr : &*it;
  }
  const auto it = first_by_id_.find(hash_of(receipt.custom_id));
  return it == first_by_id_.end() ? nullptr : &places_[it->second];
}

std::string LineIndex::text(const Place& place) const {
  std::ifstream file(path_, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(place.offset));
  std::string text;
  if (!std::getline(file, text)) throw Error(ErrorCode::io, fmt::format("input {}: cannot read", path_));
  return text;
}

bool LineIndex::take(const Place& place) {
  const auto i = static_cast<std::size_t>(&place - places_.data());
  if (taken_[i]) return false;
  taken_[i] = true;
  ++taken_count_;
  return true;
}

std::vector<std::size_t> LineIndex::untaken_numbers(std::size_t most) const {
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < places_.size() && numbers.size() < most; ++i) {
    if (!taken_[i]) numbers.push_back(places_[i].number);
  }
  return numbers;
}

void Verdicts::add(std::size_t line, std::string custom_id, std::string reason) {
  ++wrong;
  listed[line] = {std::move(custom_id), std::move(reason)};
  if (listed.size() > kMostListed) listed.erase(std::prev(listed.end()));
}

bool verify_records(const std::string& output, LineIndex& input, std::shared_ptr<const Model> model,
                    const Tuning& tuning, const VerifyPlan& plan, Verdicts& verdicts) {
  LineReader reader(output);
  VerdictSink sink(verdicts);
  const ReadTask read = [&](const InputLine& line) {
    return std::make_unique<VerifyTask>(line, input, model, plan, verdicts);
  };
  return LineJob(model, tuning, reader, sink, read, "verifying").run();
}

std::string usual_fingerprint(const std::string& output) {
  constexpr std::size_t kMost = 1000;  // different ones; an honest output has one
  std::map<std::string, std::size_t> counts;
  LineReader reader(output);
  InputLine line;
  while (reader.next(line)) {
    const std::string fingerprint = openai::read_receipt(line.text).fingerprint;
    if (fingerprint.empty() || (counts.size() >= kMost && !counts.count(fingerprint))) continue;
    ++counts[fingerprint];
  }
  const auto most = std::ranges::max_element(counts, {}, [](const auto& item) { return item.second; });
  return most == counts.end() ? std::string() : most->first;
}

}  // namespace isobatch::cli
