#!/usr/bin/env python3
"""Writes tests/golden/quants.jsonl: blocks of random bytes of each quantized type, and the values that the gguf
Python package (pip install gguf) reads from them. Both as hex; values are little-endian f32."""

import json
import pathlib

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "quants.jsonl"
BLOCKS = {32: 8, 256: 2}
# Type -> offsets of the f16 fields in a block; other bytes may hold anything.
TYPES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q2_K": [80, 82], "Q3_K": [108],
         "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0]}


def main():
    random = np.random.default_rng(1)
    lines = []
    for name, halves in TYPES.items():
        kind = GGMLQuantizationType[name]
        values, size = GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (BLOCKS[values], size), dtype=np.uint8)
        for at in halves:
            scale = random.uniform(-0.1, 0.1, (len(blocks), 1)).astype(np.float16)
            blocks[:, at : at + 2] = scale.view(np.uint8)
        floats = dequantize(blocks, kind).astype("<f4")
        lines.append(json.dumps({"type": name, "blocks": blocks.tobytes().hex(), "values": floats.tobytes().hex()}))
    OUTPUT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
