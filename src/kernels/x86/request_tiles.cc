#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernels/x86/tiles.h"

namespace isobatch::kernels::amx {
namespace {

// CPUID leaf 7, EDX bits 22 (bf16), 24 (tiles) and 25 (bytes).
bool cpu_has_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 22 & 13u) == 13u;
}

}  // namespace

// Linux, Documentation/arch/x86/xstate.rst: the large tile state must be asked for before its first use.
bool request_tiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool granted = cpu_has_tiles() && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
}

}  // namespace isobatch::kernels::amx
