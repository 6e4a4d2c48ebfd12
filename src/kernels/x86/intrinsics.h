// What the kernels of this folder take from the compiler, in one place: tests compile the same kernels with
// another header of this name, which emulates AVX-512 (tests/emulation/).
#pragma once

#include <immintrin.h>

// A function is compiled for AVX-512 between these two; the rest of the program is not.
#define ISOBATCH_AVX512_BEGIN \
  _Pragma("GCC push_options") \
      _Pragma("GCC target(\"avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c\")")
#define ISOBATCH_AVX512_END _Pragma("GCC pop_options")

// A value that was loaded stays in its register; the compiler would rather load it again for each use.
#define keep_in_register(vector) asm("" : "+v"(vector))
