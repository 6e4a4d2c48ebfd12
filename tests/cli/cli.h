// Runs the built binary as a user would.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch::test {

struct Outcome {
  int exit_code = -1;  // 128 + signal when killed
  std::string out;
  std::string err;
};

// isobatch with these arguments; `input` is its stdin, `wrapper` a shell command that runs it. Neither of the
// output streams is a terminal.
Outcome run_cli(const std::vector<std::string>& arguments, const std::string& input = "",
                const std::string& wrapper = "");

std::string read_text(const std::filesystem::path& path);
void write_text(const std::filesystem::path& path, const std::string& text);
std::vector<std::string> lines_of(const std::string& text);
// Files in a folder, by name.
std::vector<std::string> files_in(const std::filesystem::path& folder);

// A folder with a small random model in it.
class CliFolder {
 public:
  CliFolder() { write_random_model(model(), {}); }
  std::string model() const { return at("model.gguf"); }
  std::string at(const std::string& name) const { return (folder_ / name).string(); }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TempDir folder_;
};

}  // namespace isobatch::test
