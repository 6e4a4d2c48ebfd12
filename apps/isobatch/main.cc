// The one binary. Errors are one line on stderr.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "commands.h"
#include "isobatch/system.h"

namespace {

int fail(std::string_view message, std::string_view hint = "") {
  // Not fmt::print, which throws when nobody reads.
  std::fputs(fmt::format("isobatch: {}{}\n", message, hint).c_str(), stderr);
  return isobatch::cli::kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace isobatch::cli;
  CLI::App app("isobatch: the same answer in any batch", "isobatch");
  app.footer(
      "Exit codes: 0 all answered, 1 some lines failed (or some digest differs), 2 bad use or nothing done, "
      "3 an audit "
      "breaks --fail-on.");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(isobatch::version()));
  Run run;
  add_generate(app, run);
  add_batch(app, run);
  add_score(app, run);
  add_verify(app, run);
  add_bench(app, run);
  add_info(app, run);
  add_yesno(app, run);
  std::vector<std::string> arguments(argv, argv + argc);
  if (!arguments.empty()) arguments[0] = "isobatch";
  add_audit(app, run, arguments);
  add_trace(app, run, arguments);
  try {
    app.parse(argc, argv);
    const int code = run();
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) return fail("cannot write to stdout");
    return code;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return fail(error.what(), " (see isobatch --help)");
  } catch (const std::bad_alloc&) {
    return fail("out of memory");
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}
