// N-DOT-Q for many rows, two panels at a time: the weights of a group are unpacked once for all rows of a
// block, and a tile's loads of activations meet both panels. Included behind zmm_quants-inl.h: no guard.
// How a group is multiplied is a `Group`'s to say:
//   kForm                                 of the activations that it takes
//   kTileRows                             rows of its register tiles
//   blocks                                of 32 values, set before unpack
//   unpack<kType>(panel, quants, scales, first_block, next)   the weights of one of the two panels
//   start<kType>(x, first_block, begin, rows)                 what it wants of the activations' sums
//   Tile                                  an aggregate {group, operands}: run<R>(first_row) adds to acc and
//                                         asks ahead for each block

constexpr int kTilePanels = 2;
constexpr std::size_t kCacheBytes = 512 << 10;  // for the activations of a block of rows; L2 has 1 MB or more
constexpr int kBlocksInGroup = kGroup / kBlock;

// Rows whose sums are written while they are in the L1 cache: a whole number of any tile's.
constexpr int kOutputRows = 24;

using Sums = float[kTilePanels][kPanel];  // a row's outputs

// Of the rows of a block; what a tile takes besides the weights.
struct GroupOperands {
  const std::int8_t* values;            // of the group's first block
  std::ptrdiff_t block_stride;          // bytes from one block's values to the next one's
  const float* dx;                      // of the group, or of its first block [rows]
  std::ptrdiff_t dx_stride;             // to the next block's where each has its own
  Sums* acc;                            // [rows]
  __mmask16 before;                     // of acc's lanes: none in the first group
  const std::byte* ahead[kTilePanels];  // the group in the panels that come in the place of these
  int ahead_lines;                      // of a block

  // Asks for a block of them. The first rows do so, block by block: all lines of a group at once are more
  // than a core can wait for.
  ISOBATCH_INLINE void ask_ahead(int block, int first_row) const {
    if (first_row != 0) return;
    for (int line = block * ahead_lines; line < (block + 1) * ahead_lines; ++line) {
      prefetch(ahead[0] + line * 64);
      prefetch(ahead[1] + line * 64);
    }
  }

  // acc += dx · t, of R rows.
  template <int R>
  ISOBATCH_INLINE void add_scaled(int first_row, const __m512 (&t)[R][kTilePanels]) const {
    const float* scales = dx + first_row;  // copies: gcc would read members again after each store
    Sums* sums = acc + first_row;
    const __mmask16 lanes = before;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const __m512 scale = _mm512_set1_ps(scales[r]);
#pragma GCC unroll 2
      for (int p = 0; p < kTilePanels; ++p) {
        float* to = sums[r][p];
        _mm512_store_ps(to, _mm512_fmadd_ps(scale, t[r][p], _mm512_maskz_load_ps(lanes, to)));
      }
    }
  }
};

// Adds a group to acc, its sums in registers. tile.add<kPart>(block, x, first_row, t) adds the values of a
// scale.
template <int R, typename Tile>
ISOBATCH_INLINE void add_blocks(const Tile& tile, int first_row) {
  const GroupOperands& operands = tile.operands;
  __m512 t[R][kTilePanels];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int p = 0; p < kTilePanels; ++p) t[r][p] = _mm512_setzero_ps();
  }
  const std::int8_t* x = operands.values + static_cast<std::ptrdiff_t>(first_row) * kBlockBytes;
  for (int b = 0; b < tile.group.blocks; ++b, x += operands.block_stride) {
    operands.ask_ahead(b, first_row);
    tile.template add<0>(b, x, first_row, t);
    if constexpr (Tile::Weights::kParts == 2) tile.template add<1>(b, x, first_row, t);
  }
  operands.add_scaled(first_row, t);
}

// Rows [begin, end) of the block. One for all types whose groups are the same.
template <typename Group>
void add_group(const typename Group::Tile& tile, int begin, int end) {
  for_row_tiles<Group::kTileRows>(tile, begin, end);
}

// Panels p and p + 1, or p twice where no other is left; rows [begin, end) of x and some of its groups.
template <typename Group, TensorType kType>
void multiply_panels(const MatmulTask& task, int p, const QuantizedRows& x, int begin, int end,
                     GroupRange groups) {
  const PackedMatrix& w = task.weights;
  const auto stride = static_cast<std::ptrdiff_t>(panel_bytes(kType, w.depth));
  const std::byte* panels[kTilePanels] = {w.data + p * stride,
                                          w.data + std::min(p + 1, task.panel_end - 1) * stride};
  const std::size_t quants = quants_bytes(kType, w.depth);
  const Scales<kType> scales[kTilePanels] = {{panels[0] + quants, w.depth}, {panels[1] + quants, w.depth}};
  const std::ptrdiff_t next = kTilePanels * stride;
  constexpr int kBytes = 64 * quant_layout(kType).bits;
  const int rows = end - begin;
  const int count = std::min(kTilePanels, task.panel_end - p);
  const int outputs = std::min(count * kPanel, w.outputs - p * kPanel);
  const std::uint32_t mask = outputs == 32 ? ~0u : (1u << outputs) - 1;
  alignas(64) Sums acc[kRowBlock];
  const OutputTile<kType, kTilePanels> output{
      scales,          next, x, begin, &acc[0][0][0], task.out + begin * task.out_stride + p * kPanel,
      task.out_stride, mask};
  if (!groups.is_first()) output.load_sums(rows, &acc[0][0][0]);
  Group group;
  for (int g = groups.begin; g < groups.end; ++g) {
    const int first = g * kBlocksInGroup;
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(first) * x.rows + begin;
    group.blocks = std::min(kBlocksInGroup, x.blocks() - first);
    for (int i = 0; i < kTilePanels; ++i) group.template unpack<kType>(i, panels[i], scales[i], first, next);
    group.template start<kType>(x, first, begin, rows);
    const std::ptrdiff_t scale_row = Group::kForm == QuantForm::int8 ? first : g;
    const GroupOperands operands{x.values + row * block_bytes(Group::kForm),
                                 static_cast<std::ptrdiff_t>(x.rows) * block_bytes(Group::kForm),
                                 x.scales + scale_row * x.rows + begin,
                                 x.rows,
                                 acc,
                                 static_cast<__mmask16>(g == 0 ? 0 : 0xffff),
                                 {panels[0] + next + first * kBytes, panels[1] + next + first * kBytes},
                                 kBytes / 64};
    const typename Group::Tile tile{group, operands};
    if (g + 1 < x.groups()) {
      add_group<Group>(tile, 0, rows);
      continue;
    }
    for (int first_row = 0; first_row < rows; first_row += kOutputRows) {
      const int last_row = std::min(first_row + kOutputRows, rows);
      output.ask_for(first_row, last_row);
      add_group<Group>(tile, first_row, last_row);
      for_row_tiles<8>(output, first_row, last_row);
    }
  }
  if (!groups.is_last()) output.store_sums(rows);
}

template <typename Group, TensorType kType>
void multiply_in_blocks(const MatmulTask& task, const QuantizedRows& x) {
  for_row_and_depth_blocks(
      task.rows, x.groups(), block_bytes(Group::kForm) * kBlocksInGroup,
      [&](int begin, int end, GroupRange groups) {
        for (int p = task.panel_begin; p < task.panel_end; p += kTilePanels) {
          multiply_panels<Group, kType>(task, p, x, begin, end, groups);
        }
      },
      kCacheBytes);
}

// By type; GroupOf<kType> is the Group of a type.
template <template <TensorType> typename GroupOf, std::size_t... kTypes>
std::array<MatmulQ*, kTensorTypes> products_of(std::index_sequence<kTypes...>) {
  constexpr std::size_t kFirst = static_cast<std::size_t>(TensorType::q8_0);
  std::array<MatmulQ*, kTensorTypes> all{};
  const auto set = [&]<TensorType kType>() {
    all[static_cast<std::size_t>(kType)] = multiply_in_blocks<GroupOf<kType>, kType>;
  };
  (set.template operator()<static_cast<TensorType>(kFirst + kTypes)>(), ...);
  return all;
}
template <template <TensorType> typename GroupOf>
std::array<MatmulQ*, kTensorTypes> products_of_types() {
  constexpr std::size_t kFirst = static_cast<std::size_t>(TensorType::q8_0);
  return products_of<GroupOf>(std::make_index_sequence<kTensorTypes - kFirst>());
}

// [part of the group's blocks][panel][16]
template <TensorType kType, int kScales>
ISOBATCH_INLINE void unpack_scales(const Scales<kType>& packed, int first_block, int blocks,
                                   std::ptrdiff_t next, int panel,
                                   float (&scales)[kScales][kTilePanels][kPanel]) {
  constexpr int kParts = kBlock / quant_layout(kType).scaled;
  for (int i = 0; i < blocks * kParts; ++i) {
    packed.prefetch_scale(first_block * kParts + i, next);
    _mm512_store_ps(scales[i][panel], packed.scale(first_block * kParts + i));
  }
}
