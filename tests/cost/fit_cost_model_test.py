#!/usr/bin/env python3
"""tools/fit_cost_model.py finds the coefficients that made its data, with and without parts that wait for memory."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))
import fit_cost_model as model  # noqa: E402

SHAPE = {"layers": 30, "heads": 9, "kv_heads": 3, "head_dim": 64, "matmul_bytes": 88e6, "matmul_macs": 135e6,
         "head_macs": 28e6}
TILE_ROWS = 8


def made_up_runs(coefficients, bandwidth):
    runs = []
    for threads in (1, 2):
        for prompt, batches, prefills in model.FIT:
            points = [{"rows": b, "outputs": b, "keys": prompt + 8} for b in batches]
            points += [{"rows": n, "outputs": 1, "keys": (n + 1) / 2} for n in prefills]
            for point in points:
                point["seconds"] = model.predict(coefficients, SHAPE, point, threads, bandwidth * threads, TILE_ROWS)
            runs.append({"threads": threads, "shape": SHAPE, "points": points,
                         "peaks": {"bytes_per_second": bandwidth * threads}})
    return runs


def main():
    for bandwidth in (12e9, 1e12):
        true = [2e-4, 5e-6, 1 / 20e9, 2 / 80e9, 2 / 20e9, 1 / 9e9]
        found = model.fit_model(made_up_runs(true, bandwidth), TILE_ROWS)
        for name, want, have in zip(model.FEATURES, true, found):
            if abs(have / want - 1) > 1e-6:
                sys.exit(f"{name}: {have} instead of {want} at {bandwidth} bytes/s")


if __name__ == "__main__":
    main()
