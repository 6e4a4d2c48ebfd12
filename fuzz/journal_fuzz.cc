// Any bytes as the journal of a job, as they are and with each line made whole: an Error, or a job that can
// go on.
#include <unistd.h>
#include <xxhash.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "apps/isobatch/job_output.h"
#include "isobatch/error.h"

namespace {

using namespace isobatch::cli;
namespace fs = std::filesystem;

std::string sealed(const std::string& line) {
  char check[20];
  std::snprintf(check, sizeof check, " %016" PRIx64,
                static_cast<std::uint64_t>(XXH3_64bits(line.data(), line.size())));
  return line + check;
}

void check_entry(const std::string& line) {
  const auto entry = decode_entry(line);
  if (entry && decode_entry(encode_entry(*entry).substr(0, encode_entry(*entry).size() - 1)) != entry)
    std::abort();
  decode_header(line);
}

// A folder of this process.
const fs::path& folder() {
  static const fs::path path = [] {
    const fs::path parent = fs::is_directory("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
    const fs::path made = parent / ("isobatch-journal-fuzz-" + std::to_string(::getpid()));
    fs::create_directories(made);
    std::ofstream(made / "in") << "a\nb\nc\n";
    std::atexit([] { fs::remove_all(folder()); });
    return made;
  }();
  return path;
}

void go_on_with(const std::string& journal) {
  const fs::path out = folder() / "out";
  std::ofstream(out.string() + ".journal", std::ios::binary) << journal;
  std::ofstream(out.string() + ".part", std::ios::binary) << "one\ntwo\n";
  try {
    JobOutput output(out, RecordOrder::input, true);
    output.begin({{"model", "m"}});
    LineReader reader((folder() / "in").string());
    InputLine line;
    while (reader.next(line)) {
      if (!output.has(line)) output.put(line, "record", false);
    }
    output.commit();
  } catch (const isobatch::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::string whole;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    check_entry(line);
    check_entry(sealed(line));
    whole += sealed(line) + "\n";
  }
  go_on_with(whole);
  return 0;
}
