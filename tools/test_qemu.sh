#!/usr/bin/env bash
# The kernel tests on machines that this one is not: AArch64 (NEON), cross-compiled, and x86-64 without AVX-512
# (qemu-user has AVX2). Their digests are compared with tests/golden/kernel_digests.txt.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

tools/setup.sh build test check
echo "qemu: aarch64"
cmake -S . -B build-aarch64 -G Ninja -DCMAKE_BUILD_TYPE=Release -DISOBATCH_KERNEL_TESTS_ONLY=ON \
  -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake > /dev/null
ninja -C build-aarch64
tools/run_ctest.sh build-aarch64

echo "qemu: x86-64 with AVX2, without AVX-512"
cmake -S . -B build-kernels -G Ninja -DCMAKE_BUILD_TYPE=Release -DISOBATCH_KERNEL_TESTS_ONLY=ON \
  -DCMAKE_CROSSCOMPILING_EMULATOR="qemu-x86_64;-cpu;max" > /dev/null
ninja -C build-kernels
tools/run_ctest.sh build-kernels -R '^kernels_test$'
