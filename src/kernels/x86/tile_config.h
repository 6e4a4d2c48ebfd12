// The tile unit's configuration as ldtilecfg reads it: Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 2. Beside tiles.h, which tests and benchmarks replace.
#pragma once

#include <cstdint>

namespace isobatch::kernels::amx {

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};  // of tiles 0 … 7
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

}  // namespace isobatch::kernels::amx
