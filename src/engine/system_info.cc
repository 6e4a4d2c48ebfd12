#include "isobatch/system.h"

#include "base/thread_pool.h"
#include "isobatch/error.h"
#include "isobatch/options.h"
#include "kernels/kernels.h"

namespace isobatch {

std::string_view version() { return ISOBATCH_VERSION; }

SystemInfo system_info(std::string_view requested) {
  const kernels::TableChoice choice = kernels::choose_table(requested);
  SystemInfo info;
  info.version = version();
  info.contract = kContractVersion;
  info.kernels = choice.table->name;
  info.kernels_reason = choice.reason;
  info.cpu_features = kernels::cpu_features();
  info.cpus = available_cpus();
  for (const std::string_view name : kernels::table_names()) {
    KernelTableInfo table;
    table.name = name;
    try {
      kernels::choose_table(name);
      table.usable = true;
    } catch (const Error& error) {
      table.reason = error.what();
    }
    info.tables.push_back(std::move(table));
  }
  return info;
}

}  // namespace isobatch
