// Small words for 512-bit vectors. Included inside the namespace and the target region of each kernel source,
// since a function is inlined only into one of its own instruction set: no guard.

#define ISOBATCH_INLINE inline __attribute__((always_inline))

ISOBATCH_INLINE __m512i broadcast4(const std::int8_t* x) {
  std::int32_t four;
  std::memcpy(&four, x, 4);
  return _mm512_set1_epi32(four);
}

ISOBATCH_INLINE __m512 load_f16(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

ISOBATCH_INLINE __m512 canonical(__m512 v) {
  const __m512 nan = _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(kCanonicalNan)));
  return _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), nan);
}
