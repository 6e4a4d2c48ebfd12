// Cutting rows into register tiles whose height the compiler knows. Included inside the namespace and the
// target region of each kernel source, since a function is inlined only into one of its own instruction set:
// no guard.

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
