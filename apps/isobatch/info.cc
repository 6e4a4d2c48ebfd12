// What this build, this machine and a model are.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "isobatch/system.h"
#include "options.h"

namespace isobatch::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

struct Options {
  ModelOptions model;
  Tuning tuning;
  bool json = false;
};

OrderedJson to_json(const SystemInfo& info) {
  OrderedJson tables = OrderedJson::array();
  for (const KernelTableInfo& table : info.tables) {
    tables.push_back({{"name", table.name}, {"usable", table.usable}, {"reason", table.reason}});
  }
  return {{"version", info.version},
          {"contract", info.contract},
          {"kernels", info.kernels},
          {"kernels_reason", info.kernels_reason},
          {"cpu_features", info.cpu_features},
          {"cpus", info.cpus},
          {"tables", tables}};
}

OrderedJson to_json(const Model& model) {
  const ModelInfo& info = model.info();
  return {{"name", info.name},
          {"architecture", info.architecture},
          {"path", info.path.string()},
          {"fingerprint", model.fingerprint()},
          {"layers", info.layers},
          {"heads", info.heads},
          {"kv_heads", info.kv_heads},
          {"head_dim", info.head_dim},
          {"hidden_size", info.hidden_size},
          {"vocab_size", info.vocab_size},
          {"context", info.context},
          {"parameters", info.parameters},
          {"weight_bytes", info.weight_bytes},
          {"weight_types", info.weight_types},
          {"chat_template", info.has_chat_template}};
}

void print_line(std::string_view name, std::string_view value) { fmt::print("{:<13} {}\n", name, value); }

void print_system(const SystemInfo& info) {
  print_line("isobatch", info.version);
  print_line("contract", fmt::format("{}", info.contract));
  print_line("kernels", fmt::format("{} ({})", info.kernels, info.kernels_reason));
  print_line("CPU", fmt::format("{}; {} usable", info.cpu_features, info.cpus));
  for (const KernelTableInfo& table : info.tables) {
    print_line("table", fmt::format("{:<8} {}", table.name, table.usable ? "usable" : table.reason));
  }
}

void print_model(const Model& model) {
  const ModelInfo& info = model.info();
  print_line("model", fmt::format("{} ({})", info.name, info.architecture));
  print_line("file", info.path.string());
  print_line("fingerprint", model.fingerprint());
  print_line("shape", fmt::format("{} layers, {} heads, {} KV heads, head_dim {}, hidden size {}",
                                  info.layers, info.heads, info.kv_heads, info.head_dim, info.hidden_size));
  print_line("vocabulary", fmt::format("{}", info.vocab_size));
  print_line("context", fmt::format("{}", info.context));
  print_line("parameters", fmt::format("{:.1f} M", info.parameters / 1e6));
  print_line("weights", fmt::format("{:.1f} MB in memory ({})", info.weight_bytes / 1e6, info.weight_types));
  print_line("chat template", info.has_chat_template ? "yes" : "no");
}

int info(const Options& options) {
  const SystemInfo system = system_info(options.tuning.kernels);
  const std::shared_ptr<const Model> model =
      options.model.model.empty() ? nullptr : load_model(options.model);
  if (options.json) {
    OrderedJson json = to_json(system);
    if (model) json["model"] = to_json(*model);
    fmt::print("{}\n", json.dump(2, ' ', false, OrderedJson::error_handler_t::replace));
    return kAnswered;
  }
  print_system(system);
  if (model) print_model(*model);
  return kAnswered;
}

}  // namespace

void add_info(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  options->model.model.clear();  // without -m only the machine is shown
  CLI::App* command =
      app.add_subcommand("info", "Show version, contract, kernel table and CPU; with -m the model");
  command->add_flag("--json", options->json, "as JSON");
  add_model_options(*command, options->model);
  add_kernels_option(*command, options->tuning);
  command->callback([options, &run] { run = [options] { return info(*options); }; });
}

}  // namespace isobatch::cli
