// Known-answer test: a fast table is tried against `ref` before it is trusted.
#pragma once

#include <string>

#include "kernels/kernels.h"

namespace isobatch::kernels {

// Name of the first operation whose bytes differ from ref's; empty when all agree. A few milliseconds.
std::string failed_self_test(const KernelTable& table);

}  // namespace isobatch::kernels
