// Cutting rows into blocks for the cache and into register tiles whose height the compiler knows. Included
// inside the namespace and the target region of each kernel source, since a function is inlined only into one
// of its own instruction set: no guard.

// tile.template run<R>(first_row) for tiles of Max of the rows [begin, end), then one of the rest.
template <int R, typename Tile>
inline __attribute__((always_inline)) void run_last_tile(const Tile& tile, int first_row, int rows) {
  if constexpr (R > 0) {
    if (rows == R) return tile.template run<R>(first_row);
    run_last_tile<R - 1>(tile, first_row, rows);
  }
}

template <int Max, typename Tile>
inline __attribute__((always_inline)) void for_row_tiles(const Tile& tile, int begin, int end) {
  int r = begin;
  for (; r + Max <= end; r += Max) tile.template run<Max>(r);
  run_last_tile<Max - 1>(tile, r, end - r);
}

template <int Max, typename Tile>
inline __attribute__((always_inline)) void for_row_tiles(const Tile& tile, int rows) {
  for_row_tiles<Max>(tile, 0, rows);
}

// Blocks are cut so that their activations fill a part of the L2 cache while the panels pass.
constexpr int kRowBlock = 264;
constexpr std::size_t kRowBlockBytes = 192 << 10;  // an L2 of 512 KB is usual

// visit(begin, end) for blocks of rows whose activations, row_bytes each, fill `cache_bytes`. At least a few
// register tiles high, so that what is done once a block does not weigh. A short last block would be as dear
// as a full one, so rows are shared out evenly, in whole numbers of kStep: of any tile's rows, or of the
// kernel's own.
template <int kStep = 24, typename Visit>
inline __attribute__((always_inline)) void for_row_blocks(int rows, std::size_t row_bytes, const Visit& visit,
                                                          std::size_t cache_bytes = kRowBlockBytes) {
  constexpr int kHighest = kRowBlock / kStep * kStep;
  int height = static_cast<int>(cache_bytes / (row_bytes + 1)) / kStep * kStep;
  height = height < kStep ? kStep : height > kHighest ? kHighest : height;
  int blocks = (rows + height - 1) / height;
  if (blocks > 1 && rows <= (blocks - 1) * (height + kStep) && height < kHighest) --blocks;
  if (blocks > 0) height = ((rows + blocks - 1) / blocks + kStep - 1) / kStep * kStep;
  for (int begin = 0; begin < rows; begin += height) {
    visit(begin, rows - begin < height ? rows : begin + height);
  }
}

// Of N-QUANT, in a product: of `all` that the depth has.
struct GroupRange {
  int begin, end, all;
  bool is_first() const { return begin == 0; }
  bool is_last() const { return end == all; }
};

// visit(begin, end, groups): the depth is cut as well where rows are so long that only few fill the cache,
// since all weights are unpacked anew for each block of rows. The sums of a row wait in the outputs from one
// range of groups to the next.
template <int kStep = 24, typename Visit>
inline __attribute__((always_inline)) void for_row_and_depth_blocks(
    int rows, int groups, std::size_t group_bytes, const Visit& visit,
    std::size_t cache_bytes = kRowBlockBytes) {
  constexpr int kFewRows = 48, kManyRows = 128;
  const std::size_t row_bytes = groups * group_bytes;
  int range = groups;
  if (row_bytes * (rows < kFewRows ? rows : kFewRows) > cache_bytes) {
    const std::size_t bytes = row_bytes * (rows < kManyRows ? rows : kManyRows);
    const int ranges = static_cast<int>((bytes + cache_bytes - 1) / cache_bytes);
    range = (groups + ranges - 1) / ranges;
  }
  const auto visit_ranges = [&](int begin, int end) {
    for (int group = 0; group < groups; group += range) {
      visit(begin, end, GroupRange{group, groups - group < range ? groups : group + range, groups});
    }
  };
  for_row_blocks<kStep>(rows, range * group_bytes, visit_ranges, cache_bytes);
}
