// Tables whose matrix products need instructions that Highway has no word for.
#pragma once

#include "kernels/kernels.h"

namespace isobatch::kernels {

const KernelTable& vnni_table();  // avx512_table() with N-DOT-Q by vpdpbusd
const KernelTable& amx_table();   // vnni_table() with N-DOT-Q by tile products

}  // namespace isobatch::kernels
