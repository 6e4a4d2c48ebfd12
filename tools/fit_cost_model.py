#!/usr/bin/env python3
"""Fits the cost model of docs/performance.md to this machine, checks it on sizes that the fit has not seen, and
predicts larger models and more cores.

Usage: fit_cost_model.py [BINARY] [-m MODEL] [--threads 1,2] [--out FILE] [--measured FILE]
--out keeps the measurements, --measured fits kept ones. Exits with 1 if a check is off by more than 15 %.
"""

import argparse
import json
import pathlib
import subprocess
import sys

# Each run: bench's phases at one number of threads and one prompt length. (prompt, batch sizes, prefill sizes)
FIT = [(128, [1, 4, 16, 64], [64, 512]), (768, [1, 4], [])]
CHECK = [(128, [2, 8, 32], [128, 384]), (384, [1, 6], [])]
NEW_TOKENS = 16
TOLERANCE = 0.15

# Rows for which a table unpacks weights once: a block of rows that fills a part of L2, on average of SmolLM2's matrices.
TILE_ROWS, BLOCK_ROWS = {"vnni": 168}, 96
QUERIES = 8  # of a request that share what attention loads

FEATURES = ("fixed", "region", "unpack", "multiply", "attend", "load")

# Shapes of published models; bytes per weight are those of the model that was measured.
MODELS = {
    "1B (16 layers, hidden 2048, 32/8 heads of 64, ffn 8192, vocabulary 128256)": dict(
        layers=16, hidden=2048, heads=32, kv_heads=8, head_dim=64, ffn=8192, vocabulary=128256),
    "7B (32 layers, hidden 4096, 32/32 heads of 128, ffn 11008, vocabulary 32000)": dict(
        layers=32, hidden=4096, heads=32, kv_heads=32, head_dim=128, ffn=11008, vocabulary=32000),
}


def measure(arguments, threads, peaks, prompt, batches, prefills):
    batches = [b for b in batches if b <= arguments.max_batch]
    command = [arguments.binary, "bench", "-m", arguments.model, "--json", "--threads", str(threads)]
    command += ["--kernels", arguments.kernels, "--prompt-tokens", str(prompt), "--new-tokens", str(NEW_TOKENS)]
    command += ["--repetitions", str(arguments.repetitions), "--batch-sizes", ",".join(map(str, batches))]
    command += ["--prefill-tokens", ",".join(map(str, prefills or [32]))]
    command += ["--no-peaks"] if peaks else []
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    least = result["least_seconds_per_step"]  # other programs can only make a step longer
    points = [{"rows": b, "outputs": b, "keys": prompt + NEW_TOKENS / 2, "seconds": least["decode"][str(b)]}
              for b in batches]
    points += [{"rows": n, "outputs": 1, "keys": (n + 1) / 2, "seconds": least[f"prefill_{n}"]} for n in prefills]
    return {"threads": threads, "kernels": result["kernels"], "shape": result["shape"],
            "peaks": peaks or result["peaks"], "points": points}


def work(shape, point, tile_rows):
    """Seconds per unit of each feature, for one thread: see the formula in docs/performance.md."""
    rows, outputs = point["rows"], point["outputs"]
    body = shape["matmul_macs"] - shape["head_macs"]
    share = shape["head_macs"] / shape["matmul_macs"]

    def tiles(n):
        return -(-n // tile_rows)

    tasks = rows if rows == outputs else -(-rows // QUERIES)  # decode has one query for each request
    return {
        "unpack": shape["matmul_bytes"] * ((1 - share) * tiles(rows) + share * tiles(outputs)),
        "multiply": rows * body + outputs * shape["head_macs"],
        "attend": rows * point["keys"] * shape["layers"] * shape["heads"] * shape["head_dim"] * 2,
        "load": tasks * point["keys"] * shape["layers"] * shape["kv_heads"] * shape["head_dim"] * 2,
    }


def bandwidth_seconds(shape, point, bandwidth):
    kv = 2 * 2 * point["keys"] * shape["layers"] * shape["kv_heads"] * shape["head_dim"] * point["outputs"]
    return shape["matmul_bytes"] / bandwidth, kv / bandwidth


def regions(shape, rows):
    """Parallel parts of a step that all threads end together; what is little, one thread does alone."""
    return (5 if rows <= 8 else 11) * shape["layers"] + 4


def row_of(shape, point, threads, tile_rows):
    own = work(shape, point, tile_rows)
    return [1.0, regions(shape, point["rows"]) if threads > 1 else 0.0] + [own[f] / threads for f in FEATURES[2:]]


def predict(coefficients, shape, point, threads, bandwidth, tile_rows):
    """Seconds of a step: memory and arithmetic overlap, so the slower of the two counts."""
    c = dict(zip(FEATURES, coefficients))
    own = work(shape, point, tile_rows)
    weights, kv = bandwidth_seconds(shape, point, bandwidth)
    matmul = (c["unpack"] * own["unpack"] + c["multiply"] * own["multiply"]) / threads
    attention = (c["attend"] * own["attend"] + c["load"] * own["load"]) / threads
    waiting = c["region"] * regions(shape, point["rows"]) * max(0, threads - 1).bit_length()
    return c["fixed"] + waiting + max(matmul, weights) + max(attention, kv)


def solve(a, b):
    """Gaussian elimination with pivoting."""
    n = len(b)
    m = [row[:] + [value] for row, value in zip(a, b)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(m[r][i]))
        m[i], m[pivot] = m[pivot], m[i]
        for r in range(n):
            if r != i:
                factor = m[r][i] / m[i][i]
                m[r] = [x - factor * y for x, y in zip(m[r], m[i])]
    return [m[i][n] / m[i][i] for i in range(n)]


def fit(rows, seconds, whole):
    """Least squares of errors relative to `whole`, none below 0: the most negative leaves until none is."""
    kept = [i for i in range(len(FEATURES)) if any(row[i] for row in rows)]
    while True:
        scale = {i: max(row[i] for row in rows) for i in kept}  # else the normal equations are ill-conditioned
        x = [[row[i] / scale[i] / w for i in kept] for row, w in zip(rows, whole)]
        y = [s / w for s, w in zip(seconds, whole)]
        a = [[sum(r[i] * r[j] for r in x) for j in range(len(kept))] for i in range(len(kept))]
        found = solve(a, [sum(r[i] * t for r, t in zip(x, y)) for i in range(len(kept))])
        worst = min(range(len(kept)), key=lambda i: found[i])
        if found[worst] >= 0:
            coefficients = [0.0] * len(FEATURES)
            for i, value in zip(kept, found):
                coefficients[i] = value / scale[i]
            return coefficients
        del kept[worst]


def fit_model(runs, tile_rows):
    """What waits for memory costs its bytes and says nothing about arithmetic. Which parts of which points do depends
    on the coefficients, so the fit is repeated until that no longer changes."""
    points = [(row_of(r["shape"], p, r["threads"], tile_rows), p["seconds"],
               bandwidth_seconds(r["shape"], p, r["peaks"]["bytes_per_second"])) for r in runs for p in r["points"]]
    waiting = [(False, False)] * len(points)  # for weights, for K and V
    for _ in range(20):
        rows, seconds = [], []
        for (row, whole, (weights, kv)), (waits, waits_kv) in zip(points, waiting):
            rows.append(row[:2] + ([0.0, 0.0] if waits else row[2:4]) + ([0.0, 0.0] if waits_kv else row[4:]))
            rest = whole - (weights if waits else 0) - (kv if waits_kv else 0)
            seconds.append(max(rest, 0.02 * whole))
        coefficients = fit(rows, seconds, [whole for _, whole, _ in points])
        _, _, unpack, multiply, attend, load = coefficients
        before, waiting = waiting, [
            (weights > unpack * row[2] + multiply * row[3], kv > attend * row[4] + load * row[5])
            for row, _, (weights, kv) in points]
        if waiting == before:
            break
    return coefficients


def check(coefficients, runs, tile_rows, title):
    worst = 0.0
    print(f"\n{title}\n threads  rows   keys   measured ms  model ms     off")
    for run in runs:
        for p in run["points"]:
            seconds = predict(coefficients, run["shape"], p, run["threads"], run["peaks"]["bytes_per_second"],
                              tile_rows)
            off = seconds / p["seconds"] - 1
            worst = max(worst, abs(off))
            print(f"{run['threads']:8}{p['rows']:6}{p['keys']:7.0f}{1e3 * p['seconds']:14.3f}{1e3 * seconds:10.3f}"
                  f"{100 * off:+7.1f} %")
    return worst


def shape_of(model, bytes_per_mac):
    heads, head_dim, hidden = model["heads"], model["head_dim"], model["hidden"]
    attention = hidden * head_dim * (2 * heads + 2 * model["kv_heads"])
    head = hidden * model["vocabulary"]
    macs = model["layers"] * (attention + 3 * hidden * model["ffn"]) + head
    return {"layers": model["layers"], "heads": heads, "kv_heads": model["kv_heads"], "head_dim": head_dim,
            "matmul_macs": macs, "head_macs": head, "matmul_bytes": macs * bytes_per_mac}


def print_predictions(coefficients, run, arguments):
    shape, peaks = run["shape"], run["peaks"]
    per_core = peaks["stream_bytes_per_second"] / run["threads"]
    bytes_per_weight = shape["matmul_bytes"] / shape["matmul_macs"]
    print(f"\npredictions. Assumed: cores like these ({run['kernels']} kernels), {bytes_per_weight:.2f} bytes per"
          f" weight, context 512, memory {per_core / 1e9:.1f} GB/s\nfor each core up to"
          f" {arguments.socket_bandwidth:.0f} GB/s, no other program, one NUMA node, a region's cost growing with the"
          " logarithm of the threads.")
    for name, model in MODELS.items():
        own = shape_of(model, bytes_per_weight)
        print(f"{name}: {own['matmul_bytes'] / 1e9:.2f} GB\n"
              "  cores   prefill 512   batch 1   batch 16   batch 64  tokens/s")
        for cores in (2, 16, 64):
            bandwidth = min(per_core * cores, arguments.socket_bandwidth * 1e9)

            def rate(point):
                return point["rows"] / predict(coefficients, own, point, cores, bandwidth, arguments.tile_rows)

            rates = [rate({"rows": 512, "outputs": 1, "keys": 256.5})]
            rates += [rate({"rows": b, "outputs": b, "keys": 512}) for b in (1, 16, 64)]
            print(f"{cores:7}{rates[0]:14.1f}{rates[1]:10.1f}{rates[2]:11.1f}{rates[3]:11.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("binary", nargs="?", default="build/apps/isobatch/isobatch")
    parser.add_argument("-m", "--model", default="smollm2")
    parser.add_argument("--kernels", default="auto")
    parser.add_argument("--threads", default="1,2", help="numbers of threads to measure")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--max-batch", type=int, default=64, help="leave out batches above; they take long")
    parser.add_argument("--tile-rows", type=int,
                        help="rows for which the kernels unpack weights once (default: the table's)")
    parser.add_argument("--socket-bandwidth", type=float, default=300, help="GB/s, for the predictions")
    parser.add_argument("--out", help="keep the measurements here")
    parser.add_argument("--measured", help="measurements that were kept")
    arguments = parser.parse_args()

    if arguments.measured:
        measured = json.loads(pathlib.Path(arguments.measured).read_text(encoding="utf-8"))
    else:
        threads = [int(t) for t in arguments.threads.split(",")]
        measured = {"fit": [], "check": []}
        peaks = {}  # by threads
        for kind, sizes in (("fit", FIT), ("check", CHECK)):
            for t, size in ((t, size) for t in threads for size in sizes):
                measured[kind].append(measure(arguments, t, peaks.get(t), *size))
                peaks[t] = measured[kind][-1]["peaks"]
    if arguments.out:
        pathlib.Path(arguments.out).write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")

    runs = measured["fit"]
    arguments.tile_rows = arguments.tile_rows or TILE_ROWS.get(runs[0]["kernels"], BLOCK_ROWS)
    coefficients = fit_model(runs, arguments.tile_rows)
    fixed, region, unpack, multiply, attend, load = coefficients
    print(f"fixed {1e6 * fixed:.0f} µs a step, {1e6 * region:.1f} µs a parallel region; for each thread"
          f" {1e-9 / unpack if unpack else float('inf'):.1f} GB/s unpacking,"
          f" {2e-9 / multiply if multiply else float('inf'):.1f} Gop/s multiplying,"
          f" {2e-9 / attend if attend else float('inf'):.1f} Gop/s in attention, which loads"
          f" {1e-9 / load if load else float('inf'):.1f} billion elements of K and V a second")
    check(coefficients, runs, arguments.tile_rows, "sizes of the fit")
    worst = check(coefficients, measured["check"], arguments.tile_rows, "sizes that the fit has not seen")
    print_predictions(coefficients, max(runs, key=lambda r: r["threads"]), arguments)
    if worst > TOLERANCE:
        print(f"\nworst check: {100 * worst:.0f} % off, more than {100 * TOLERANCE:.0f} %")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
