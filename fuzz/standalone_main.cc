// Runs a fuzz target without libFuzzer: on all files of a folder, then on mutations of them. The inputs
// depend on the arguments only, so a crash comes back; the one that crashed is written to ./crash-input.
//   TARGET FOLDER COUNT [SEED]     or     TARGET FILE
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/random.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using isobatch::test::Random;
using Input = std::vector<std::uint8_t>;

constexpr std::size_t kMaxInput = 1 << 16;
Input current;

// Only async-signal-safe calls here.
void save_current(int signal) {
  const int fd = ::open("crash-input", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd >= 0) [[maybe_unused]]
    const ssize_t written = ::write(fd, current.data(), current.size());
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void run(Input input) {
  current = std::move(input);
  LLVMFuzzerTestOneInput(current.data(), current.size());
}

Input read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The files in the order of their names, so that every machine sees the same inputs.
std::vector<Input> read_seeds(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Input> seeds;
  for (const auto& path : paths) seeds.push_back(read_file(path));
  if (seeds.empty()) seeds.emplace_back();
  return seeds;
}

void mutate(Input& input, const Input& other, Random& random) {
  const std::size_t at = input.empty() ? 0 : random.below(input.size());
  const std::size_t length = std::min<std::size_t>(1 + random.below(16), input.size() - at);
  const auto position = input.begin() + static_cast<std::ptrdiff_t>(at);
  const auto end = position + static_cast<std::ptrdiff_t>(length);
  switch (random.below(7)) {
    case 0:  // flip a bit
      if (!input.empty()) input[at] ^= static_cast<std::uint8_t>(1u << random.below(8));
      break;
    case 1:  // a random byte
      if (!input.empty()) input[at] = static_cast<std::uint8_t>(random.next());
      break;
    case 2:  // an extreme number, up to 8 bytes wide
      std::fill(position,
                std::min(end, input.begin() + static_cast<std::ptrdiff_t>(std::min(at + 8, input.size()))),
                random.below(2) == 0 ? std::uint8_t{0xff} : std::uint8_t{0});
      break;
    case 3:
      input.erase(position, end);
      break;
    case 4: {  // repeat a piece
      const Input piece(position, end);
      input.insert(position, piece.begin(), piece.end());
      break;
    }
    case 5: {  // a piece of another input
      if (other.empty()) break;
      const std::size_t from = random.below(other.size());
      const std::size_t size = std::min<std::size_t>(1 + random.below(32), other.size() - from);
      const auto begin = other.begin() + static_cast<std::ptrdiff_t>(from);
      input.insert(position, begin, begin + static_cast<std::ptrdiff_t>(size));
      break;
    }
    default:  // cut the end off
      input.resize(at);
  }
  if (input.size() > kMaxInput) input.resize(kMaxInput);
}

}  // namespace

int main(int argc, char** argv) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) ::signal(signal, save_current);
  if (argc == 2) {
    run(read_file(argv[1]));
    return 0;
  }
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s FOLDER COUNT [SEED] | FILE\n", argv[0]);
    return 2;
  }
  const std::vector<Input> seeds = read_seeds(argv[1]);
  for (const Input& seed : seeds) run(seed);
  Random random(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1);
  const long count = std::strtol(argv[2], nullptr, 10);
  for (long i = 0; i < count; ++i) {
    Input input = seeds[random.below(seeds.size())];
    for (std::uint64_t rounds = 1 + random.below(6); rounds > 0; --rounds) {
      mutate(input, seeds[random.below(seeds.size())], random);
    }
    run(std::move(input));
  }
  std::printf("%zu seeds and %ld mutations\n", seeds.size(), count);
  return 0;
}
