// Sums of row tiles × panels by TDPBF16PS, the same loop for matrix products and attention. Included inside
// the namespace and the target region of each kernel source: no guard.

// Tiles 0 … 3: sums, two row tiles of two panels; 4, 5: A; 6, 7: B.
constexpr int kTileA = 4, kTileB = 6;

inline amx::TileConfig bf16_tile_config(int rows) {
  amx::TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = 64;
    config.rows[tile] = static_cast<std::uint8_t>(tile < kTileB ? rows : 16);
  }
  return config;
}

// Where the sums of two row tiles lie.
struct TileSums {
  float* rows[2];         // each tile's first row
  std::ptrdiff_t panel;   // floats from a panel to the next
  std::ptrdiff_t stride;  // bytes from a row to the next
};

// to = from + Σ over blocks of 32 terms, of kRowTiles × kPanels tiles; `from` may be null: +0. The rows of
// `a` are a_stride bytes apart, its blocks a_block values. weights.at(panel, block) is a B tile, whose rows
// are weights.stride bytes apart.
template <int kRowTiles, int kPanels, typename Weights>
ISOBATCH_INLINE void sum_tiles(const std::uint16_t* const (&a)[2], std::ptrdiff_t a_stride,
                               std::ptrdiff_t a_block, int blocks, const Weights& weights,
                               const TileSums* from, const TileSums& to) {
  if (from) {
    amx::load<0>(from->rows[0], from->stride);
    if constexpr (kPanels == 2) amx::load<1>(from->rows[0] + from->panel, from->stride);
    if constexpr (kRowTiles == 2) amx::load<2>(from->rows[1], from->stride);
    if constexpr (kRowTiles * kPanels == 4) amx::load<3>(from->rows[1] + from->panel, from->stride);
  } else {
    amx::zero<0>();
    if constexpr (kPanels == 2) amx::zero<1>();
    if constexpr (kRowTiles == 2) amx::zero<2>();
    if constexpr (kRowTiles * kPanels == 4) amx::zero<3>();
  }
  for (int block = 0; block < blocks; ++block) {
    amx::load<kTileA>(a[0] + block * a_block, a_stride);
    amx::load<kTileB>(weights.at(0, block), weights.stride);
    amx::multiply_bf16<0, kTileA, kTileB>();
    if constexpr (kPanels == 2) {
      amx::load<kTileB + 1>(weights.at(1, block), weights.stride);
      amx::multiply_bf16<1, kTileA, kTileB + 1>();
    }
    if constexpr (kRowTiles == 2) {
      amx::load<kTileA + 1>(a[1] + block * a_block, a_stride);
      amx::multiply_bf16<2, kTileA + 1, kTileB>();
    }
    if constexpr (kRowTiles * kPanels == 4) amx::multiply_bf16<3, kTileA + 1, kTileB + 1>();
  }
  amx::store<0>(to.rows[0], to.stride);
  if constexpr (kPanels == 2) amx::store<1>(to.rows[0] + to.panel, to.stride);
  if constexpr (kRowTiles == 2) amx::store<2>(to.rows[1], to.stride);
  if constexpr (kRowTiles * kPanels == 4) amx::store<3>(to.rows[1] + to.panel, to.stride);
}

// The bf16 values of `n` floats.
ISOBATCH_INLINE void pack_bf16(const float* x, int n, std::uint16_t* out) {
  for (int i = 0; i < n; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, x + i, 4);
    out[i] = static_cast<std::uint16_t>(bits >> 16);
  }
}
