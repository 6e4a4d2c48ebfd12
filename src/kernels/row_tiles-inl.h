// Cutting rows into blocks for the cache and into register tiles whose height the compiler knows. Included
// inside the namespace and the target region of each kernel source, since a function is inlined only into one
// of its own instruction set: no guard.

// tile.template run<R>(first_row) for tiles of Max rows, then one of the rest.
template <int R, typename Tile>
inline __attribute__((always_inline)) void run_last_tile(const Tile& tile, int first_row, int rows) {
  if constexpr (R > 0) {
    if (rows == R) return tile.template run<R>(first_row);
    run_last_tile<R - 1>(tile, first_row, rows);
  }
}

template <int Max, typename Tile>
inline __attribute__((always_inline)) void for_row_tiles(const Tile& tile, int rows) {
  int r = 0;
  for (; r + Max <= rows; r += Max) tile.template run<Max>(r);
  run_last_tile<Max - 1>(tile, r, rows - r);
}

// visit(begin, end) for blocks of rows whose activations, row_bytes each, fill a part of the L2 cache. At
// least a few register tiles high, so that what is done once a block does not weigh.
constexpr int kRowBlock = 192;

template <typename Visit>
inline __attribute__((always_inline)) void for_row_blocks(int rows, std::size_t row_bytes,
                                                          const Visit& visit) {
  constexpr std::size_t kCacheBytes = 192 << 10;
  int height = static_cast<int>(kCacheBytes / (row_bytes + 1)) / 24 * 24;
  height = height < 24 ? 24 : height > kRowBlock ? kRowBlock : height;
  for (int begin = 0; begin < rows; begin += height) {
    visit(begin, rows - begin < height ? rows : begin + height);
  }
}
