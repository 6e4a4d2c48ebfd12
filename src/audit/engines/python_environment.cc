#include "audit/engines/python_environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include "audit/engines/embedded_files.h"
#include "isobatch/error.h"

namespace isobatch::audit {
namespace {

namespace fs = std::filesystem;
using Log = std::function<void(std::string_view)>;

constexpr std::size_t kLogLine = 1 << 20;
constexpr auto kSetUpSilence = std::chrono::hours(1);  // building from source says nothing for long
// With AMX, llama.cpp crashes when gcc 12 has compiled it.
constexpr const char* kGccFlags = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16";

[[noreturn]] void fail_io(const fs::path& path, std::string_view what) {
  throw Error(ErrorCode::io, fmt::format("{}: {}", path.string(), what));
}

fs::path cache_folder(const EngineOptions& options) {
  if (!options.cache.empty()) return options.cache;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path base = cache && *cache ? fs::path(cache) : fs::path(home ? home : ".") / ".cache";
  return base / "isobatch" / "audit";
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return file ? content.str() : std::string();
}

void write_file(const fs::path& path, std::string_view content) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) fail_io(path, "cannot be written");
}

// A folder that appears under its name only when it is complete. `fill` gets the name to fill it under.
void make_folder(const fs::path& folder, const std::function<void(const fs::path&)>& fill) {
  const fs::path partial = fs::path(folder) += fmt::format(".partial-{}", ::getpid());
  fs::remove_all(partial);
  fs::create_directories(partial);
  try {
    fill(partial);
    fs::remove_all(folder);
    fs::rename(partial, folder);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
    throw;
  }
}

// Throws Error(io) for what std::filesystem throws.
template <class Work>
auto with_files(Work work) {
  try {
    return work();
  } catch (const fs::filesystem_error& error) {
    fail_io(error.path1(), error.code().message());
  }
}

// The folder that Python imports the adapters from. Another process may be writing the same one.
fs::path write_adapters(const EngineOptions& options) {
  const fs::path folder = cache_folder(options) / fmt::format("adapters-{}", embedded_hash());
  if (fs::exists(folder)) return folder;
  try {
    make_folder(folder, [](const fs::path& partial) {
      for (const EmbeddedFile& file : embedded_files()) write_file(partial / file.name, file.content);
    });
  } catch (const fs::filesystem_error&) {
    if (!fs::exists(folder)) throw;
  }
  return folder;
}

std::string_view embedded(std::string_view name) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == name) return file.content;
  }
  throw Error(ErrorCode::not_found, fmt::format("{}: not in this binary", name));
}

fs::path environment_of(const PythonAdapter& adapter, const EngineOptions& options) {
  return cache_folder(options) / adapter.engine;
}
bool is_current(const PythonAdapter& adapter, const fs::path& environment) {
  return read_file(environment / "requirements.txt") == embedded(adapter.requirements);
}

std::optional<std::string> take_setting(EngineOptions& options, std::string_view key) {
  std::optional<std::string> value;
  std::erase_if(options.settings, [&](const auto& setting) {
    if (setting.first != key) return false;
    value = setting.second;
    return true;
  });
  return value;
}

// Runs it with its standard error in its output, which goes to `log`.
void run(std::vector<std::string> arguments, std::vector<std::pair<std::string, std::string>> environment,
         const Log& log) {
  const std::string program = fmt::format("{}", fmt::join(arguments, " "));
  std::vector<std::string> shell = {"/bin/sh", "-c", "exec \"$0\" \"$@\" 2>&1 < /dev/null"};
  shell.insert(shell.end(), arguments.begin(), arguments.end());
  ChildProcess child({shell, std::move(environment)});
  const auto deadline = [] { return std::chrono::steady_clock::now() + kSetUpSilence; };
  std::string last;
  while (const std::optional<std::string> line = child.read_line(kLogLine, deadline())) {
    log(*line);
    if (!line->empty()) last = printable(*line, 300);
  }
  if (child.wait(deadline()) != 0) {
    throw Error(ErrorCode::io, fmt::format("{}: {}: \"{}\"", program, child.describe_end(), last));
  }
}

bool finds(const char* program) {
  try {
    ChildProcess child({{program, "--version"}, {}});
    return child.wait(std::chrono::steady_clock::now() + std::chrono::seconds(10)) == 0;
  } catch (const Error&) {
    return false;
  }
}

// For packages that are built from source, unless the user has said how.
std::vector<std::pair<std::string, std::string>> build_environment() {
  if (std::getenv("CC") || std::getenv("CXX") || std::getenv("CMAKE_ARGS")) return {};
  if (finds("clang++")) {
    return {{"CC", "clang"}, {"CXX", "clang++"}, {"CMAKE_ARGS", "-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF"}};
  }
  const std::string flags = fmt::format("-DCMAKE_C_FLAGS='{0}' -DCMAKE_CXX_FLAGS='{0}'", kGccFlags);
  return {{"CMAKE_ARGS", "-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF " + flags}};
}

}  // namespace

ChildCommand adapter_command(const PythonAdapter& adapter, EngineOptions& options) {
  std::optional<std::string> python = take_setting(options, "python");
  const char* path = std::getenv("PYTHONPATH");
  const std::string more =
      python && path && *path ? fmt::format(":{}", path) : "";  // the user's Python's own
  if (!python) {
    const fs::path environment = environment_of(adapter, options);
    if (!is_current(adapter, environment)) {
      throw Error(
          ErrorCode::unsupported,
          fmt::format("{}: not set up; `isobatch audit --setup {}` makes its Python environment in {}, "
                      "and --set python=PATH uses another one",
                      adapter.engine, adapter.engine, environment.string()));
    }
    python = (environment / "bin" / "python").string();
  }
  const fs::path folder = with_files([&] { return write_adapters(options); });
  return {{*python, "-m", std::string(adapter.module)}, {{"PYTHONPATH", folder.string() + more}}};
}

void make_environment(const PythonAdapter& adapter, const EngineOptions& options, const Log& log) {
  const fs::path environment = environment_of(adapter, options);
  if (is_current(adapter, environment)) {
    log(fmt::format("{}: is set up in {}", adapter.engine, environment.string()));
    return;
  }
  log(fmt::format("{}: {}", adapter.engine, adapter.notice));
  EngineOptions chosen = options;
  const std::string python = take_setting(chosen, "python").value_or("python3");
  with_files([&] {
    // Its scripts name the folder that it was made in, but only its interpreter is used, which does not.
    make_folder(environment, [&](const fs::path& partial) {
      run({python, "-m", "venv", partial.string()}, {}, log);
      const fs::path wanted = partial / "requirements.txt";
      write_file(wanted, embedded(adapter.requirements));
      run({(partial / "bin" / "python").string(), "-m", "pip", "install", "--disable-pip-version-check", "-r",
           wanted.string()},
          build_environment(), log);
    });
  });
  log(fmt::format("{}: set up in {}", adapter.engine, environment.string()));
}

}  // namespace isobatch::audit
