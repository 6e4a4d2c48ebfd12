#!/usr/bin/env python3
"""Blocks of Q8_0 and Q4_0 that the gguf package makes of random rows: tests/golden/quantized_rows.txt.

The rows are random_values() of tools/quality/make_family_models.py, which the test makes again.
"""

import sys
from pathlib import Path

import gguf
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "quality"))
from make_family_models import random_values  # noqa: E402

SCALES = [1.0, 0.01, 3e-5, 1e-9, 700.0, 0.0]  # of a row of 64 values each; tiny ones make f16 scales denormal


def main():
    lines = []
    for i, scale in enumerate(SCALES):
        row = random_values(f"row {i}", 64, scale, 0.0)
        for name, kind in (("Q8_0", gguf.GGMLQuantizationType.Q8_0), ("Q4_0", gguf.GGMLQuantizationType.Q4_0)):
            lines.append(f"{i} {scale!r} {name} {np.asarray(gguf.quants.quantize(row[None], kind)).tobytes().hex()}")
    (ROOT / "tests" / "golden" / "quantized_rows.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
