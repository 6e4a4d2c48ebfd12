// --json-schema and --regex: what an answer must look like.
#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "isobatch/error.h"
#include "isobatch/openai.h"
#include "options.h"

namespace isobatch::cli {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw CLI::ValidationError("--json-schema", fmt::format("{}: cannot be read", path));
  return text;
}

Constraint read_schema(const std::string& argument) {
  const bool is_json = argument.starts_with('{') || argument == "true" || argument == "false";
  try {
    Value schema = openai::parse_value(is_json ? argument : read_file(argument));
    return {.schema = std::make_shared<const Value>(std::move(schema))};
  } catch (const Error& error) {
    throw CLI::ValidationError("--json-schema", error.what());
  }
}

}  // namespace

void add_constraint_options(CLI::App& app, Constraint& constraint) {
  CLI::Option* schema = app.add_option_function<std::string>(
      "--json-schema", [&constraint](const std::string& text) { constraint = read_schema(text); },
      "answer in JSON that this schema accepts: a file, or the schema itself");
  CLI::Option* regex = app.add_option_function<std::string>(
      "--regex", [&constraint](const std::string& text) { constraint = {.regex = text}; },
      "answer in a text that matches as a whole");
  schema->excludes(regex);
}

}  // namespace isobatch::cli
