// Stands in for src/kernels/x86/tiles.h: the tile unit as the manual's pseudo-code has it. It throws on what
// the unit would refuse.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "kernels/x86/tile_config.h"

namespace isobatch::kernels::amx {

struct Unit {
  bool configured = false;
  TileConfig config;
  alignas(64) std::uint8_t data[8][16][64] = {};
};
inline thread_local Unit unit;

inline void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

inline void configure(const TileConfig& config) {
  require(config.palette == 1, "palette");
  for (int t = 0; t < 8; ++t) {
    require(config.rows[t] <= 16 && config.row_bytes[t] <= 64, "tile size");
    require((config.rows[t] == 0) == (config.row_bytes[t] == 0), "half a tile");
  }
  unit = {};
  unit.configured = true;
  unit.config = config;
}
inline void release() { unit = {}; }

template <int kTile>
void load(const void* rows, std::ptrdiff_t stride) {
  require(unit.configured && unit.config.rows[kTile] > 0, "load: no such tile");
  std::memset(unit.data[kTile], 0, sizeof unit.data[kTile]);
  for (int r = 0; r < unit.config.rows[kTile]; ++r) {
    std::memcpy(unit.data[kTile][r], static_cast<const std::byte*>(rows) + r * stride,
                unit.config.row_bytes[kTile]);
  }
}
template <int kTile>
void store(void* rows, std::ptrdiff_t stride) {
  require(unit.configured && unit.config.rows[kTile] > 0, "store: no such tile");
  for (int r = 0; r < unit.config.rows[kTile]; ++r) {
    std::memcpy(static_cast<std::byte*>(rows) + r * stride, unit.data[kTile][r],
                unit.config.row_bytes[kTile]);
  }
}
template <int kTile>
void zero() {
  require(unit.configured, "zero: no configuration");
  std::memset(unit.data[kTile], 0, sizeof unit.data[kTile]);
}

template <int kSum, int kA, int kB, bool kSignedB>
void multiply_bytes() {
  const TileConfig& c = unit.config;
  require(unit.configured && c.rows[kSum] == c.rows[kA] && c.row_bytes[kSum] == c.row_bytes[kB] &&
              c.row_bytes[kA] / 4 == c.rows[kB],
          "multiply: tiles do not fit");
  for (int m = 0; m < c.rows[kSum]; ++m) {
    for (int k = 0; k < c.rows[kB]; ++k) {
      for (int n = 0; n < c.row_bytes[kSum] / 4; ++n) {
        std::int32_t sum;
        std::memcpy(&sum, &unit.data[kSum][m][4 * n], 4);
        for (int i = 0; i < 4; ++i) {
          const int a = static_cast<std::int8_t>(unit.data[kA][m][4 * k + i]);
          const std::uint8_t b = unit.data[kB][k][4 * n + i];
          sum += a * (kSignedB ? static_cast<std::int8_t>(b) : static_cast<int>(b));
        }
        std::memcpy(&unit.data[kSum][m][4 * n], &sum, 4);
      }
    }
  }
}

// Denormals need no flushing here: N-DOT-B has none.
template <int kSum, int kA, int kB>
void multiply_bf16() {
  const TileConfig& c = unit.config;
  require(unit.configured && c.rows[kSum] == c.rows[kA] && c.row_bytes[kSum] == c.row_bytes[kB] &&
              c.row_bytes[kA] / 4 == c.rows[kB],
          "multiply: tiles do not fit");
  const auto bf16 = [](const std::uint8_t* p) {
    const std::uint32_t bits = static_cast<std::uint32_t>(p[0]) << 16 | static_cast<std::uint32_t>(p[1])
                                                                            << 24;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
  };
  for (int m = 0; m < c.rows[kSum]; ++m) {
    for (int n = 0; n < c.row_bytes[kSum] / 4; ++n) {
      float chains[2] = {};
      for (int k = 0; k < c.rows[kB]; ++k) {
        for (int i : {0, 1}) {
          chains[i] = std::fma(bf16(&unit.data[kA][m][4 * k + 2 * i]), bf16(&unit.data[kB][k][4 * n + 2 * i]),
                               chains[i]);
        }
      }
      float sum;
      std::memcpy(&sum, &unit.data[kSum][m][4 * n], 4);
      sum += chains[0] + chains[1];
      std::memcpy(&unit.data[kSum][m][4 * n], &sum, 4);
    }
  }
}

bool request_tiles();

}  // namespace isobatch::kernels::amx
