#include "kernels/self_test.h"

#include "kernels/op_cases.h"

namespace isobatch::kernels {

std::string failed_self_test(const KernelTable& table) {
  constexpr Shape kShape{.rows = 3, .outputs = 19, .depth = 72, .position = 29};  // tails on every side
  for (const OpCase& op : op_cases()) {
    InputSource for_table(InputKind::uniform, 1), for_ref(InputKind::uniform, 1);
    if (op.run(table, kShape, for_table) != op.run(ref_table(), kShape, for_ref)) return std::string(op.name);
  }
  return {};
}

}  // namespace isobatch::kernels
