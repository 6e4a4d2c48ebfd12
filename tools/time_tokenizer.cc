// How long encoding a text takes on one thread: the figure in docs/results/tokenizer_speed.md.
// Usage: isobatch_time_tokenizer MODEL.gguf|DIRECTORY TEXT
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "engine/tokenizer_from_directory.h"
#include "engine/tokenizer_from_gguf.h"
#include "isobatch/error.h"

namespace {

using namespace isobatch;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void time_encoding(const std::filesystem::path& model, const std::string& text_path) {
  std::ifstream file(text_path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) throw Error(ErrorCode::invalid_argument, text_path + ": no text");
  auto spec = std::filesystem::is_directory(model) ? engine::tokenizer_spec_from_directory(model)
                                                   : engine::tokenizer_spec(formats::GgufFile::open(model));
  const auto loading = Clock::now();
  const auto tokenizer = text::Tokenizer::create(std::move(spec));
  std::printf("%d tokens known, made in %.2f s\n", tokenizer->vocab_size(), seconds_since(loading));
  for (int round = 0; round < 3; ++round) {
    const auto start = Clock::now();
    const std::size_t count = tokenizer->encode(text, false, true).size();
    std::printf("%.1f MB to %zu tokens in %.2f s\n", static_cast<double>(text.size()) / 1e6, count,
                seconds_since(start));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL.gguf|DIRECTORY TEXT\n", argv[0]);
    return 2;
  }
  try {
    time_encoding(argv[1], argv[2]);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
