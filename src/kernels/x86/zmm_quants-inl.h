// Reading packed quantized weights (packed_matrix.h, quant_layout.h) in 512-bit vectors: a row of a plane, or
// the 16 outputs of a panel. Included behind zmm-inl.h: no guard.

// One field of a plane for quad kQuad of k, moved to bit kTo of each byte.
template <int kPlane, int kQuad, int kTo>
ISOBATCH_INLINE __m512i plane_field(const std::byte* plane) {
  constexpr int kFields = 8 / kPlane;
  constexpr int kRow = kPlane == 4 ? kQuad % 4 : kQuad / kFields;
  constexpr int kFrom = kPlane * (kPlane == 4 ? kQuad / 4 : kQuad % kFields);
  __m512i bytes = _mm512_loadu_si512(plane + kRow * 64);
  if constexpr (kFrom > kTo) bytes = _mm512_srli_epi16(bytes, kFrom - kTo);
  if constexpr (kFrom < kTo) bytes = _mm512_slli_epi16(bytes, kTo - kFrom);
  return _mm512_and_si512(bytes, _mm512_set1_epi8(static_cast<char>(((1 << kPlane) - 1) << kTo)));
}

// The integers of four k, plus kBias, as bytes.
template <TensorType kType, int kBias, int kQuad>
ISOBATCH_INLINE __m512i unpack_quad(const std::byte* quants) {
  constexpr QuantLayout kLayout = quant_layout(kType);
  if constexpr (kLayout.bits == 8) {
    static_assert(kBias == 0 || kBias == 128);
    const __m512i bytes = _mm512_loadu_si512(quants + kQuad * 64);
    return kBias == 0 ? bytes : _mm512_xor_si512(bytes, _mm512_set1_epi8(static_cast<char>(0x80)));
  } else if constexpr (kLayout.codebook) {
    const __m128i codebook = _mm_add_epi8(_mm_load_si128(reinterpret_cast<const __m128i*>(&kIq4Codebook)),
                                          _mm_set1_epi8(static_cast<char>(kBias)));
    const __m512i indices = plane_field<4, kQuad, 0>(quants);
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(codebook), indices);
  } else {
    constexpr int kLow = kLayout.bits < 4 ? 2 : 4;  // bits of the first plane
    constexpr int kHigh = kLayout.bits - kLow;
    __m512i bytes = plane_field<kLow, kQuad, 0>(quants);
    if constexpr (kHigh > 0) {
      const __m512i high = plane_field<kHigh, kQuad, kLow>(quants + kLow * 64);
      bytes = _mm512_or_si512(bytes, high);
    }
    constexpr int kChange = kBias - kLayout.offset;
    return kChange == 0 ? bytes : _mm512_add_epi8(bytes, _mm512_set1_epi8(static_cast<char>(kChange)));
  }
}

template <TensorType kType, int kBias, int kQuad = 0>
ISOBATCH_INLINE void unpack_block(const std::byte* quants, __m512i (&w)[8]) {
  w[kQuad] = unpack_quad<kType, kBias, kQuad>(quants);
  if constexpr (kQuad < 7) unpack_block<kType, kBias, kQuad + 1>(quants, w);
}

// Into L2: a core can wait for more lines there than in L1.
ISOBATCH_INLINE void prefetch(const std::byte* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1);
}

// The same, to be written: from a core that holds it, it is taken before that.
ISOBATCH_INLINE void prefetch_to_write(const float* p) { asm volatile("prefetchw %0" : : "m"(*p)); }

// Asks for the same place in the next panel while this one is worked on.
template <TensorType kType>
ISOBATCH_INLINE void prefetch_block(const std::byte* quants, std::ptrdiff_t next) {
  for (int line = 0; line < 64 * quant_layout(kType).bits; line += 64) prefetch(quants + next + line);
}

// The scales of a panel. Index i: the values [i · scaled, (i + 1) · scaled).
template <TensorType kType>
class Scales {
 public:
  static constexpr QuantLayout kLayout = quant_layout(kType);

  ISOBATCH_INLINE Scales(const std::byte* scales, int depth)
      : scales_(scales), at_(scale_offsets(kType, depth)) {}

  ISOBATCH_INLINE __m512 scale(int i) const {
    if constexpr (!kLayout.factors) return load_f16(scales_ + at_.scales + i * kPanel * 2);
    const __m512 factor = load_f16(scales_ + at_.scale_factors + super_block(i) * kPanel * 2);
    const __m512i scales = _mm512_cvtepi8_epi32(load_bytes(scales_ + at_.scales + i * kPanel));
    return _mm512_mul_ps(factor, _mm512_cvtepi32_ps(scales));
  }
  ISOBATCH_INLINE __m512 minimum(int i) const {
    if constexpr (!kLayout.factors) return load_f16(scales_ + at_.minima + i * kPanel * 2);
    const __m512 factor = load_f16(scales_ + at_.minimum_factors + super_block(i) * kPanel * 2);
    const __m512i minima = _mm512_cvtepu8_epi32(load_bytes(scales_ + at_.minima + i * kPanel));
    const __m512 negative = _mm512_set1_ps(-1.0f);  // exact, and turns +0 to −0 as negation does
    return _mm512_mul_ps(_mm512_mul_ps(factor, _mm512_cvtepi32_ps(minima)), negative);
  }
  // Asks for the same place in the next panel.
  ISOBATCH_INLINE void prefetch_scale(int i, std::ptrdiff_t next_panel) const {
    prefetch(scales_ + at_.scales + i * kRow + next_panel);
  }
  ISOBATCH_INLINE void prefetch_minimum(int i, std::ptrdiff_t next_panel) const {
    prefetch(scales_ + at_.minima + i * kRow + next_panel);
  }

 private:
  static constexpr int kRow = kPanel * (kLayout.factors ? 1 : 2);
  static constexpr int super_block(int i) { return i * kLayout.scaled / kSuperBlock; }
  static ISOBATCH_INLINE __m128i load_bytes(const std::byte* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
  const std::byte* scales_;
  ScaleOffsets at_;
};

// Of rows from `first_row` on: dx · float(sum of the activations that share minimum i).
template <int kScaled>
class ScaledSums {
 public:
  ISOBATCH_INLINE ScaledSums(const QuantizedRows& x, int i, int first_row) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(i) * x.rows + first_row;
    if constexpr (kScaled == kBlock) {
      products_ = x.scaled_sums + at;
    } else {
      const int group = i * kScaled / values_per_scale(x.form);
      products_ = x.scales + static_cast<std::ptrdiff_t>(group) * x.rows + first_row;
      half_sums_ = x.half_sums + at;
    }
  }
  ISOBATCH_INLINE float operator[](int r) const {
    return kScaled == kBlock ? products_[r] : products_[r] * static_cast<float>(half_sums_[r]);
  }

 private:
  const float* products_;  // or the factors dx
  const std::int32_t* half_sums_ = nullptr;
};

// What makes a type's integers unsigned.
template <TensorType kType>
constexpr int unsigned_bias() {
  constexpr QuantLayout kLayout = quant_layout(kType);
  return kLayout.bits == 8 || kLayout.codebook ? 128 : kLayout.offset;
}

// The outputs of V neighbouring panels for up to R rows: their sums, plus the chain of the minima where the
// type has some.
template <TensorType kType, int V>
struct OutputTile {
  static constexpr int kScaled = quant_layout(kType).scaled;
  const Scales<kType>* scales;  // [V]
  std::ptrdiff_t next;          // bytes to the panel that comes in the place of each
  const QuantizedRows& x;
  int begin;         // row of x that is row 0 here
  const float* acc;  // [rows][V][16]
  float* out;        // [rows][out_stride]
  std::ptrdiff_t out_stride;
  std::uint32_t mask;  // the outputs that there are

  // The sums of the first `rows` rows come from the outputs or go there, as a part of the depth has left
  // them.
  ISOBATCH_INLINE void load_sums(int rows, float* sums) const {
    for (int row = 0; row < rows; ++row) {
      for (int v = 0; v < V; ++v) {
        _mm512_store_ps(sums + (row * V + v) * kPanel,
                        _mm512_maskz_loadu_ps(lanes(v), out + row * out_stride + v * kPanel));
      }
    }
  }
  ISOBATCH_INLINE void store_sums(int rows) const {
    for (int row = 0; row < rows; ++row) {
      for (int v = 0; v < V; ++v) {
        _mm512_mask_storeu_ps(out + row * out_stride + v * kPanel, lanes(v),
                              _mm512_load_ps(acc + (row * V + v) * kPanel));
      }
    }
  }

  // From a core that has them, before they are written.
  ISOBATCH_INLINE void ask_for(int first_row, int last_row) const {
    for (int row = first_row; row < last_row; ++row) {
      for (int v = 0; v < V; ++v) prefetch_to_write(out + row * out_stride + v * kPanel);
    }
  }

  template <int R>
  ISOBATCH_INLINE void run(int row) const {
    __m512 chain[R][V];
    if constexpr (quant_layout(kType).minima) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) chain[r][v] = _mm512_setzero_ps();
      }
      for (int i = 0; i < x.blocks() * (kBlock / kScaled); ++i) {
        __m512 minima[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
          if (row == 0) scales[v].prefetch_minimum(i, next);
          minima[v] = scales[v].minimum(i);
        }
        const ScaledSums<kScaled> sums(x, i, begin + row);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          __m512 sum = _mm512_set1_ps(sums[r]);
          if constexpr (V > 1) keep_in_register(sum);
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v) chain[r][v] = _mm512_fmadd_ps(minima[v], sum, chain[r][v]);
        }
      }
    }
    float* first_out = out + row * out_stride;  // copies: gcc would read members again after each store
    const float* first_acc = acc + row * V * kPanel;
    const std::ptrdiff_t stride = out_stride;
    const std::uint32_t all = mask;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      float* to = first_out + r * stride;
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        __m512 sum = _mm512_load_ps(first_acc + (r * V + v) * kPanel);
        if constexpr (quant_layout(kType).minima) sum = _mm512_add_ps(sum, chain[r][v]);
        _mm512_mask_storeu_ps(to + v * kPanel, static_cast<__mmask16>(all >> (v * kPanel)), canonical(sum));
      }
    }
  }

 private:
  ISOBATCH_INLINE __mmask16 lanes(int v) const { return static_cast<__mmask16>(mask >> (v * kPanel)); }
};
