// What a constraint costs for each token of an answer: the figures in docs/decisions/0004-constraints.md.
// Usage: isobatch_time_masks MODEL.gguf|DIRECTORY SCHEMA.json TEXT
//        isobatch_time_masks MODEL.gguf|DIRECTORY --regex REGEX TEXT
// TEXT is an answer that matches; its tokens are followed as often as the numbers say.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "engine/constraints.h"
#include "engine/tokenizer_from_directory.h"
#include "engine/tokenizer_from_gguf.h"
#include "isobatch/error.h"
#include "isobatch/openai.h"

namespace {

using namespace isobatch;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void time_masks(const std::filesystem::path& model, const Constraint& constraint, const std::string& text) {
  auto spec = std::filesystem::is_directory(model) ? engine::tokenizer_spec_from_directory(model)
                                                   : engine::tokenizer_spec(formats::GgufFile::open(model));
  const auto tokenizer = text::Tokenizer::create(std::move(spec));
  const std::vector<TokenId> tokens = tokenizer->encode(text, false, false);
  engine::Constraints constraints(*tokenizer);
  constraints.find({.regex = "x"});
  auto start = Clock::now();
  const auto matcher = constraints.find(constraint);
  std::printf("%d tokens known; compiled in %.3f ms; an answer of %zu tokens\n", tokenizer->vocab_size(),
              1e3 * seconds_since(start), tokens.size());
  for (const int answers : {1, 1, 100}) {
    double slowest = 0;
    start = Clock::now();
    for (int i = 0; i < answers; ++i) {
      engine::ConstrainedText answer(matcher);
      for (std::size_t n = 0; n < tokens.size(); ++n) {
        const auto one = Clock::now();
        const auto mask = answer.mask(std::span(tokens).first(n), {}, true);
        slowest = std::max(slowest, seconds_since(one));
        if (!mask->has(tokens[n])) {
          throw Error(ErrorCode::invalid_argument, "the text does not match at token " + std::to_string(n));
        }
      }
    }
    std::printf("%d answers: %.2f us a token, slowest %.0f us\n", answers,
                1e6 * seconds_since(start) / static_cast<double>(answers * static_cast<int>(tokens.size())),
                1e6 * slowest);
  }
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_regex = argc == 5 && std::string(argv[2]) == "--regex";
  if (argc != 4 && !is_regex) {
    std::fprintf(stderr, "usage: %s MODEL.gguf|DIRECTORY SCHEMA.json|--regex REGEX TEXT\n", argv[0]);
    return 2;
  }
  try {
    Constraint constraint;
    if (is_regex) {
      constraint.regex = argv[3];
    } else {
      constraint.schema = std::make_shared<const Value>(openai::parse_value(read_file(argv[2])));
    }
    time_masks(argv[1], constraint, argv[argc - 1]);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
