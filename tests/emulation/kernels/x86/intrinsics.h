// Stands in for src/kernels/x86/intrinsics.h: AVX-512 by SIMDe, on any CPU that has AVX2.
#pragma once

#include <immintrin.h>

#include <cstdint>
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

// SIMDe lacks these.
inline void emulated_mask_storeu_ps(void* to, unsigned mask, simde__m512 values) {
  float from[16];
  simde_mm512_storeu_ps(from, values);
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1u) static_cast<float*>(to)[i] = from[i];
  }
}
#define _mm512_mask_storeu_ps(to, mask, values) emulated_mask_storeu_ps(to, mask, values)

inline simde__m512 emulated_maskz_load_ps(unsigned mask, const float* from) {
  float to[16] = {};
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1u) to[i] = from[i];
  }
  return simde_mm512_loadu_ps(to);
}
#define _mm512_maskz_load_ps(mask, from) emulated_maskz_load_ps(mask, from)
#define _mm512_maskz_loadu_ps(mask, from) emulated_maskz_load_ps(mask, from)

inline simde__m512 emulated_cvtepi32_ps(simde__m512i integers) {
  std::int32_t from[16];
  float to[16];
  simde_mm512_storeu_si512(from, integers);
  for (int i = 0; i < 16; ++i) to[i] = static_cast<float>(from[i]);
  return simde_mm512_loadu_ps(to);
}
#define _mm512_cvtepi32_ps(integers) emulated_cvtepi32_ps(integers)
inline simde__m512 emulated_cvtph_ps(__m256i halves) {
  float values[16];
  _mm256_storeu_ps(values, _mm256_cvtph_ps(_mm256_castsi256_si128(halves)));
  _mm256_storeu_ps(values + 8, _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1)));
  return _mm512_loadu_ps(values);
}
#define _mm512_cvtph_ps(halves) emulated_cvtph_ps(halves)

template <typename T>
simde__m512i emulated_widen(__m128i bytes) {
  T from[16];
  std::int32_t to[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(from), bytes);
  for (int i = 0; i < 16; ++i) to[i] = from[i];
  return simde_mm512_loadu_si512(to);
}
#define _mm512_cvtepi8_epi32(bytes) emulated_widen<std::int8_t>(bytes)
#define _mm512_cvtepu8_epi32(bytes) emulated_widen<std::uint8_t>(bytes)

#define ISOBATCH_AVX512_BEGIN
#define ISOBATCH_AVX512_END
#define keep_in_register(vector) static_cast<void>(vector)
